//! What is to be told of messages, taken from the structures that another implementation reads them into.

#[path = "kafka_told/requests.rs"]
mod requests;
#[path = "kafka_told/responses.rs"]
mod responses;

use bytes::Bytes;
use flowfold_wire::kafka::{Details, Ended, KafkaEvent, Partition};
use kafka_protocol::records::RecordBatchDecoder;
pub(crate) use requests::request_told;
pub(crate) use responses::response_told;

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

    fn cluster_id(&mut self, id: &str) {
        self.event(KafkaEvent::ClusterId(cut(id)));
    }

    fn group(&mut self, group: &str) {
        self.event(KafkaEvent::Group(cut(group)));
    }

    fn transactional_id(&mut self, id: &str) {
        self.event(KafkaEvent::TransactionalId(cut(id)));
    }

    fn transaction(&mut self, id: &str, (producer_id, epoch): (i64, i16)) {
        self.transactional_id(id);
        (self.ended.producer_id, self.ended.producer_epoch) = (Some(producer_id), Some(epoch));
    }

    fn group_error(&mut self, code: i16) {
        self.error(code);
        self.event(KafkaEvent::GroupError(code));
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
    let next_offset = batches.last().map(|batch| batch.min_offset + i64::from(batch.record_count));
    Partition { index, records, bytes, next_offset, ..Partition::default() }
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
