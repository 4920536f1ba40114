//! Responses.

use flowfold_wire::kafka::Partition;
use kafka_protocol::messages::ResponseKind;

use super::{Told, at, counted, failed};

/// What is to be told behind the head of a response.
#[expect(clippy::too_many_lines, reason = "one arm for each kind")]
pub(crate) fn response_told(response: &ResponseKind, version: i16) -> Vec<String> {
    let mut told = Told::new();
    match response {
        ResponseKind::Produce(response) => {
            for topic in &response.responses {
                told.topic_until(12, version, &topic.name, topic.topic_id);
                for partition in &topic.partition_responses {
                    let error_code = partition.error_code;
                    told.partition(Partition { error_code, ..at(partition.index, partition.base_offset) });
                }
            }
            told.ended.throttle_ms = Some(response.throttle_time_ms);
        }
        ResponseKind::Fetch(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            told.error(response.error_code);
            for topic in &response.responses {
                told.topic_until(12, version, &topic.topic, topic.topic_id);
                for partition in &topic.partitions {
                    told.partition(Partition {
                        error_code: partition.error_code,
                        high_watermark: Some(partition.high_watermark),
                        ..counted(partition.partition_index, partition.records.as_ref())
                    });
                }
            }
        }
        ResponseKind::ListOffsets(response) => {
            told.ended.throttle_ms = (version >= 2).then_some(response.throttle_time_ms);
            for topic in &response.topics {
                told.topic(&topic.name);
                for partition in &topic.partitions {
                    let error_code = partition.error_code;
                    told.partition(Partition { error_code, ..at(partition.partition_index, partition.offset) });
                }
            }
        }
        ResponseKind::Metadata(response) => {
            told.ended.throttle_ms = (version >= 3).then_some(response.throttle_time_ms);
            if version >= 2 {
                told.cluster_id(response.cluster_id.as_ref().map_or("", |id| id.as_str()));
            }
            for topic in &response.topics {
                told.error(topic.error_code);
                told.topic(topic.name.as_ref().map_or("", |name| name.as_str()));
                if version >= 10 {
                    told.topic_id(topic.topic_id);
                }
                topic.partitions.iter().for_each(|partition| told.error(partition.error_code));
            }
            told.error(response.error_code);
        }
        ResponseKind::OffsetCommit(response) => {
            told.ended.throttle_ms = (version >= 3).then_some(response.throttle_time_ms);
            for topic in &response.topics {
                told.topic_until(9, version, &topic.name, topic.topic_id);
                for partition in &topic.partitions {
                    told.partition(failed(partition.partition_index, partition.error_code));
                }
            }
        }
        ResponseKind::OffsetFetch(response) => {
            told.ended.throttle_ms = (version >= 3).then_some(response.throttle_time_ms);
            for topic in &response.topics {
                told.topic(&topic.name);
                for partition in &topic.partitions {
                    let error_code = partition.error_code;
                    told.partition(Partition {
                        error_code,
                        ..at(partition.partition_index, partition.committed_offset)
                    });
                }
            }
            told.error(response.error_code);
            for group in &response.groups {
                told.group(&group.group_id);
                for topic in &group.topics {
                    told.topic_until(9, version, &topic.name, topic.topic_id);
                    for partition in &topic.partitions {
                        let (index, offset) = (partition.partition_index, partition.committed_offset);
                        told.partition(Partition { error_code: partition.error_code, ..at(index, offset) });
                    }
                }
                told.error(group.error_code);
            }
        }
        ResponseKind::FindCoordinator(response) => {
            told.ended.throttle_ms = (version >= 1).then_some(response.throttle_time_ms);
            told.error(response.error_code);
            response.coordinators.iter().for_each(|coordinator| told.error(coordinator.error_code));
        }
        ResponseKind::JoinGroup(response) => {
            told.ended.throttle_ms = (version >= 2).then_some(response.throttle_time_ms);
            told.error(response.error_code);
        }
        ResponseKind::Heartbeat(response) => {
            told.ended.throttle_ms = (version >= 1).then_some(response.throttle_time_ms);
            told.error(response.error_code);
        }
        ResponseKind::LeaveGroup(response) => {
            told.ended.throttle_ms = (version >= 1).then_some(response.throttle_time_ms);
            told.error(response.error_code);
            response.members.iter().for_each(|member| told.error(member.error_code));
        }
        ResponseKind::SyncGroup(response) => {
            told.ended.throttle_ms = (version >= 1).then_some(response.throttle_time_ms);
            told.error(response.error_code);
        }
        ResponseKind::DescribeGroups(response) => {
            told.ended.throttle_ms = (version >= 1).then_some(response.throttle_time_ms);
            response.groups.iter().for_each(|group| told.error(group.error_code));
        }
        ResponseKind::DeleteGroups(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            for group in &response.results {
                told.group(&group.group_id);
                told.group_error(group.error_code);
            }
        }
        ResponseKind::ConsumerGroupHeartbeat(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            told.error(response.error_code);
        }
        ResponseKind::ShareFetch(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            told.error(response.error_code);
            for topic in &response.responses {
                told.topic_id(topic.topic_id);
                for partition in &topic.partitions {
                    let error_code = partition.error_code;
                    let carried = counted(partition.partition_index, partition.records.as_ref());
                    let given = |from: i64, to: i64| {
                        u64::try_from(to.saturating_sub(from)).map_or(0, |last| last.saturating_add(1))
                    };
                    let acquired = partition.acquired_records.iter();
                    let given = acquired.map(|range| given(range.first_offset, range.last_offset));
                    let given = given.reduce(u64::saturating_add).unwrap_or(carried.records);
                    let records = given.min(carried.records);
                    told.partition(Partition { error_code, records, ..carried });
                    told.error(partition.acknowledge_error_code);
                }
            }
        }
        ResponseKind::ShareAcknowledge(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            told.error(response.error_code);
            for topic in &response.responses {
                told.topic_id(topic.topic_id);
                for partition in &topic.partitions {
                    told.partition(failed(partition.partition_index, partition.error_code));
                }
            }
        }
        ResponseKind::SaslHandshake(response) => told.error(response.error_code),
        ResponseKind::SaslAuthenticate(response) => told.error(response.error_code),
        ResponseKind::ApiVersions(response) => {
            told.error(response.error_code);
            told.ended.throttle_ms = (version >= 1).then_some(response.throttle_time_ms);
        }
        ResponseKind::CreateTopics(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            for topic in &response.topics {
                told.topic(&topic.name);
                if version >= 7 {
                    told.topic_id(topic.topic_id);
                }
                told.error(topic.error_code);
            }
        }
        ResponseKind::CreatePartitions(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            for topic in &response.results {
                told.topic(&topic.name);
                told.error(topic.error_code);
            }
        }
        ResponseKind::DeleteTopics(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            for topic in &response.responses {
                told.topic(topic.name.as_ref().map_or("", |name| name.as_str()));
                if version >= 6 {
                    told.topic_id(topic.topic_id);
                }
                told.error(topic.error_code);
            }
        }
        ResponseKind::DeleteRecords(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            for topic in &response.topics {
                told.topic(&topic.name);
                for partition in &topic.partitions {
                    told.partition(failed(partition.partition_index, partition.error_code));
                }
            }
        }
        ResponseKind::OffsetDelete(response) => {
            told.error(response.error_code);
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            for topic in &response.topics {
                told.topic(&topic.name);
                for partition in &topic.partitions {
                    told.partition(failed(partition.partition_index, partition.error_code));
                }
            }
        }
        ResponseKind::DescribeCluster(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            told.error(response.error_code);
            told.cluster_id(&response.cluster_id);
        }
        ResponseKind::DescribeTopicPartitions(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            for topic in &response.topics {
                told.error(topic.error_code);
                told.topic(topic.name.as_ref().map_or("", |name| name.as_str()));
                told.topic_id(topic.topic_id);
                topic.partitions.iter().for_each(|partition| told.error(partition.error_code));
            }
        }
        ResponseKind::InitProducerId(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            told.error(response.error_code);
        }
        ResponseKind::AddOffsetsToTxn(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            told.error(response.error_code);
        }
        ResponseKind::EndTxn(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            told.error(response.error_code);
        }
        ResponseKind::AddPartitionsToTxn(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            told.error(response.error_code);
            let topics = response.results_by_transaction.iter().flat_map(|transaction| &transaction.topic_results);
            for topic in topics.chain(&response.results_by_topic_v3_and_below) {
                told.topic(&topic.name);
                for partition in &topic.results_by_partition {
                    told.partition(failed(partition.partition_index, partition.partition_error_code));
                }
            }
        }
        ResponseKind::TxnOffsetCommit(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            for topic in &response.topics {
                told.topic(&topic.name);
                for partition in &topic.partitions {
                    told.partition(failed(partition.partition_index, partition.error_code));
                }
            }
        }
        other => panic!("{other:?}"),
    }
    told.end()
}
