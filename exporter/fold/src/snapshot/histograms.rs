//! The series of a histogram family.

use std::ops::Range;
use std::time::SystemTime;

use super::{BucketExemplar, Detail, Exemplar, Exponential, ExponentialSum};
use crate::labels::Labels;
use crate::names::{Kind, Metric};

/// The series of a histogram family. Their numbers lie in few allocations: there may be a hundred thousand series.
#[derive(Clone, Debug)]
pub struct Histograms {
    /// How many counts a series has: one for each bucket, and one for `+Inf`.
    stride: usize,
    detail: Detail,
    heads: Vec<Head>,
    counts: Vec<u64>,
    /// The exponential buckets of all series. A series that is changed gets a new place here.
    exponential: Vec<u64>,
    /// The exemplars of all series. A series that is changed gets a new place here.
    exemplars: Vec<BucketExemplar>,
}

#[derive(Clone, Debug)]
struct Head {
    labels: Labels,
    since: SystemTime,
    sum_nanos: f64,
    /// Absent where none was asked for, or the family has none.
    exponential: Option<Place>,
    exemplars: Range<usize>,
}

/// An exponential histogram, with its counts elsewhere.
#[derive(Clone, Debug)]
struct Place {
    scale: i32,
    zero_count: u64,
    offset: i32,
    counts: Range<usize>,
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
    exponential: Option<Exponential<'a>>,
    exemplars: &'a [BucketExemplar],
}

impl<'a> HistogramPoint<'a> {
    /// The number of values.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of the values in seconds.
    pub fn sum_seconds(&self) -> f64 {
        self.sum_nanos / 1e9
    }

    /// The same values in exponential buckets; absent where the snapshot was taken without them, and in the families
    /// that have none.
    pub fn exponential(&self) -> Option<Exponential<'a>> {
        self.exponential
    }

    /// The exemplars of the classic buckets, in the order of the buckets. Only traced exchanges leave one.
    pub fn exemplars(&self) -> &'a [BucketExemplar] {
        self.exemplars
    }

    /// The exemplar of one classic bucket.
    pub fn exemplar(&self, bucket: usize) -> Option<&'a Exemplar> {
        self.exemplars.iter().find(|placed| placed.bucket == bucket).map(|placed| &placed.exemplar)
    }
}

impl Histograms {
    pub(crate) fn new(metric: &Metric, detail: Detail) -> Self {
        let bounds = match metric.kind {
            Kind::Histogram(buckets) => buckets.nanos.len(),
            Kind::Counter | Kind::Gauge | Kind::Info => 0,
        };
        Self {
            stride: bounds + 1,
            detail,
            heads: Vec::new(),
            counts: Vec::new(),
            exponential: Vec::new(),
            exemplars: Vec::new(),
        }
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
        Some(HistogramPoint {
            labels: &head.labels,
            since: head.since,
            counts,
            sum_nanos: head.sum_nanos,
            exponential: self.exponential(head),
            exemplars: self.exemplars.get(head.exemplars.clone()).unwrap_or_default(),
        })
    }

    /// The series, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = HistogramPoint<'_>> {
        (0..self.len()).filter_map(|position| self.get(position))
    }

    fn exponential(&self, head: &Head) -> Option<Exponential<'_>> {
        let place = head.exponential.as_ref()?;
        Some(Exponential {
            scale: place.scale,
            zero_count: place.zero_count,
            offset: place.offset,
            counts: self.exponential.get(place.counts.clone()).unwrap_or_default(),
        })
    }

    /// Adds a series at zero. Returns its position.
    pub(crate) fn push(&mut self, labels: Labels, since: SystemTime) -> usize {
        self.heads.push(Head { labels, since, sum_nanos: 0.0, exponential: None, exemplars: 0..0 });
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

    /// Adds exponential buckets to the series at a position, where they were asked for.
    pub(crate) fn add_exponential(&mut self, position: usize, more: Exponential<'_>) {
        let Some(head) = self.heads.get(position) else { return };
        if !self.detail.exponential {
            return;
        }
        let sum = self.exponential(head).map(|earlier| {
            let mut sum = ExponentialSum::default();
            sum.add(earlier);
            sum.add(more);
            sum
        });
        let sum = sum.as_ref().map_or(more, ExponentialSum::view);
        let start = self.exponential.len();
        self.exponential.extend_from_slice(sum.counts);
        let counts = start..self.exponential.len();
        if let Some(head) = self.heads.get_mut(position) {
            head.exponential = Some(Place { scale: sum.scale, zero_count: sum.zero_count, offset: sum.offset, counts });
        }
    }

    /// Adds exemplars, at most one for each bucket and in the order of the buckets, to the series at a position, where
    /// they were asked for. The later of two stays.
    pub(crate) fn add_exemplars(&mut self, position: usize, more: &[BucketExemplar]) {
        let Some(head) = self.heads.get_mut(position) else { return };
        if !self.detail.exemplars || more.is_empty() {
            return;
        }
        let mut earlier = std::mem::take(&mut head.exemplars);
        let start = self.exemplars.len();
        let mut more = more.iter().copied().peekable();
        loop {
            let old = earlier.start;
            let old = self.exemplars.get(old).copied().filter(|_| !earlier.is_empty());
            let next = match (old, more.peek().copied()) {
                (Some(old), Some(new)) if old.bucket == new.bucket => {
                    earlier.start += 1;
                    more.next();
                    if old.exemplar.at > new.exemplar.at { old } else { new }
                }
                (Some(old), new) if new.is_none_or(|new| old.bucket < new.bucket) => {
                    earlier.start += 1;
                    old
                }
                (_, Some(new)) => {
                    more.next();
                    new
                }
                _ => break,
            };
            self.exemplars.push(next);
        }
        head.exemplars = start..self.exemplars.len();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::names;

    fn exemplar(bucket: usize, at: u64) -> BucketExemplar {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(at);
        BucketExemplar { bucket, exemplar: Exemplar { trace_id: [1; 16], span_id: [2; 8], value_nanos: 7, at } }
    }

    #[test]
    fn the_latest_exemplar_of_a_bucket_stays() {
        let mut histograms = Histograms::new(&names::HTTP_SERVER_REQUEST_DURATION, Detail::ALL);
        let position = histograms.push(Labels::none(), SystemTime::UNIX_EPOCH);
        let other = histograms.push(Labels::none(), SystemTime::UNIX_EPOCH);
        histograms.add_exemplars(position, &[exemplar(1, 10), exemplar(3, 10)]);
        histograms.add_exemplars(other, &[exemplar(0, 1)]);
        histograms.add_exemplars(position, &[exemplar(0, 5), exemplar(1, 5), exemplar(3, 11), exemplar(4, 5)]);
        let expected = [exemplar(0, 5), exemplar(1, 10), exemplar(3, 11), exemplar(4, 5)];
        let point = histograms.get(position).unwrap();
        assert_eq!(point.exemplars(), expected);
        assert_eq!(point.exemplar(3), Some(&expected[2].exemplar));
        assert_eq!(point.exemplar(2), None);
        assert_eq!(histograms.get(other).unwrap().exemplars(), [exemplar(0, 1)]);
    }

    #[test]
    fn what_was_not_asked_for_is_left_out() {
        let mut histograms = Histograms::new(&names::HTTP_SERVER_REQUEST_DURATION, Detail::CLASSIC);
        let position = histograms.push(Labels::none(), SystemTime::UNIX_EPOCH);
        histograms.add_exemplars(position, &[exemplar(1, 10)]);
        histograms.add_exponential(position, Exponential { scale: 3, zero_count: 0, offset: 1, counts: &[1] });
        let point = histograms.get(position).unwrap();
        assert!(point.exemplars().is_empty() && point.exponential().is_none());
    }
}
