//! What a series holds at one moment, and how much more that is than at another.

use flowfold_fold::{Exponential, HistogramPoint, Number};

/// What a series holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reading {
    /// A number.
    Number(Number),
    /// The values in each bucket, and the sum of all in nanoseconds.
    Histogram { counts: Box<[u64]>, sum_nanos: f64 },
    /// The same in exponential buckets.
    Exponential { buckets: ExponentialBuckets, sum_nanos: f64 },
}

/// Exponential buckets, as [`Exponential`] has them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ExponentialBuckets {
    pub(super) scale: i32,
    pub(super) zero_count: u64,
    pub(super) offset: i32,
    pub(super) counts: Vec<u64>,
}

impl From<Number> for Reading {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<&HistogramPoint<'_>> for Reading {
    fn from(point: &HistogramPoint<'_>) -> Self {
        let sum_nanos = point.sum_nanos;
        match point.exponential() {
            Some(exponential) => Self::Exponential { buckets: exponential.into(), sum_nanos },
            None => Self::Histogram { counts: point.counts.into(), sum_nanos },
        }
    }
}

impl Reading {
    /// What this has more than an earlier reading of the same series.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        match (self, earlier) {
            (Self::Number(Number::Whole(now)), Self::Number(Number::Whole(then))) => {
                Number::Whole(now.saturating_sub(*then)).into()
            }
            (Self::Number(Number::Real(now)), Self::Number(Number::Real(then))) => {
                Number::Real((now - then).max(0.0)).into()
            }
            (
                Self::Histogram { counts, sum_nanos },
                Self::Histogram { counts: earlier_counts, sum_nanos: earlier_sum },
            ) => Self::Histogram {
                counts: counts.iter().zip(earlier_counts).map(|(now, then)| now.saturating_sub(*then)).collect(),
                sum_nanos: (sum_nanos - earlier_sum).max(0.0),
            },
            (
                Self::Exponential { buckets, sum_nanos },
                Self::Exponential { buckets: earlier_buckets, sum_nanos: earlier_sum },
            ) => Self::Exponential {
                buckets: buckets.since(earlier_buckets),
                sum_nanos: (sum_nanos - earlier_sum).max(0.0),
            },
            _ => self.clone(),
        }
    }

    /// Whether nothing was counted.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Number(Number::Whole(whole)) => *whole == 0,
            Self::Number(Number::Real(real)) => *real <= 0.0,
            Self::Histogram { counts, .. } => counts.iter().all(|count| *count == 0),
            Self::Exponential { buckets, .. } => {
                buckets.zero_count == 0 && buckets.counts.iter().all(|count| *count == 0)
            }
        }
    }
}

impl From<Exponential<'_>> for ExponentialBuckets {
    fn from(exponential: Exponential<'_>) -> Self {
        let Exponential { scale, zero_count, offset, counts } = exponential;
        Self { scale, zero_count, offset, counts: counts.to_vec() }
    }
}

impl ExponentialBuckets {
    /// What this has more than an earlier reading. A series becomes coarser as its values spread, so the earlier one may
    /// have been finer.
    fn since(&self, earlier: &Self) -> Self {
        let scale = self.scale.min(earlier.scale);
        let mut more = self.at_scale(scale);
        for (index, count) in earlier.indexed(scale) {
            let place = usize::try_from(i64::from(index) - i64::from(more.offset)).ok();
            if let Some(now) = place.and_then(|place| more.counts.get_mut(place)) {
                *now = now.saturating_sub(count);
            }
        }
        more.zero_count = self.zero_count.saturating_sub(earlier.zero_count);
        more
    }

    /// The same in buckets as coarse as this.
    fn at_scale(&self, scale: i32) -> Self {
        if scale == self.scale || self.counts.is_empty() {
            return Self { scale, ..self.clone() };
        }
        let offset = self.offset >> (self.scale - scale);
        let mut counts = Vec::new();
        for (index, count) in self.indexed(scale) {
            let Ok(place) = usize::try_from(index - offset) else { continue };
            if counts.len() <= place {
                counts.resize(place + 1, 0);
            }
            counts[place] += count;
        }
        Self { scale, zero_count: self.zero_count, offset, counts }
    }

    /// The counts with their indexes at a scale that is no finer.
    fn indexed(&self, scale: i32) -> impl Iterator<Item = (i32, u64)> {
        let shift = self.scale - scale;
        (self.offset..).zip(&self.counts).map(move |(index, count)| (index >> shift, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(scale: i32, zero_count: u64, offset: i32, counts: &[u64]) -> ExponentialBuckets {
        ExponentialBuckets { scale, zero_count, offset, counts: counts.to_vec() }
    }

    #[test]
    fn a_difference_is_as_coarse_as_the_later_reading() {
        let earlier = buckets(3, 1, -20, &[1, 0, 2, 5]);
        assert_eq!(buckets(3, 4, -21, &[7, 1, 1, 2, 9]).since(&earlier), buckets(3, 3, -21, &[7, 0, 1, 0, 4]));
        // -20 and -19 became -10, -18 and -17 became -9.
        assert_eq!(buckets(2, 1, -11, &[1, 3, 8]).since(&earlier), buckets(2, 0, -11, &[1, 2, 1]));
        assert_eq!(buckets(3, 1, -20, &[1, 0, 2, 5]).since(&earlier), buckets(3, 0, -20, &[0, 0, 0, 0]));
        assert_eq!(buckets(3, 2, 0, &[4]).since(&buckets(3, 0, 0, &[])), buckets(3, 2, 0, &[4]));
    }

    #[test]
    fn a_finer_later_reading_is_made_as_coarse_as_the_earlier() {
        let later = buckets(3, 0, -20, &[1, 0, 2, 5]);
        assert_eq!(later.since(&buckets(2, 0, -10, &[1, 4])), buckets(2, 0, -10, &[0, 3]));
    }
}
