//! Makes the series of one row while the store is read.

use std::sync::Arc;
use std::time::SystemTime;

use super::groups::{Group, Groups};
use super::{Part, Row, Value, bucket_map};
use crate::labels::{Inner, Labels, Registered};
use crate::names::Kind;
use crate::series::{Reading, keep_latest};
use crate::snapshot::{BucketExemplar, Detail, Family, Histograms, Number, Points, Scalar};

/// The series of one row, as far as the store has been read.
#[derive(Debug)]
pub(crate) struct Projection<'a> {
    row: &'a Row,
    points: Points,
    groups: Groups,
    /// For each bucket of the store, the bucket of the metric that takes it.
    buckets: Vec<usize>,
    /// Room to work in.
    exemplars: Vec<BucketExemplar>,
}

impl<'a> Projection<'a> {
    pub(crate) fn new(row: &'a Row, detail: Detail) -> Self {
        let points = match row.metric.kind {
            Kind::Histogram(_) => Points::Histograms(Histograms::new(row.metric, detail)),
            Kind::Counter | Kind::Gauge | Kind::Info => Points::Scalars(Vec::new()),
        };
        let buckets = bucket_map(row.metric);
        Self { row, points, groups: Groups::default(), buckets, exemplars: Vec::new() }
    }

    /// Adds what a label set of the store gives to a part of the row.
    pub(crate) fn add(&mut self, part: &Part, registered: &Arc<Registered>, reading: &Reading) {
        if !part.takes(registered) {
            return;
        }
        let position = if self.row.is_exact {
            self.push(part, registered)
        } else {
            match self.groups.find(0, part, registered) {
                Group::Known(position) => position,
                Group::New => self.push(part, registered),
            }
        };
        self.add_to(position, (part, registered), registered.since, reading);
    }

    /// Adds what an expired label set gave to a part of the row, if there is still a series that it was added to. Says
    /// whether there is.
    pub(crate) fn add_expired(
        &mut self,
        part: &Part,
        registered: &Registered,
        since: SystemTime,
        reading: &Reading,
    ) -> bool {
        let Some(position) = self.groups.known(0, part, registered) else { return false };
        self.add_to(position, (part, registered), since, reading);
        true
    }

    /// A series at zero. Returns its position, which is also that of its group.
    fn push(&mut self, part: &Part, registered: &Arc<Registered>) -> usize {
        let labels = Labels(Inner::Exchange(Arc::clone(registered), Arc::clone(&part.columns)));
        match &mut self.points {
            Points::Histograms(histograms) => histograms.push(labels, registered.since),
            Points::Scalars(scalars) => {
                scalars.push(Scalar { since: Some(registered.since), ..Scalar::new(labels, 0) });
                scalars.len() - 1
            }
        }
    }

    fn add_to(
        &mut self,
        position: usize,
        (part, registered): (&Part, &Registered),
        since: SystemTime,
        reading: &Reading,
    ) {
        let histograms = match &mut self.points {
            Points::Histograms(histograms) => histograms,
            Points::Scalars(scalars) => {
                if let Some(scalar) = scalars.get_mut(position) {
                    scalar.add(part.value.of(reading, registered), since);
                }
                return;
            }
        };
        histograms.add(position, since, |counts| {
            for (bucket, count) in self.buckets.iter().zip(reading.counts) {
                if let Some(sum) = counts.get_mut(*bucket) {
                    *sum += count;
                }
            }
            reading.sum_nanos
        });
        histograms.add_exponential(position, reading.exponential.view());
        if !reading.exemplars.is_empty() {
            let moved = |placed: &BucketExemplar| {
                let bucket = self.buckets.get(placed.bucket).copied().unwrap_or(placed.bucket);
                BucketExemplar { bucket, ..*placed }
            };
            self.exemplars.clear();
            self.exemplars.extend(reading.exemplars.iter().map(moved));
            keep_latest(&mut self.exemplars);
            histograms.add_exemplars(position, &self.exemplars);
        }
    }

    /// The family, when the whole store has been read.
    pub(crate) fn finish(self) -> Family {
        Family { metric: self.row.metric, points: self.points }
    }
}

impl Value {
    fn of(self, reading: &Reading, registered: &Registered) -> u64 {
        match self {
            Self::Histogram | Self::Count => reading.count(),
            Self::Answers(which) => reading.count() * u64::from(registered.labels.key.dns_answers(which)),
            Self::Messages(side) => reading.messages[side as usize],
            Self::MessageBytes(side) => reading.message_bytes[side as usize],
            Self::Records => reading.messages.iter().sum(),
            Self::RecordBytes => reading.message_bytes.iter().sum(),
        }
    }
}

impl Scalar {
    /// Adds to a count what began then.
    fn add(&mut self, more: u64, since: SystemTime) {
        if let Number::Whole(whole) = &mut self.value {
            *whole += more;
        }
        self.since = self.since.map(|earlier| earlier.min(since));
    }
}
