//! The numbers of the store at one moment.

mod exemplar;
mod exponential;
mod histograms;

use std::time::SystemTime;

use crate::labels::Labels;
use crate::names::Metric;

pub use exemplar::{BucketExemplar, Exemplar};
pub use exponential::Exponential;
pub(crate) use exponential::{ExponentialSum, MAX_BUCKETS, MAX_SCALE};
pub use histograms::{HistogramPoint, Histograms};

/// What of the store a snapshot has. Each format needs less than all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detail {
    /// The exponential buckets of histograms, beside the classic ones.
    pub exponential: bool,
    /// The exemplars of histograms.
    pub exemplars: bool,
}

impl Detail {
    /// All there is.
    pub const ALL: Self = Self { exponential: true, exemplars: true };
    /// Classic buckets alone.
    pub const CLASSIC: Self = Self { exponential: false, exemplars: false };
}

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
