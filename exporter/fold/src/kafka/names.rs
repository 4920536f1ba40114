//! The topics, groups and clients that are told by their name.

use std::time::{Duration, Instant};

use flowfold_flow::{KafkaApi, KafkaError, KafkaTopic};
use hashbrown::HashSet;

use super::name_table::{NamePlaces, NameTable};
use super::{
    KafkaLimits, MAX_MAX_KAFKA_CLIENT_IDS, MAX_MAX_KAFKA_GROUPS, MAX_MAX_KAFKA_TOPICS, Positions, Transactions, Whose,
};
use crate::labels::{ExchangeLabels, Field, Key, KeyKind};

/// The longest name of a topic that Kafka takes, in bytes.
const MAX_TOPIC_BYTES: usize = 249;

/// The longest group or client id that becomes a label, in bytes: a longer one may have been cut.
const MAX_NAME_BYTES: usize = 200;

/// The label value of a name that is not known.
const OTHER: &str = "_OTHER";

/// The place of what an exchange does not name.
pub(crate) const NO_NAME: u16 = 0;
/// The place of a name that is not known.
pub(crate) const OTHER_NAME: u16 = 1;
/// The place of a topic whose name the exchange does not tell.
const UNKNOWN_NAME: u16 = 2;
/// The place of the first name.
const FIRST_NAME: u16 = 3;

/// Whether a place is that of a name.
pub(crate) const fn is_name(place: u16) -> bool {
    place >= FIRST_NAME
}

impl NameTable {
    /// Calls `take` with the label value of a place.
    pub(crate) fn label<T>(&self, place: u16, take: impl FnOnce(&str) -> T) -> T {
        match place {
            NO_NAME => take(""),
            OTHER_NAME => take(OTHER),
            UNKNOWN_NAME => take("unknown"),
            place => take(self.name(place - FIRST_NAME).as_deref().unwrap_or(OTHER)),
        }
    }
}

/// The topics, groups and clients that are told by their name; any other is `_OTHER`. They are learned: a name becomes
/// known by the first exchange that shows that a broker knows it, so that made-up names can't use the numbers up. It is
/// forgotten when nothing is told by it any more and places run short.
#[derive(Debug)]
pub(crate) struct KafkaNames {
    pub(crate) topics: NameTable,
    pub(crate) groups: NameTable,
    pub(crate) clients: NameTable,
}

impl KafkaNames {
    pub(crate) fn new(limits: &KafkaLimits) -> Self {
        let table = |asked: usize, most: usize| NameTable::with_room(asked.min(most));
        Self {
            topics: table(limits.max_topics, MAX_MAX_KAFKA_TOPICS),
            groups: table(limits.max_groups, MAX_MAX_KAFKA_GROUPS),
            clients: table(limits.max_client_ids, MAX_MAX_KAFKA_CLIENT_IDS),
        }
    }

    /// Whether names should go so that there is room for others.
    pub(crate) fn are_short(&self) -> bool {
        [&self.topics, &self.groups, &self.clients].into_iter().any(NameTable::is_short)
    }

    /// Of the groups that nothing but their lag is told by, those that must go so that a tenth of the places is free for
    /// groups that come: the first of those that have committed nothing for as long as `ttl`. `used` is what all else is told
    /// by, and `groups` are those that have a lag, with how long ago they committed, the longest time first.
    pub(crate) fn groups_in_the_way(
        &self,
        used: &UsedNames,
        groups: &[(u16, Duration)],
        ttl: Duration,
    ) -> HashSet<u16> {
        let max = self.groups.max();
        let lag_only = || groups.iter().filter(|(group, _)| !used.groups.contains(group));
        let wanted = used.groups.len() + lag_only().count() + max.div_ceil(10);
        let stopped = lag_only().filter(|(_, idle)| *idle >= ttl).map(|(group, _)| *group);
        stopped.take(wanted.saturating_sub(max)).collect()
    }

    /// Gives up the places of names that nothing is told by any more, by a clock that says it is `now`.
    pub(crate) fn give_up(&self, now: Instant, used: &UsedNames) {
        let UsedNames { topics, groups, clients } = used;
        for (table, used) in [(&self.topics, topics), (&self.groups, groups), (&self.clients, clients)] {
            table.give_up(now, |place| used.contains(&(place + FIRST_NAME)));
        }
    }
}

/// The places of names that something is told by.
#[derive(Debug, Default)]
pub(crate) struct UsedNames {
    topics: HashSet<u16>,
    groups: HashSet<u16>,
    clients: HashSet<u16>,
}

impl UsedNames {
    /// A label of this key is told, if it is a name.
    pub(crate) fn add(&mut self, field: Field, key: Key) {
        let (places, place) = match field {
            Field::KafkaTopic => (&mut self.topics, key.kafka_topic()),
            Field::KafkaGroup => (&mut self.groups, key.kafka_group()),
            Field::KafkaClient => (&mut self.clients, key.kafka_client()),
            _ => return,
        };
        if is_name(place) {
            places.insert(place);
        }
    }

    /// All of this label set is kept.
    pub(crate) fn add_all(&mut self, labels: &ExchangeLabels) {
        if labels.family.key_kind() == KeyKind::Kafka && !labels.is_overflow() {
            for field in [Field::KafkaTopic, Field::KafkaGroup, Field::KafkaClient] {
                self.add(field, labels.key);
            }
        }
    }

    /// Lags are told of these.
    pub(crate) fn add_positions(&mut self, positions: &Positions) {
        for position in positions.all() {
            self.topics.insert(position.topic);
            if let Whose::Group(group) = position.whose {
                self.groups.insert(group);
            }
        }
    }

    /// Lags will be told of these.
    pub(crate) fn add_held(&mut self, transactions: &Transactions) {
        transactions.for_each(|held| {
            self.topics.insert(held.topic);
            self.groups.insert(held.group);
        });
    }
}

/// One worker's ways from names to their places.
#[derive(Debug, Default)]
pub(crate) struct KafkaPlaces {
    topics: NamePlaces,
    groups: NamePlaces,
    clients: NamePlaces,
}

impl KafkaPlaces {
    /// The place of a topic. `last` is the place that the connection's last one had: most connections carry one topic.
    /// It becomes known by what a broker says of it; none where it said nothing.
    #[inline]
    pub(crate) fn topic(
        &mut self,
        names: &KafkaNames,
        topic: KafkaTopic<'_>,
        said: Option<KafkaError>,
        last: u16,
    ) -> u16 {
        let KafkaTopic::Named(name) = topic else { return UNKNOWN_NAME };
        let may_learn = || said.is_some_and(knows_the_topic) && is_topic(name);
        place(&mut self.topics, &names.topics, (name, last), may_learn)
    }

    /// The place of a group.
    pub(crate) fn group(&mut self, names: &KafkaNames, group: Option<&str>, may_learn: bool) -> u16 {
        let Some(name) = group else { return NO_NAME };
        place(&mut self.groups, &names.groups, (name, NO_NAME), || may_learn && is_sane(name))
    }

    /// The place of a client's id; that of no name where ids are not told.
    pub(crate) fn client(&mut self, names: &KafkaNames, client: Option<&str>, may_learn: bool) -> u16 {
        if names.clients.max() == 0 {
            return NO_NAME;
        }
        let Some(name) = client else { return NO_NAME };
        place(&mut self.clients, &names.clients, (name, NO_NAME), || may_learn && is_sane(name))
    }
}

/// The place of a name, which may be that of the last one.
#[inline]
fn place(
    places: &mut NamePlaces,
    names: &NameTable,
    (name, last): (&str, u16),
    may_learn: impl FnOnce() -> bool,
) -> u16 {
    let place = places.place(names, name, last.checked_sub(FIRST_NAME), may_learn);
    place.map_or(OTHER_NAME, |place| place + FIRST_NAME)
}

/// Whether a broker answers this request without an error only for topics that there are. (To an `OffsetFetch` it says of
/// any name that no offset is known.)
pub(crate) fn tells_its_topics(api: KafkaApi) -> bool {
    matches!(
        api,
        KafkaApi::PRODUCE
            | KafkaApi::FETCH
            | KafkaApi::LIST_OFFSETS
            | KafkaApi::METADATA
            | KafkaApi::OFFSET_COMMIT
            | KafkaApi::CREATE_TOPICS
            | KafkaApi::SHARE_FETCH
            | KafkaApi::SHARE_ACKNOWLEDGE
    )
}

/// What a broker says only of a partition that it has looked up: an offset out of range, a leader that is elsewhere or not
/// there, too few replicas, and records that it refuses. Most others can be said of any name.
const SAID_OF_TOPICS: [i16; 9] = [0, 1, 5, 6, 9, 10, 19, 20, 87];

/// Whether this is said of a topic that there is.
fn knows_the_topic(said: KafkaError) -> bool {
    SAID_OF_TOPICS.contains(&said.0)
}

/// Whether Kafka takes this as the name of a topic.
fn is_topic(name: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !name.is_empty() && name.len() <= MAX_TOPIC_BYTES && name.bytes().all(is_legal)
}

/// Whether this can be shown as it is.
fn is_sane(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(names: &KafkaNames, places: &mut KafkaPlaces, topic: &str, said: Option<KafkaError>) -> String {
        names.topics.label(places.topic(names, KafkaTopic::Named(topic), said, NO_NAME), str::to_owned)
    }

    #[test]
    fn a_topic_becomes_known_by_a_broker_that_has_it() {
        let names = KafkaNames::new(&KafkaLimits { max_topics: 2, ..KafkaLimits::default() });
        let mut places = KafkaPlaces::default();
        for code in [3, 17, 29, 30, 35, 42, 53, 100] {
            assert_eq!(label(&names, &mut places, "orders", Some(KafkaError(code))), "_OTHER");
        }
        assert_eq!(label(&names, &mut places, "orders", None), "_OTHER");
        // One that refuses a record has the topic.
        assert_eq!(label(&names, &mut places, "orders", Some(KafkaError(10))), "orders");
        assert_eq!(label(&names, &mut places, "orders", Some(KafkaError::UNKNOWN_TOPIC_OR_PARTITION)), "orders");
        assert_eq!(label(&names, &mut places, "pay_ments.v-1", Some(KafkaError::NONE)), "pay_ments.v-1");
        assert_eq!(label(&names, &mut places, "third", Some(KafkaError::NONE)), "_OTHER");
        let unknown = places.topic(&names, KafkaTopic::Unknown, Some(KafkaError::NONE), NO_NAME);
        assert_eq!(names.topics.label(unknown, str::to_owned), "unknown");
    }

    #[test]
    fn what_kafka_takes_for_no_topic_is_none() {
        let names = KafkaNames::new(&KafkaLimits::default());
        let mut places = KafkaPlaces::default();
        for topic in ["", "a b", "a/b", "\u{e9}", &"a".repeat(250)] {
            assert_eq!(label(&names, &mut places, topic, Some(KafkaError::NONE)), "_OTHER", "{topic:?}");
        }
    }

    #[test]
    fn groups_and_clients_are_learned_apart() {
        let names = KafkaNames::new(&KafkaLimits::default());
        let mut places = KafkaPlaces::default();
        assert_eq!(places.group(&names, None, true), NO_NAME);
        let unproven = places.group(&names, Some("billing"), false);
        assert_eq!(names.groups.label(unproven, str::to_owned), "_OTHER");
        let group = places.group(&names, Some("billing"), true);
        assert_eq!(names.groups.label(group, str::to_owned), "billing");
        assert_eq!(places.client(&names, Some("billing"), true), NO_NAME, "client ids are not asked for");
        let names = KafkaNames::new(&KafkaLimits { max_client_ids: 1, ..KafkaLimits::default() });
        for (id, label) in [("one\n", "_OTHER"), ("one", "one"), ("two", "_OTHER")] {
            let place = places.client(&names, Some(id), true);
            assert_eq!(names.clients.label(place, str::to_owned), label);
        }
    }
}
