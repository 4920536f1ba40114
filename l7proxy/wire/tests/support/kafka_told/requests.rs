//! Requests.

use flowfold_wire::kafka::{KafkaEvent, Partition};
use kafka_protocol::messages::RequestKind;

use super::{Told, at, counted, numbered};

/// What is to be told behind the head of a request.
#[expect(clippy::too_many_lines, reason = "one arm for each kind")]
pub(crate) fn request_told(request: &RequestKind, version: i16, client: &str) -> Vec<String> {
    let mut told = Told::new();
    told.event(KafkaEvent::ClientId(client));
    match request {
        RequestKind::Produce(request) => {
            told.ended.acks = Some(request.acks);
            for topic in &request.topic_data {
                told.topic_until(12, version, &topic.name, topic.topic_id);
                for partition in &topic.partition_data {
                    told.partition(counted(partition.index, partition.records.as_ref()));
                }
            }
        }
        RequestKind::Fetch(request) => {
            told.ended.max_wait_ms = Some(request.max_wait_ms);
            told.ended.min_bytes = Some(request.min_bytes);
            let replica = if version <= 14 { request.replica_id } else { request.replica_state.replica_id };
            told.ended.is_replica = *replica >= 0;
            for topic in &request.topics {
                told.topic_until(12, version, &topic.topic, topic.topic_id);
                for partition in &topic.partitions {
                    told.partition(at(partition.partition, partition.fetch_offset));
                }
            }
        }
        RequestKind::ListOffsets(request) => {
            for topic in &request.topics {
                told.topic(&topic.name);
                for partition in &topic.partitions {
                    let timestamp = Some(partition.timestamp);
                    told.partition(Partition { timestamp, ..numbered(partition.partition_index) });
                }
            }
        }
        RequestKind::Metadata(request) => {
            for topic in request.topics.iter().flatten() {
                if version >= 10 {
                    told.topic_id(topic.topic_id);
                }
                told.topic(topic.name.as_ref().map_or("", |name| name.as_str()));
            }
        }
        RequestKind::OffsetCommit(request) => {
            told.group(&request.group_id);
            for topic in &request.topics {
                told.topic_until(9, version, &topic.name, topic.topic_id);
                for partition in &topic.partitions {
                    told.partition(at(partition.partition_index, partition.committed_offset));
                }
            }
        }
        RequestKind::OffsetFetch(request) => {
            if version <= 7 {
                told.group(&request.group_id);
            }
            for topic in request.topics.iter().flatten() {
                told.topic(&topic.name);
                topic.partition_indexes.iter().for_each(|index| told.partition(numbered(*index)));
            }
            for group in &request.groups {
                told.group(&group.group_id);
                for topic in group.topics.iter().flatten() {
                    told.topic_until(9, version, &topic.name, topic.topic_id);
                    topic.partition_indexes.iter().for_each(|index| told.partition(numbered(*index)));
                }
            }
        }
        RequestKind::FindCoordinator(request) => {
            if version <= 3 {
                told.group(&request.key);
            }
            told.ended.coordinator_kind = (version >= 1).then_some(request.key_type);
            request.coordinator_keys.iter().for_each(|key| told.group(key));
        }
        RequestKind::JoinGroup(request) => told.group(&request.group_id),
        RequestKind::Heartbeat(request) => told.group(&request.group_id),
        RequestKind::LeaveGroup(request) => told.group(&request.group_id),
        RequestKind::SyncGroup(request) => told.group(&request.group_id),
        RequestKind::DescribeGroups(request) => request.groups.iter().for_each(|group| told.group(group)),
        RequestKind::DeleteGroups(request) => request.groups_names.iter().for_each(|group| told.group(group)),
        RequestKind::ConsumerGroupHeartbeat(request) => told.group(&request.group_id),
        RequestKind::AddOffsetsToTxn(request) => told.group(&request.group_id),
        RequestKind::CreateTopics(request) => request.topics.iter().for_each(|topic| told.topic(&topic.name)),
        RequestKind::CreatePartitions(request) => request.topics.iter().for_each(|topic| told.topic(&topic.name)),
        RequestKind::DescribeTopicPartitions(request) => {
            request.topics.iter().for_each(|topic| told.topic(&topic.name));
        }
        RequestKind::DeleteTopics(request) => {
            for topic in &request.topics {
                told.topic(topic.name.as_ref().map_or("", |name| name.as_str()));
                told.topic_id(topic.topic_id);
            }
            request.topic_names.iter().for_each(|name| told.topic(name));
        }
        RequestKind::DeleteRecords(request) => {
            for topic in &request.topics {
                told.topic(&topic.name);
                for partition in &topic.partitions {
                    told.partition(at(partition.partition_index, partition.offset));
                }
            }
        }
        RequestKind::OffsetDelete(request) => {
            told.group(&request.group_id);
            for topic in &request.topics {
                told.topic(&topic.name);
                topic.partitions.iter().for_each(|partition| told.partition(numbered(partition.partition_index)));
            }
        }
        RequestKind::AddPartitionsToTxn(request) => {
            let topics = request.transactions.iter().flat_map(|transaction| &transaction.topics);
            for topic in topics.chain(&request.v3_and_below_topics) {
                told.topic(&topic.name);
                topic.partitions.iter().for_each(|index| told.partition(numbered(*index)));
            }
        }
        RequestKind::TxnOffsetCommit(request) => {
            told.transaction(&request.transactional_id, (*request.producer_id, request.producer_epoch));
            told.group(&request.group_id);
            for topic in &request.topics {
                told.topic(&topic.name);
                for partition in &topic.partitions {
                    told.partition(at(partition.partition_index, partition.committed_offset));
                }
            }
        }
        RequestKind::ShareFetch(request) => {
            told.group(request.group_id.as_ref().map_or("", |id| id.as_str()));
            told.ended.max_wait_ms = Some(request.max_wait_ms);
            told.ended.min_bytes = Some(request.min_bytes);
            for topic in &request.topics {
                told.topic_id(topic.topic_id);
                topic.partitions.iter().for_each(|partition| told.partition(numbered(partition.partition_index)));
            }
        }
        RequestKind::ShareAcknowledge(request) => {
            told.group(request.group_id.as_ref().map_or("", |id| id.as_str()));
            for topic in &request.topics {
                told.topic_id(topic.topic_id);
                topic.partitions.iter().for_each(|partition| told.partition(numbered(partition.partition_index)));
            }
        }
        RequestKind::SaslHandshake(_)
        | RequestKind::SaslAuthenticate(_)
        | RequestKind::ApiVersions(_)
        | RequestKind::DescribeCluster(_) => {}
        RequestKind::InitProducerId(request) => {
            told.transactional_id(request.transactional_id.as_ref().map_or("", |id| id.as_str()));
            told.ended.transaction_timeout_ms = Some(request.transaction_timeout_ms);
        }
        RequestKind::EndTxn(request) => {
            told.transaction(&request.transactional_id, (*request.producer_id, request.producer_epoch));
            told.ended.commits = request.committed;
        }
        other => panic!("{other:?}"),
    }
    told.end()
}
