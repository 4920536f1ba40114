//! What became of what was pushed.

use std::sync::atomic::{AtomicU64, Ordering};

use flowfold_fold::names::{Metric, label};
use flowfold_fold::{Labels, Scalar, Snapshot};

/// Counters of what was pushed, by what became of it.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    sent: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Outcomes {
    /// The receiver took so many, and refused so many of them.
    pub(crate) fn sent(&self, count: u64, rejected: u64) {
        let rejected = rejected.min(count);
        self.sent.fetch_add(count - rejected, Ordering::Relaxed);
        self.rejected.fetch_add(rejected, Ordering::Relaxed);
    }

    /// So many could not be delivered.
    pub(crate) fn failed(&self, count: u64) {
        self.failed.fetch_add(count, Ordering::Relaxed);
    }

    /// So many were given up without having been sent.
    pub(crate) fn dropped(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    /// Adds the counters to a snapshot.
    pub(crate) fn add_to(&self, snapshot: &mut Snapshot, metric: &'static Metric) {
        let outcomes =
            [("sent", &self.sent), ("rejected", &self.rejected), ("failed", &self.failed), ("dropped", &self.dropped)];
        let points = outcomes.map(|(outcome, count)| {
            Scalar::new(Labels::new([(label::OUTCOME, outcome)]), count.load(Ordering::Relaxed))
        });
        snapshot.push(metric, points.into());
    }
}
