//! The last traced exchange of each bucket.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use flowfold_flow::TraceContext;

use crate::budget::Budget;
use crate::snapshot::{BucketExemplar, Exemplar};

/// An exemplar for each of `N` buckets, written by one thread. To be read under the lock of their series only.
#[derive(Debug)]
pub(crate) struct ExemplarCells<const N: usize> {
    /// They come into being with the first of them: most traffic is not traced.
    cells: OnceLock<Box<[Cells; N]>>,
}

impl<const N: usize> Default for ExemplarCells<N> {
    fn default() -> Self {
        Self { cells: OnceLock::new() }
    }
}

#[derive(Debug, Default)]
struct Cells {
    trace_id: [AtomicU64; 2],
    span_id: AtomicU64,
    nanos: AtomicU64,
    /// Nanoseconds since 1970; 0 where there is no exemplar.
    at: AtomicU64,
}

impl<const N: usize> ExemplarCells<N> {
    const BYTES: usize = size_of::<[Cells; N]>() + Budget::PER_ALLOCATION;

    /// Sets the exemplar of a bucket, if there is memory for it.
    pub(crate) fn set(&self, bucket: usize, nanos: u64, trace: &TraceContext, at: u64, budget: &Budget) {
        if self.cells.get().is_none() && !budget.try_take(Self::BYTES) {
            return;
        }
        let cells = self.cells.get_or_init(|| Box::new(std::array::from_fn(|_| Cells::default())));
        let Some(cells) = cells.get(bucket) else { return };
        let [high, low] = halves(trace.trace_id);
        let set = |cell: &AtomicU64, value| cell.store(value, Ordering::Relaxed);
        set(&cells.trace_id[0], high);
        set(&cells.trace_id[1], low);
        set(&cells.span_id, u64::from_be_bytes(trace.parent_span_id));
        set(&cells.nanos, nanos);
        set(&cells.at, at);
    }

    /// Appends what there is, in the order of the buckets.
    pub(crate) fn read(&self, out: &mut Vec<BucketExemplar>) {
        let Some(cells) = self.cells.get() else { return };
        for (bucket, cells) in cells.iter().enumerate() {
            let get = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
            let at = get(&cells.at);
            if at == 0 {
                continue;
            }
            let mut trace_id = [0; 16];
            trace_id[..8].copy_from_slice(&get(&cells.trace_id[0]).to_be_bytes());
            trace_id[8..].copy_from_slice(&get(&cells.trace_id[1]).to_be_bytes());
            let exemplar = Exemplar {
                trace_id,
                span_id: get(&cells.span_id).to_be_bytes(),
                value_nanos: get(&cells.nanos),
                at: SystemTime::UNIX_EPOCH + Duration::from_nanos(at),
            };
            out.push(BucketExemplar { bucket, exemplar });
        }
    }

    /// The memory that was taken.
    pub(crate) fn bytes_taken(&self) -> usize {
        self.cells.get().map_or(0, |_| Self::BYTES)
    }
}

fn halves(id: [u8; 16]) -> [u64; 2] {
    let number = u128::from_be_bytes(id).to_be_bytes();
    let half = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    [half(&number[..8]), half(&number[8..])]
}

/// A moment in whole nanoseconds since 1970, and never 0.
pub(crate) fn unix_nanos(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    crate::buckets::nanos(since).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_exemplar_of_a_bucket_is_read_as_it_was_set() {
        let cells = ExemplarCells::<4>::default();
        let budget = Budget::new(usize::MAX);
        let trace = |first| TraceContext {
            trace_id: [first, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
            parent_span_id: [first, 1, 2, 3, 4, 5, 6, 7],
            sampled: true,
        };
        let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
        cells.set(3, 70, &trace(1), 1, &budget);
        cells.set(3, 77, &trace(200), unix_nanos(at), &budget);
        cells.set(0, 1, &trace(9), unix_nanos(at), &budget);
        let mut out = Vec::new();
        cells.read(&mut out);
        let read = |exemplar: &BucketExemplar| (exemplar.bucket, exemplar.exemplar.value_nanos, exemplar.exemplar.at);
        assert_eq!(out.iter().map(read).collect::<Vec<_>>(), [(0, 1, at), (3, 77, at)]);
        assert_eq!(out[1].exemplar.trace_id, trace(200).trace_id);
        assert_eq!(out[1].exemplar.span_id, trace(200).parent_span_id);
        assert_eq!(budget.used(), cells.bytes_taken());
    }

    #[test]
    fn without_memory_there_is_none() {
        let cells = ExemplarCells::<4>::default();
        let budget = Budget::new(10);
        let trace = TraceContext { trace_id: [1; 16], parent_span_id: [1; 8], sampled: true };
        cells.set(0, 1, &trace, 1, &budget);
        let mut out = Vec::new();
        cells.read(&mut out);
        assert!(out.is_empty());
        assert_eq!((budget.used(), cells.bytes_taken()), (0, 0));
    }
}
