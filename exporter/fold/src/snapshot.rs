//! The numbers of the store at one moment.

use std::time::SystemTime;

use crate::labels::Labels;
use crate::names::{Kind, Metric};

/// The numbers of the store at one moment, family by family, with the workers' shards summed up. Rendering it reads
/// nothing of the store any more, so a slow reader holds up nobody.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub taken: SystemTime,
    /// When the store was made: the start of every count without a start of its own.
    pub started: SystemTime,
    /// The families, each once.
    pub families: Vec<Family>,
}

impl Snapshot {
    /// Adds a family of plain numbers that is kept elsewhere, such as the process's own.
    pub fn push(&mut self, metric: &'static Metric, points: Vec<Scalar>) {
        self.families.push(Family { metric, points: Points::Scalars(points) });
    }
}

/// One family and its series.
#[derive(Clone, Debug)]
pub struct Family {
    /// Name, help and kind.
    pub metric: &'static Metric,
    /// The series.
    pub points: Points,
}

/// The series of a family.
#[derive(Clone, Debug)]
pub enum Points {
    /// Of a counter, a gauge or an info.
    Scalars(Vec<Scalar>),
    /// Of a histogram.
    Histograms(Histograms),
}

impl Points {
    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Scalars(points) => points.is_empty(),
            Self::Histograms(points) => points.is_empty(),
        }
    }
}

/// One number.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// Its labels.
    pub labels: Labels,
    /// The number.
    pub value: Number,
    /// When a count began at zero, where that is not when the store was made.
    pub since: Option<SystemTime>,
}

impl Scalar {
    /// A number with labels.
    pub fn new(labels: Labels, value: impl Into<Number>) -> Self {
        Self { labels, value: value.into(), since: None }
    }
}

/// A number: whole ones stay exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A count.
    Whole(u64),
    /// A measure.
    Real(f64),
}

impl From<u64> for Number {
    fn from(whole: u64) -> Self {
        Self::Whole(whole)
    }
}

impl From<f64> for Number {
    fn from(real: f64) -> Self {
        Self::Real(real)
    }
}

/// The series of a histogram family. Their counts lie in one allocation: there may be a hundred thousand of them.
#[derive(Clone, Debug)]
pub struct Histograms {
    /// How many counts a series has: one for each bucket, and one for `+Inf`.
    stride: usize,
    heads: Vec<Head>,
    counts: Vec<u64>,
}

#[derive(Clone, Debug)]
struct Head {
    labels: Labels,
    since: SystemTime,
    sum_nanos: f64,
}

/// One series of a histogram family.
#[derive(Clone, Copy, Debug)]
pub struct HistogramPoint<'a> {
    /// Its labels.
    pub labels: &'a Labels,
    /// When its counts began at zero.
    pub since: SystemTime,
    /// The values in each bucket (not cumulated), `+Inf` last. Their sum is the count of the histogram.
    pub counts: &'a [u64],
    /// The sum of the values in nanoseconds.
    pub sum_nanos: f64,
}

impl HistogramPoint<'_> {
    /// The number of values.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of the values in seconds.
    pub fn sum_seconds(&self) -> f64 {
        self.sum_nanos / 1e9
    }
}

impl Histograms {
    pub(crate) fn new(metric: &Metric) -> Self {
        let bounds = match metric.kind {
            Kind::Histogram(buckets) => buckets.nanos.len(),
            Kind::Counter | Kind::Gauge | Kind::Info => 0,
        };
        Self { stride: bounds + 1, heads: Vec::new(), counts: Vec::new() }
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// The series at a position.
    pub fn get(&self, position: usize) -> Option<HistogramPoint<'_>> {
        let head = self.heads.get(position)?;
        let counts = self.counts.get(position * self.stride..)?.get(..self.stride)?;
        Some(HistogramPoint { labels: &head.labels, since: head.since, counts, sum_nanos: head.sum_nanos })
    }

    /// The series, in the order in which they were made.
    pub fn iter(&self) -> impl Iterator<Item = HistogramPoint<'_>> {
        (0..self.len()).filter_map(|position| self.get(position))
    }

    /// Adds a series at zero. Returns its position.
    pub(crate) fn push(&mut self, labels: Labels, since: SystemTime) -> usize {
        self.heads.push(Head { labels, since, sum_nanos: 0.0 });
        self.counts.resize(self.heads.len() * self.stride, 0);
        self.heads.len() - 1
    }

    /// Lets `add` add to the counts of the series at a position what was counted `since` then; it returns what to add to
    /// the sum.
    pub(crate) fn add(&mut self, position: usize, since: SystemTime, add: impl FnOnce(&mut [u64]) -> f64) {
        let start = position * self.stride;
        if let (Some(head), Some(counts)) =
            (self.heads.get_mut(position), self.counts.get_mut(start..start + self.stride))
        {
            head.since = head.since.min(since);
            head.sum_nanos += add(counts);
        }
    }
}
