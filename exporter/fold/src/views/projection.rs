//! Makes the series of one row while the store is read.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Part, Row, Value, bucket_map};
use crate::labels::{Inner, Labels, Registered, visit_columns};
use crate::names::Kind;
use crate::series::Reading;
use crate::snapshot::{Detail, Family, Histograms, Number, Points, Scalar};

/// The series of one row, as far as the store has been read.
#[derive(Debug)]
pub(crate) struct Projection<'a> {
    row: &'a Row,
    points: Points,
    groups: Groups,
    /// For each bucket of the store, the bucket of the metric that takes it.
    buckets: Vec<usize>,
}

impl<'a> Projection<'a> {
    pub(crate) fn new(row: &'a Row, detail: Detail) -> Self {
        let points = match row.metric.kind {
            Kind::Histogram(_) => Points::Histograms(Histograms::new(row.metric, detail)),
            Kind::Counter | Kind::Gauge | Kind::Info => Points::Scalars(Vec::new()),
        };
        Self { row, points, groups: Groups::default(), buckets: bucket_map(row.metric) }
    }

    /// Adds what a label set of the store gives to a part of the row.
    pub(crate) fn add(&mut self, part: &Part, registered: &Arc<Registered>, reading: &Reading) {
        let group = if self.row.is_exact { None } else { Some(self.groups.find(part, registered)) };
        let known = match group {
            Some(Group::Known(position)) => Some(position),
            Some(Group::New) | None => None,
        };
        let labels = || Labels(Inner::Exchange(Arc::clone(registered), Arc::clone(&part.columns)));
        match &mut self.points {
            Points::Histograms(histograms) => {
                let position = known.unwrap_or_else(|| histograms.push(labels(), registered.since));
                histograms.add(position, registered.since, |counts| {
                    for (bucket, count) in self.buckets.iter().zip(reading.counts) {
                        if let Some(sum) = counts.get_mut(*bucket) {
                            *sum += count;
                        }
                    }
                    reading.sum_nanos
                });
            }
            Points::Scalars(scalars) => {
                let more = part.value.of(reading);
                match known.and_then(|position| scalars.get_mut(position)) {
                    Some(scalar) => scalar.add(more, registered.since),
                    None => scalars.push(Scalar { since: Some(registered.since), ..Scalar::new(labels(), more) }),
                }
            }
        }
    }

    /// The family, when the whole store has been read.
    pub(crate) fn finish(self) -> Family {
        Family { metric: self.row.metric, points: self.points }
    }
}

impl Value {
    fn of(self, reading: &Reading) -> u64 {
        match self {
            Self::Histogram | Self::Count => reading.count(),
            Self::Messages(side) => reading.messages[side as usize],
            Self::MessageBytes(side) => reading.message_bytes[side as usize],
        }
    }
}

impl Scalar {
    /// Adds to a number that began no later than this.
    fn add(&mut self, more: u64, since: std::time::SystemTime) {
        if let Number::Whole(whole) = &mut self.value {
            *whole += more;
        }
        self.since = self.since.map(|earlier| earlier.min(since));
    }
}

/// Which label sets have become one, by the names and values of the row's labels.
#[derive(Debug, Default)]
struct Groups {
    hasher: DefaultHashBuilder,
    /// Positions in `written`, by the hash of what is written there.
    table: HashTable<usize>,
    /// Where the labels of each group are in `text`.
    written: Vec<Range<usize>>,
    text: Vec<u8>,
}

enum Group {
    Known(usize),
    /// The position is the next.
    New,
}

impl Groups {
    fn find(&mut self, part: &Part, registered: &Registered) -> Group {
        let start = self.text.len();
        visit_columns(registered, &part.columns, &mut |name, value| {
            // No value holds the byte 0xff, which is not in UTF-8.
            for piece in [name.as_bytes(), &[0xff], value.as_bytes(), &[0xff]] {
                self.text.extend_from_slice(piece);
            }
        });
        let new = self.text.get(start..).unwrap_or_default();
        let hash = self.hasher.hash_one(new);
        let (text, written) = (&self.text, &self.written);
        let at =
            |position: &usize| written.get(*position).and_then(|range| text.get(range.clone())).unwrap_or_default();
        if let Some(position) = self.table.find(hash, |position| at(position) == new).copied() {
            self.text.truncate(start);
            return Group::Known(position);
        }
        let position = written.len();
        self.table.insert_unique(hash, position, |position| self.hasher.hash_one(at(position)));
        self.written.push(start..self.text.len());
        Group::New
    }
}
