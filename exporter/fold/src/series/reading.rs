//! Reads the cells of a label set.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;
use std::{hint, thread};

use flowfold_flow::Side;

use super::{BUCKETS, Series};
use crate::cell::ExponentialCopy;
use crate::snapshot::{BucketExemplar, Detail, ExponentialSum};

/// How often a reader tries anew at once, and how often after it has let others run: a write takes nanoseconds, but the
/// writer may be off its core in the middle of it.
const SPINS: u32 = 64;
const NAPS: u32 = 10_000;

/// What the cells of a label set hold, summed over the workers. One is used for many label sets, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// The values in each bucket, `+Inf` last.
    pub(crate) counts: [u64; BUCKETS],
    pub(crate) sum_nanos: f64,
    pub(crate) messages: [u64; Side::ALL.len()],
    pub(crate) message_bytes: [u64; Side::ALL.len()],
    pub(crate) exponential: ExponentialSum,
    /// The last of each bucket, in the order of the buckets.
    pub(crate) exemplars: Vec<BucketExemplar>,
}

/// What the cells of one series hold at one moment.
#[derive(Debug, Default)]
pub(crate) struct SeriesCopy {
    counts: [u64; BUCKETS],
    sum_nanos: f64,
    messages: [u64; Side::ALL.len()],
    message_bytes: [u64; Side::ALL.len()],
    exponential: ExponentialCopy,
    exemplars: Vec<BucketExemplar>,
}

impl Reading {
    /// Makes it what these series hold together. `copy` is only room to work in.
    pub(crate) fn read(&mut self, series: &[Arc<Series>], detail: Detail, copy: &mut SeriesCopy) {
        (self.counts, self.sum_nanos, self.messages, self.message_bytes) = Default::default();
        self.exponential.clear();
        self.exemplars.clear();
        for series in series {
            series.read(detail, copy);
            self.counts.iter_mut().zip(copy.counts).for_each(|(sum, count)| *sum += count);
            self.sum_nanos += copy.sum_nanos;
            self.messages.iter_mut().zip(copy.messages).for_each(|(sum, count)| *sum += count);
            self.message_bytes.iter_mut().zip(copy.message_bytes).for_each(|(sum, count)| *sum += count);
            if detail.exponential {
                self.exponential.add(copy.exponential.view());
            }
            self.exemplars.append(&mut copy.exemplars);
        }
        if series.len() > 1 {
            keep_latest(&mut self.exemplars);
        }
    }

    /// Adds what others hold.
    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(sum, count)| *sum += count);
        self.sum_nanos += other.sum_nanos;
        self.messages.iter_mut().zip(other.messages).for_each(|(sum, count)| *sum += count);
        self.message_bytes.iter_mut().zip(other.message_bytes).for_each(|(sum, count)| *sum += count);
        self.exponential.add(other.exponential.view());
        self.exemplars.extend(&other.exemplars);
        keep_latest(&mut self.exemplars);
    }

    /// How many exchanges were counted.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Leaves the latest exemplar of each bucket, in the order of the buckets.
pub(crate) fn keep_latest(exemplars: &mut Vec<BucketExemplar>) {
    exemplars.sort_unstable_by_key(|placed| (placed.bucket, std::cmp::Reverse(placed.exemplar.at)));
    exemplars.dedup_by_key(|placed| placed.bucket);
}

impl Series {
    /// Copies the cells as they are at one moment.
    fn read(&self, detail: Detail, copy: &mut SeriesCopy) {
        for attempt in 0..SPINS + NAPS {
            let before = self.version.load(Ordering::Acquire);
            self.read_cells(detail, copy);
            // No read above happens after the one below.
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == before {
                return;
            }
            if attempt < SPINS {
                hint::spin_loop();
            } else {
                // A worker that does not come to its end within a second is stuck, and what it left will do.
                thread::sleep(Duration::from_micros(100));
            }
        }
    }

    fn read_cells(&self, detail: Detail, copy: &mut SeriesCopy) {
        copy.counts = [0; BUCKETS];
        copy.sum_nanos = self.histogram.add_to(&mut copy.counts);
        if let Some(messages) = &self.messages {
            for side in Side::ALL {
                copy.messages[side as usize] = messages.counts[side as usize].get();
                copy.message_bytes[side as usize] = messages.bytes[side as usize].get();
            }
        } else {
            (copy.messages, copy.message_bytes) = Default::default();
        }
        if detail.exponential {
            self.exponential.read(&mut copy.exponential);
        }
        copy.exemplars.clear();
        if detail.exemplars {
            self.exemplars.read(&mut copy.exemplars);
        }
    }

    /// How many exchanges it has counted.
    pub(crate) fn count(&self) -> u64 {
        let mut counts = [0; BUCKETS];
        self.histogram.add_to(&mut counts);
        counts.iter().sum()
    }
}
