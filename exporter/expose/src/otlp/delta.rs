//! What the receiver has of each series, so that a push can tell the difference.
//!
//! A difference that could not be delivered stays in the next one, because only what was taken moves the baseline. So
//! memory is bounded by the series of the store, however long the receiver is away; what is lost are the last counts of
//! a series that left the store before they could be delivered, and those are counted.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use flowfold_fold::Labels;
use flowfold_fold::names::Metric;

use super::reading::Reading;

/// What a series is known by: two hashes of its family and labels, with keys of this process. Two series of a store are
/// taken for one with a probability below 2^-90.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SeriesKey(u64, u64);

/// What was taken of a series.
#[derive(Clone, Debug, PartialEq)]
struct Taken {
    /// The start of the series that it is of.
    since: SystemTime,
    /// When it was read.
    at: SystemTime,
    reading: Reading,
}

#[derive(Debug)]
struct Entry {
    /// The last push that had the series.
    round: u64,
    taken: Option<Taken>,
    /// Whether the last push of it failed.
    owes: bool,
}

/// The baselines of all series.
#[derive(Debug)]
pub(super) struct Baselines {
    hashers: [RandomState; 2],
    entries: HashMap<SeriesKey, Entry>,
    round: u64,
}

impl Baselines {
    pub(super) fn new() -> Self {
        Self { hashers: [RandomState::new(), RandomState::new()], entries: HashMap::new(), round: 0 }
    }

    pub(super) fn key(&self, metric: &Metric, labels: &Labels) -> SeriesKey {
        let mut text = metric.name.to_owned();
        labels.visit(|name, value| {
            for part in ["\0", name, "\0", value] {
                text.push_str(part);
            }
        });
        let [one, other] = &self.hashers;
        SeriesKey(one.hash_one(&text), other.hash_one(&text))
    }

    /// A push begins.
    pub(super) fn begin(&mut self) {
        self.round += 1;
    }

    /// The series is in the store, began at `since` and holds this. Returns what it has more than was taken, with the
    /// start of that; none where it has no more.
    pub(super) fn difference(
        &mut self,
        key: SeriesKey,
        since: SystemTime,
        reading: &Reading,
    ) -> Option<(SystemTime, Reading)> {
        let entry = self.entries.entry(key).or_insert(Entry { round: 0, taken: None, owes: false });
        entry.round = self.round;
        // A series that came back began anew: what was taken of the one before says nothing about it.
        let (since, more) = match entry.taken.as_ref().filter(|taken| taken.since == since) {
            Some(taken) => (taken.at, reading.since(&taken.reading)),
            None => (since, reading.clone()),
        };
        (!more.is_empty()).then_some((since, more))
    }

    /// The receiver took what the series that began at `since` held at this moment.
    pub(super) fn taken(&mut self, key: SeriesKey, since: SystemTime, reading: Reading, at: SystemTime) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.owes = false;
            entry.taken = Some(Taken { since, at, reading });
        }
    }

    /// The receiver did not.
    pub(super) fn failed(&mut self, key: SeriesKey) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.owes = true;
        }
    }

    /// A push is over: series that were not in it are gone. Returns how many of them had more than was taken.
    pub(super) fn end(&mut self) -> u64 {
        let mut lost = 0;
        let round = self.round;
        self.entries.retain(|_, entry| {
            let is_live = entry.round == round;
            lost += u64::from(!is_live && entry.owes);
            is_live
        });
        lost
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use flowfold_fold::Number;
    use flowfold_fold::names::{BYTES, EXCHANGES, label};

    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn at(seconds: u64) -> SystemTime {
        START + Duration::from_secs(seconds)
    }

    fn whole(count: u64) -> Reading {
        Number::Whole(count).into()
    }

    #[test]
    fn what_was_not_taken_is_in_the_next_difference() {
        let mut baselines = Baselines::new();
        let key = baselines.key(&EXCHANGES, &Labels::none());
        baselines.begin();
        assert_eq!(baselines.difference(key, START, &whole(5)), Some((START, whole(5))));
        baselines.taken(key, START, whole(5), at(10));
        assert_eq!(baselines.end(), 0);

        baselines.begin();
        assert_eq!(baselines.difference(key, START, &whole(7)), Some((at(10), whole(2))));
        baselines.failed(key);
        assert_eq!(baselines.end(), 0);

        baselines.begin();
        assert_eq!(baselines.difference(key, START, &whole(8)), Some((at(10), whole(3))));
        baselines.taken(key, START, whole(8), at(30));
        assert_eq!(baselines.difference(key, START, &whole(8)), None);
    }

    #[test]
    fn a_series_that_came_back_starts_anew() {
        let mut baselines = Baselines::new();
        let key = baselines.key(&EXCHANGES, &Labels::none());
        baselines.begin();
        baselines.difference(key, START, &whole(5));
        baselines.taken(key, START, whole(5), at(10));
        assert_eq!(baselines.difference(key, at(20), &whole(6)), Some((at(20), whole(6))));
    }

    #[test]
    fn series_that_left_are_forgotten_and_counted_where_they_owed() {
        let mut baselines = Baselines::new();
        let keys = [&EXCHANGES, &BYTES].map(|metric| baselines.key(metric, &Labels::none()));
        baselines.begin();
        for key in keys {
            baselines.difference(key, START, &whole(5));
        }
        baselines.failed(keys[0]);
        baselines.taken(keys[1], START, whole(5), at(1));
        assert_eq!((baselines.end(), baselines.entries.len()), (0, 2));
        baselines.begin();
        assert_eq!((baselines.end(), baselines.entries.len()), (1, 0));
    }

    #[test]
    fn series_are_told_apart() {
        let baselines = Baselines::new();
        let labels = |reason: &'static str| Labels::new([(label::CLASS, "unparsed"), (label::REASON, reason)]);
        let key = baselines.key(&BYTES, &labels("limit"));
        assert_eq!(key, baselines.key(&BYTES, &labels("limit")));
        assert_ne!(key, baselines.key(&BYTES, &labels("syntax")));
        assert_ne!(key, baselines.key(&EXCHANGES, &labels("limit")));
    }
}
