//! The clock of the programs (`bpf_ktime_get_ns`).

use rustix::time::{ClockId, clock_gettime};

/// Now: nanoseconds of `CLOCK_MONOTONIC`.
pub(crate) fn nanoseconds() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
