//! What an exchange told of topics and their partitions, from both of its sides.

mod order;

use std::cmp::Ordering;
use std::ops::Range;

use flowfold_flow::{KafkaApi, KafkaError, KafkaPartition, KafkaRecords, KafkaTopic};
use flowfold_wire::kafka::{Partition, TopicId};

use super::topics::Topics;
use order::Order;

/// How many partitions of an exchange are told one by one. A consumer of a whole large topic asks for that many; of those
/// beyond, the records are counted in one sum.
const MAX_PARTITIONS: usize = 256;

/// How many topics of an exchange are told apart.
const MAX_TOPICS: usize = 256;

/// The longest name that a topic can have.
const NAME_BYTES: usize = 249;

/// The id that stands for none.
const NO_ID: TopicId = [0; 16];

/// What a `ListOffsets` asks for to learn where a partition ends.
const LATEST: i64 = -1;

/// The topics and partitions of one exchange.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    topics: Vec<Topic>,
    /// The names of the topics, one behind the other.
    names: String,
    entries: Vec<Entry>,
    /// The topics by their ids and names, and the entries by topic and partition: whatever order both sides tell them in,
    /// and however often, each costs few comparisons.
    topic_order: Order,
    entry_order: Order,
    more: KafkaRecords,
    /// The first error of partitions that have no place here.
    more_error: i16,
    /// The topic that was told last; none where it has no place here.
    current: Option<usize>,
    /// It was told by its name just before: an id that follows is its own.
    just_named: bool,
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
    has_no_offset: bool,
}

impl Partitions {
    /// Begins another exchange, in the memory of the last one.
    pub(super) fn clear(&mut self) {
        self.topics.clear();
        self.names.clear();
        self.entries.clear();
        self.topic_order.clear();
        self.entry_order.clear();
        (self.more, self.more_error, self.more_topics) = (KafkaRecords::default(), 0, false);
        self.turn();
    }

    /// Gives back memory that few exchanges need.
    pub(super) fn shrink(&mut self) {
        const KEPT: usize = 32;
        self.topics.shrink_to(KEPT);
        self.names.shrink_to(KEPT * KEPT);
        self.entries.shrink_to(KEPT);
        self.topic_order.shrink_to(KEPT);
        self.entry_order.shrink_to(KEPT);
    }

    /// How many things are held.
    pub(super) fn held(&self) -> usize {
        self.topics.len() + self.entries.len()
    }

    /// The other side begins to tell.
    pub(super) fn turn(&mut self) {
        (self.current, self.next, self.just_named) = (None, 0, false);
    }

    /// What follows belongs to the topic of this name: to none, where it is left out.
    pub(super) fn topic(&mut self, name: &str, may_grow: bool) {
        self.just_named = !name.is_empty();
        self.current = if name.is_empty() {
            None
        } else {
            self.find(NO_ID, name).map_or_else(|at| self.add(at, NO_ID, name, may_grow), Some)
        };
    }

    /// What follows belongs to the topic of this id.
    pub(super) fn topic_id(&mut self, id: TopicId, known: &Topics, may_grow: bool) {
        let is_named = std::mem::take(&mut self.just_named);
        if id == NO_ID {
            self.current = self.current.filter(|_| is_named);
            return;
        }
        self.current = match self.find(id, "") {
            Ok(at) => {
                let nameless = self.topics.get_mut(at).filter(|topic| topic.name.is_empty());
                if let Some(topic) = nameless {
                    known.look_up(id, |name| topic.name = append(&mut self.names, name));
                }
                Some(at)
            }
            Err(at) if self.may_add_topic(may_grow) => {
                let named = known.look_up(id, |name| self.add(at, id, name, may_grow));
                named.unwrap_or_else(|| self.add(at, id, "", may_grow))
            }
            Err(_) => None,
        };
    }

    /// The place of a topic, or its place in the order.
    fn find(&self, id: TopicId, name: &str) -> Result<usize, usize> {
        self.topic_order.find(|place| {
            let Some(topic) = self.topics.get(place) else { return Ordering::Greater };
            // One with an id is the same by whatever name.
            let named = || self.names.get(topic.name.clone()).unwrap_or_default().cmp(name);
            topic.id.cmp(&id).then_with(|| if id == NO_ID { named() } else { Ordering::Equal })
        })
    }

    fn may_add_topic(&mut self, may_grow: bool) -> bool {
        let may_add = self.topics.len() < MAX_TOPICS && may_grow;
        self.more_topics |= !may_add;
        may_add
    }

    fn add(&mut self, at: usize, id: TopicId, name: &str, may_grow: bool) -> Option<usize> {
        if !self.may_add_topic(may_grow) {
            return None;
        }
        // What is no name gets none, but keeps its place.
        let name = if is_name(name) || id == NO_ID { name } else { "" };
        let name = append(&mut self.names, name);
        self.topic_order.add(at, self.topics.len());
        self.topics.push(Topic { id, name });
        Some(self.topics.len() - 1)
    }

    /// A partition of the topic that was told last.
    pub(super) fn partition(&mut self, told: Partition, has_no_offset: bool, may_grow: bool) {
        self.just_named = false;
        let entry = self.current.and_then(|topic| self.entry(topic, told.index, may_grow));
        let Some(entry) = entry else {
            self.more += KafkaRecords { count: told.records, bytes: told.bytes };
            if self.more_error == 0 {
                self.more_error = told.error_code;
            }
            return;
        };
        entry.has_no_offset |= has_no_offset;
        let partition = &mut entry.partition;
        if partition.error_code == 0 {
            partition.error_code = told.error_code;
        }
        partition.records = partition.records.saturating_add(told.records);
        partition.bytes = partition.bytes.saturating_add(told.bytes);
        partition.high_watermark = told.high_watermark.or(partition.high_watermark);
        partition.offset = told.offset.or(partition.offset);
        partition.next_offset = told.next_offset.or(partition.next_offset);
        partition.timestamp = told.timestamp.or(partition.timestamp);
    }

    fn entry(&mut self, topic: usize, index: i32, may_grow: bool) -> Option<&mut Entry> {
        let key = |entry: &Entry| (entry.topic, entry.partition.index);
        let sought = (topic, index);
        let at = if self.entries.get(self.next).is_some_and(|entry| key(entry) == sought) {
            self.next
        } else {
            let compare = |place| self.entries.get(place).map_or(Ordering::Greater, |entry| key(entry).cmp(&sought));
            match self.entry_order.find(compare) {
                Ok(at) => at,
                Err(at) if self.entries.len() < MAX_PARTITIONS && may_grow => {
                    self.entry_order.add(at, self.entries.len());
                    let partition = Partition { index, ..Partition::default() };
                    self.entries.push(Entry { topic, partition, has_no_offset: false });
                    self.entries.len() - 1
                }
                Err(_) => return None,
            }
        };
        self.next = at + 1;
        self.entries.get_mut(at)
    }

    /// The topic, where there is exactly one. By its id and by its name it is the same.
    pub(super) fn only_topic(&self) -> Option<KafkaTopic<'_>> {
        let (first, others) = self.topics.split_first()?;
        let first = self.told(first);
        let is_only =
            others.is_empty() || (first != KafkaTopic::Unknown && others.iter().all(|it| self.told(it) == first));
        (is_only && !self.more_topics).then_some(first)
    }

    /// What is told of each partition by an exchange of this kind.
    pub(super) fn told_each(&self, api: KafkaApi) -> impl Iterator<Item = KafkaPartition<'_>> {
        self.entries.iter().map(move |Entry { topic, partition, has_no_offset }| {
            let is_refused = partition.error_code != 0;
            // Of a Produce, the offset is that of its first record; of the others, one that somebody has read to.
            let (offset, log_end) = match api {
                KafkaApi::PRODUCE => {
                    (None, partition.offset.and_then(|first| first.checked_add_unsigned(partition.records)))
                }
                KafkaApi::LIST_OFFSETS => (None, partition.offset.filter(|_| partition.timestamp == Some(LATEST))),
                KafkaApi::FETCH => (partition.next_offset.max(partition.offset), None),
                KafkaApi::OFFSET_COMMIT | KafkaApi::OFFSET_FETCH | KafkaApi::TXN_OFFSET_COMMIT => {
                    (partition.offset, None)
                }
                _ => (None, None),
            };
            KafkaPartition {
                topic: self.topics.get(*topic).map_or(KafkaTopic::Unknown, |topic| self.told(topic)),
                partition: partition.index,
                error: KafkaError(partition.error_code),
                records: KafkaRecords { count: partition.records, bytes: partition.bytes },
                high_watermark: partition.high_watermark,
                log_end: log_end.filter(|_| !is_refused),
                offset,
                has_no_offset: *has_no_offset && !is_refused,
            }
        })
    }

    /// The records of the partitions that are not told.
    pub(super) fn more(&self) -> KafkaRecords {
        self.more
    }

    /// The first error of these partitions.
    pub(super) fn more_error(&self) -> i16 {
        self.more_error
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
