//! Turns the monotonic clock, which durations need, into wall-clock time, which spans need, for one clock read.

use std::cell::Cell;
use std::time::{Instant, SystemTime};

/// A pair of readings of both clocks, renewed often enough that a step of the wall clock shows soon.
#[derive(Debug)]
pub(crate) struct Clock(Cell<(Instant, SystemTime)>);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Cell::new((Instant::now(), SystemTime::now())))
    }

    /// Reads both clocks anew.
    pub(crate) fn renew(&self) {
        self.0.set((Instant::now(), SystemTime::now()));
    }

    /// The wall-clock time of a monotonic reading.
    pub(crate) fn wall(&self, at: Instant) -> SystemTime {
        let (instant, system) = self.0.get();
        if at >= instant { system.checked_add(at - instant) } else { system.checked_sub(instant - at) }
            .unwrap_or(system)
    }
}
