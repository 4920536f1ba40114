//! What is to be told of messages, taken from the structures that another implementation reads them into.

use bytes::Bytes;
use flowfold_wire::kafka::{Details, Ended, KafkaEvent, Partition};
use kafka_protocol::messages::{RequestKind, ResponseKind};
use kafka_protocol::records::RecordBatchDecoder;

/// Lines as `kafka_side` writes them.
struct Told {
    lines: Vec<String>,
    ended: Ended,
}

impl Told {
    fn new() -> Self {
        Self { lines: Vec::new(), ended: Ended { details: Details::Read, ..Ended::default() } }
    }

    fn event(&mut self, event: KafkaEvent<'_>) {
        self.lines.push(format!("{event:?}"));
    }

    fn topic(&mut self, name: &str) {
        self.event(KafkaEvent::Topic(cut(name)));
    }

    fn topic_id(&mut self, id: impl AsRef<[u8]>) {
        self.event(KafkaEvent::TopicId(id.as_ref().try_into().expect("16 bytes")));
    }

    /// By its name up to this version, by its id from the next one on.
    fn topic_until(&mut self, last: i16, version: i16, name: &str, id: impl AsRef<[u8]>) {
        if version <= last { self.topic(name) } else { self.topic_id(id) }
    }

    fn group(&mut self, group: &str) {
        self.event(KafkaEvent::Group(cut(group)));
    }

    fn partition(&mut self, partition: Partition) {
        self.error(partition.error_code);
        self.event(KafkaEvent::Partition(partition));
    }

    fn error(&mut self, code: i16) {
        if self.ended.error_code == 0 {
            self.ended.error_code = code;
        }
    }

    fn end(mut self) -> Vec<String> {
        self.event(KafkaEvent::End(self.ended));
        self.lines
    }
}

/// The part of a text that is told.
fn cut(text: &str) -> &str {
    &text[..text.len().min(256)]
}

fn counted(index: i32, records: Option<&Bytes>) -> Partition {
    let mut records = records.cloned().unwrap_or_default();
    let bytes = u64::try_from(records.len()).expect("short");
    let batches = RecordBatchDecoder::decode_batch_info(&mut records).expect("valid batches");
    let records = batches.iter().map(|batch| u64::try_from(batch.record_count).expect("a count")).sum();
    Partition { index, records, bytes, ..Partition::default() }
}

fn numbered(index: i32) -> Partition {
    Partition { index, ..Partition::default() }
}

fn failed(index: i32, error_code: i16) -> Partition {
    Partition { index, error_code, ..Partition::default() }
}

fn at(index: i32, offset: i64) -> Partition {
    Partition { index, offset: Some(offset), ..Partition::default() }
}

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
                topic.partitions.iter().for_each(|partition| told.partition(numbered(partition.partition_index)));
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
            told.group(&request.group_id);
            for topic in &request.topics {
                told.topic(&topic.name);
                for partition in &topic.partitions {
                    told.partition(at(partition.partition_index, partition.committed_offset));
                }
            }
        }
        RequestKind::SaslHandshake(_)
        | RequestKind::SaslAuthenticate(_)
        | RequestKind::ApiVersions(_)
        | RequestKind::InitProducerId(_)
        | RequestKind::EndTxn(_) => {}
        other => panic!("{other:?}"),
    }
    told.end()
}

/// What is to be told behind the head of a response.
#[expect(clippy::too_many_lines, reason = "one arm for each kind")]
pub(crate) fn response_told(response: &ResponseKind, version: i16) -> Vec<String> {
    let mut told = Told::new();
    match response {
        ResponseKind::Produce(response) => {
            for topic in &response.responses {
                told.topic_until(12, version, &topic.name, topic.topic_id);
                for partition in &topic.partition_responses {
                    told.partition(failed(partition.index, partition.error_code));
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
            response.results.iter().for_each(|group| told.error(group.error_code));
        }
        ResponseKind::ConsumerGroupHeartbeat(response) => {
            told.ended.throttle_ms = Some(response.throttle_time_ms);
            told.error(response.error_code);
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
