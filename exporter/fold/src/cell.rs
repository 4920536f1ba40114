//! Cells that one worker writes and any thread reads.
//!
//! Each cell has a single writer, so an addition is a load and a store, not a locked read-modify-write: a shared
//! counter would cost tens of nanoseconds as soon as two workers wrote it. A reader may see one cell of a pair a moment
//! before the other, where nothing says otherwise (a series does); a histogram's count is not a cell but the sum of its
//! buckets, so those two can't disagree.

mod exemplars;
mod exponential;
mod place;

use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use exemplars::{ExemplarCells, unix_nanos};
pub(crate) use exponential::{CARRIES_BYTES, CHUNK_BYTES, ExponentialCells, ExponentialCopy};
pub(crate) use place::Place;

use crate::buckets;

/// A number that one thread adds to.
#[derive(Debug, Default)]
pub(crate) struct Cell(AtomicU64);

impl Cell {
    /// Adds. To be called by the one writer alone.
    #[inline]
    pub(crate) fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// Adds, and makes everything that the writer wrote before visible to whoever reads this with
    /// [`get_acquire`](Self::get_acquire).
    #[inline]
    pub(crate) fn add_release(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Release);
    }

    /// The number.
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The number, and with it everything written before an [`add_release`](Self::add_release) that made it.
    #[inline]
    pub(crate) fn get_acquire(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// A sum of nanoseconds that one thread adds to.
///
/// It is a float: exact up to 2^53 ns (104 days), and beyond that it rounds where an integer would, after 584 years of
/// summed waiting, wrap (ten thousand open streams get there in three weeks).
#[derive(Debug, Default)]
pub(crate) struct NanosCell(AtomicU64);

impl NanosCell {
    /// Adds. To be called by the one writer alone.
    #[inline]
    pub(crate) fn add(&self, nanos: u64) {
        let sum = f64::from_bits(self.0.load(Ordering::Relaxed)) + place::as_float(nanos);
        self.0.store(sum.to_bits(), Ordering::Relaxed);
    }

    /// The sum.
    #[inline]
    pub(crate) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// A histogram of durations with `N` bounds that one thread adds to.
#[derive(Debug)]
pub(crate) struct Histogram<const N: usize> {
    within: [Cell; N],
    beyond: Cell,
    sum: NanosCell,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self { within: std::array::from_fn(|_| Cell::default()), beyond: Cell::default(), sum: NanosCell::default() }
    }
}

impl<const N: usize> Histogram<N> {
    /// Adds a value. To be called by the one writer alone.
    #[inline]
    pub(crate) fn observe(&self, bounds: &[u64; N], nanos: u64) {
        self.observe_in(buckets::index(bounds, nanos), nanos);
    }

    /// Adds a value whose bucket is known. To be called by the one writer alone.
    #[inline]
    pub(crate) fn observe_in(&self, bucket: usize, nanos: u64) {
        self.within.get(bucket).unwrap_or(&self.beyond).add(1);
        self.sum.add(nanos);
    }

    /// Adds what is held to `counts`, which has room for each bucket and `+Inf`, and returns the sum in nanoseconds.
    pub(crate) fn add_to(&self, counts: &mut [u64]) -> f64 {
        for (count, cell) in counts.iter_mut().zip(self.within.iter().chain([&self.beyond])) {
            *count += cell.get();
        }
        self.sum.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_keeps_every_value_once() {
        let histogram = Histogram::<3>::default();
        for nanos in [1, 10, 11, 20, 30, 31, u64::MAX] {
            histogram.observe(&[10, 20, 30], nanos);
        }
        let mut counts = [100, 0, 0, 0];
        let sum = histogram.add_to(&mut counts);
        assert_eq!(counts, [102, 2, 1, 2]);
        assert!((sum - i64::MAX as f64).abs() <= 4096.0);
    }

    #[test]
    fn a_sum_is_exact_where_it_matters() {
        let sum = NanosCell::default();
        for _ in 0..1_000_000 {
            sum.add(1_000_003);
        }
        assert_eq!(sum.get().to_bits(), 1_000_003_000_000_f64.to_bits());
    }
}
