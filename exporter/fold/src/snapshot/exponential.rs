//! Exponential histograms, and how two of them become one.

/// The most buckets that an exponential histogram has. The SDKs of OpenTelemetry have as many.
pub(crate) const MAX_BUCKETS: usize = 160;

/// The finest scale there is. A bucket is then 9 % wide, as in Prometheus' own libraries with their usual factor of 1.1.
pub(crate) const MAX_SCALE: i8 = 3;

/// A histogram whose bounds are the powers of a base, in seconds: the base is 2^(2^-scale), and bucket `i` takes what is
/// more than base^i and at most base^(i+1), as OTLP has it. (Prometheus gives that bucket the index `i + 1`.) The
/// scale is one that OTLP and Prometheus' native histograms have both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponential<'a> {
    /// How fine the buckets are, from 1 to 3.
    pub scale: i32,
    /// How many values were zero.
    pub zero_count: u64,
    /// The index of the first of `counts`.
    pub offset: i32,
    /// The values in each bucket from `offset` on. The first and the last are not empty.
    pub counts: &'a [u64],
}

impl Exponential<'_> {
    /// The number of values: the same as in the classic buckets.
    pub fn count(&self) -> u64 {
        self.zero_count + self.counts.iter().sum::<u64>()
    }
}

/// A sum of exponential histograms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExponentialSum {
    scale: i32,
    pub(crate) zero_count: u64,
    offset: i32,
    counts: Vec<u64>,
}

impl Default for ExponentialSum {
    fn default() -> Self {
        Self { scale: MAX_SCALE.into(), zero_count: 0, offset: 0, counts: Vec::new() }
    }
}

impl ExponentialSum {
    pub(crate) fn view(&self) -> Exponential<'_> {
        Exponential { scale: self.scale, zero_count: self.zero_count, offset: self.offset, counts: &self.counts }
    }

    /// Makes it empty, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.counts.clear();
        (self.scale, self.zero_count, self.offset) = (MAX_SCALE.into(), 0, 0);
    }

    /// Adds another histogram. The result is as coarse as the coarser of the two, or as both together need.
    pub(crate) fn add(&mut self, other: Exponential<'_>) {
        self.zero_count += other.zero_count;
        let filled = |count: &u64| *count > 0;
        let (Some(first), Some(last)) = (other.counts.iter().position(filled), other.counts.iter().rposition(filled))
        else {
            return;
        };
        if self.counts.is_empty() {
            // The first of a sum is the sum.
            self.counts.extend_from_slice(other.counts.get(first..=last).unwrap_or_default());
            self.offset = other.offset + i32::try_from(first).unwrap_or(i32::MAX);
            self.scale = other.scale;
            return;
        }
        // Positions of at most MAX_BUCKETS.
        let index = |position: usize| other.offset + i32::try_from(position).unwrap_or(i32::MAX);
        let mut scale = self.scale.min(other.scale);
        loop {
            let mut low = index(first) >> (other.scale - scale);
            let mut high = index(last) >> (other.scale - scale);
            if let Some((own_low, own_high)) = self.range() {
                low = low.min(own_low >> (self.scale - scale));
                high = high.max(own_high >> (self.scale - scale));
            }
            if usize::try_from(high - low).is_ok_and(|width| width < MAX_BUCKETS) {
                self.widen(scale, low, high);
                break;
            }
            scale -= 1;
        }
        for (position, count) in other.counts.iter().enumerate().filter(|(_, count)| filled(count)) {
            let at = (index(position) >> (other.scale - scale)) - self.offset;
            if let Some(sum) = usize::try_from(at).ok().and_then(|at| self.counts.get_mut(at)) {
                *sum += count;
            }
        }
    }

    /// The indexes of the first and the last bucket.
    fn range(&self) -> Option<(i32, i32)> {
        let last = i32::try_from(self.counts.len().checked_sub(1)?).ok()?;
        Some((self.offset, self.offset + last))
    }

    /// Goes to a coarser scale and to a range that has all of the own one.
    fn widen(&mut self, scale: i32, low: i32, high: i32) {
        let width = usize::try_from(high - low).unwrap_or(0) + 1;
        if (scale, low, width) == (self.scale, self.offset, self.counts.len()) {
            return;
        }
        let mut counts = vec![0; width];
        for (index, count) in (self.offset..).zip(&self.counts) {
            let at = (index >> (self.scale - scale)) - low;
            if let Some(sum) = usize::try_from(at).ok().and_then(|at| counts.get_mut(at)) {
                *sum += count;
            }
        }
        *self = Self { scale, zero_count: self.zero_count, offset: low, counts };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(scale: i32, offset: i32, counts: &[u64]) -> Exponential<'_> {
        Exponential { scale, zero_count: 1, offset, counts }
    }

    #[test]
    fn sums_are_as_coarse_as_their_parts_need() {
        let mut sum = ExponentialSum::default();
        sum.add(histogram(3, -20, &[1, 0, 2]));
        assert_eq!(sum.view(), Exponential { scale: 3, zero_count: 1, offset: -20, counts: &[1, 0, 2] });
        sum.add(histogram(3, -17, &[5]));
        assert_eq!(sum.view(), Exponential { scale: 3, zero_count: 2, offset: -20, counts: &[1, 0, 2, 5] });
        // Of a coarser scale: -20 and -19 become -10, -18 and -17 become -9.
        sum.add(histogram(2, -9, &[10, 100]));
        assert_eq!(sum.view(), Exponential { scale: 2, zero_count: 3, offset: -10, counts: &[1, 17, 100] });
        assert_eq!(sum.view().count(), 121);
    }

    #[test]
    fn a_sum_that_is_too_wide_becomes_coarser() {
        let mut sum = ExponentialSum::default();
        sum.add(histogram(3, -200, &[3]));
        sum.add(histogram(3, -41, &[4]));
        assert_eq!((sum.view().scale, sum.view().counts.len()), (3, 160));
        sum.add(histogram(3, -40, &[5]));
        let wide = sum.view();
        assert_eq!((wide.scale, wide.offset, wide.counts.len()), (2, -100, 81));
        assert_eq!((wide.counts[0], wide.counts[79], wide.counts[80]), (3, 4, 5));
    }

    #[test]
    fn nothing_added_is_nothing() {
        let mut sum = ExponentialSum::default();
        sum.add(histogram(1, 7, &[0, 0]));
        assert_eq!(sum.view(), Exponential { scale: 3, zero_count: 1, offset: 0, counts: &[] });
        sum.clear();
        assert_eq!(sum, ExponentialSum::default());
    }
}
