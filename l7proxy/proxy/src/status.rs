//! What a worker shows to the threads beside it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Gauges of one worker that other threads may read at any time.
#[derive(Debug, Default)]
pub struct WorkerStatus {
    ticks: AtomicU64,
    open: AtomicUsize,
}

impl WorkerStatus {
    /// Grows while the worker's runtime turns, several times a second. A worker whose ticks stand still is stuck.
    pub fn ticks(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// Connections that the worker has accepted and not yet let go of.
    pub fn open_connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn tick(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn accepted(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn let_go(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}
