//! What an exchange told of topics and their partitions, from both of its sides.

use std::ops::Range;

use flowfold_flow::{KafkaError, KafkaPartition, KafkaRecords, KafkaTopic};
use flowfold_wire::kafka::{Partition, TopicId};

use super::topics::Topics;

/// How many partitions of an exchange are told one by one. A consumer of a whole large topic asks for that many; of those
/// beyond, the records are counted in one sum.
const MAX_PARTITIONS: usize = 256;

/// How many topics of an exchange are told apart.
const MAX_TOPICS: usize = 256;

/// The longest name that a topic can have.
const NAME_BYTES: usize = 249;

/// The id that stands for none.
const NO_ID: TopicId = [0; 16];

/// The topics and partitions of one exchange.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    topics: Vec<Topic>,
    /// The names of the topics, one behind the other.
    names: String,
    entries: Vec<Entry>,
    more: KafkaRecords,
    /// The topic that was told last; none where it has no place here.
    current: Option<usize>,
    /// Where the next partition is sought first: a response has them in the order of its request as a rule.
    next: usize,
    /// Topics that have no place here.
    more_topics: bool,
}

/// A topic, by its id where it was told by that, and its name where that is known.
#[derive(Debug)]
struct Topic {
    id: TopicId,
    name: Range<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    topic: usize,
    partition: Partition,
}

impl Partitions {
    /// Begins another exchange, in the memory of the last one.
    pub(super) fn clear(&mut self) {
        self.topics.clear();
        self.names.clear();
        self.entries.clear();
        (self.more, self.current, self.next, self.more_topics) = (KafkaRecords::default(), None, 0, false);
    }

    /// Gives back memory that few exchanges need.
    pub(super) fn shrink(&mut self) {
        const KEPT: usize = 32;
        self.topics.shrink_to(KEPT);
        self.names.shrink_to(KEPT * KEPT);
        self.entries.shrink_to(KEPT);
    }

    /// How many things are held.
    pub(super) fn held(&self) -> usize {
        self.topics.len() + self.entries.len()
    }

    /// The other side begins to tell.
    pub(super) fn turn(&mut self) {
        (self.current, self.next) = (None, 0);
    }

    /// What follows belongs to the topic of this name. A name that is left out is none.
    pub(super) fn topic(&mut self, name: &str, may_grow: bool) {
        if name.is_empty() {
            return;
        }
        let at =
            self.topics.iter().position(|topic| topic.id == NO_ID && self.names.get(topic.name.clone()) == Some(name));
        self.current = at.or_else(|| self.add(NO_ID, name, may_grow));
    }

    /// What follows belongs to the topic of this id.
    pub(super) fn topic_id(&mut self, id: TopicId, known: &Topics, may_grow: bool) {
        if id == NO_ID {
            return;
        }
        let at = self.topics.iter().position(|topic| topic.id == id);
        let is_named = |at: usize| self.topics.get(at).is_some_and(|topic| !topic.name.is_empty());
        if at.is_some_and(is_named) {
            self.current = at;
            return;
        }
        let named = known.look_up(id, |name| match at.and_then(|at| self.topics.get_mut(at)) {
            Some(topic) => {
                topic.name = append(&mut self.names, name);
                at
            }
            None => self.add(id, name, may_grow),
        });
        self.current = named.unwrap_or_else(|| at.or_else(|| self.add(id, "", may_grow)));
    }

    fn add(&mut self, id: TopicId, name: &str, may_grow: bool) -> Option<usize> {
        if self.topics.len() >= MAX_TOPICS || !may_grow {
            self.more_topics = true;
            return None;
        }
        // What is no name gets none, but keeps its place.
        let name = if is_name(name) || id == NO_ID { name } else { "" };
        let name = append(&mut self.names, name);
        self.topics.push(Topic { id, name });
        Some(self.topics.len() - 1)
    }

    /// A partition of the topic that was told last.
    pub(super) fn partition(&mut self, told: Partition, may_grow: bool) {
        let entry = self.current.and_then(|topic| self.entry(topic, told.index, may_grow));
        let Some(partition) = entry else {
            self.more += KafkaRecords { count: told.records, bytes: told.bytes };
            return;
        };
        if partition.error_code == 0 {
            partition.error_code = told.error_code;
        }
        partition.records = partition.records.saturating_add(told.records);
        partition.bytes = partition.bytes.saturating_add(told.bytes);
        partition.high_watermark = told.high_watermark.or(partition.high_watermark);
        partition.offset = told.offset.or(partition.offset);
    }

    fn entry(&mut self, topic: usize, index: i32, may_grow: bool) -> Option<&mut Partition> {
        let is_it = |entry: &Entry| entry.topic == topic && entry.partition.index == index;
        let at = if self.entries.get(self.next).is_some_and(is_it) {
            self.next
        } else if let Some(at) = self.entries.iter().position(is_it) {
            at
        } else if self.entries.len() < MAX_PARTITIONS && may_grow {
            self.entries.push(Entry { topic, partition: Partition { index, ..Partition::default() } });
            self.entries.len() - 1
        } else {
            return None;
        };
        self.next = at + 1;
        self.entries.get_mut(at).map(|entry| &mut entry.partition)
    }

    /// The topic, where there is exactly one.
    pub(super) fn only_topic(&self) -> Option<KafkaTopic<'_>> {
        match &self.topics[..] {
            [topic] if !self.more_topics => Some(self.told(topic)),
            _ => None,
        }
    }

    /// What is told of each partition.
    pub(super) fn told_each(&self) -> impl Iterator<Item = KafkaPartition<'_>> {
        self.entries.iter().map(|Entry { topic, partition }| KafkaPartition {
            topic: self.topics.get(*topic).map_or(KafkaTopic::Unknown, |topic| self.told(topic)),
            partition: partition.index,
            error: KafkaError(partition.error_code),
            records: KafkaRecords { count: partition.records, bytes: partition.bytes },
            high_watermark: partition.high_watermark,
            offset: partition.offset,
        })
    }

    /// The records of the partitions that are not told.
    pub(super) fn more(&self) -> KafkaRecords {
        self.more
    }

    fn told(&self, topic: &Topic) -> KafkaTopic<'_> {
        match self.names.get(topic.name.clone()) {
            Some(name) if is_name(name) => KafkaTopic::Named(name),
            _ => KafkaTopic::Unknown,
        }
    }
}

fn append(names: &mut String, name: &str) -> Range<usize> {
    let from = names.len();
    names.push_str(name);
    from..names.len()
}

/// Whether a broker would let a topic have this name.
pub(super) fn is_name(name: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(is_legal)
}
