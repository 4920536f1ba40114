//! May anything be steered at this moment?

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use flowfold_redirect_abi::{Counter, HEARTBEAT_STALE_NS};

use crate::maps::{HEARTBEAT, PAUSED};

/// Nothing if connections may be steered, otherwise what to count them as.
#[inline(always)]
pub(crate) fn closed() -> Option<Counter> {
    let beat = HEARTBEAT.get(0).copied().unwrap_or(0);
    // SAFETY: no argument, no failure.
    let now = unsafe { bpf_ktime_get_ns() };
    // A beat of another processor can be a hair ahead of this one's clock.
    if now.saturating_sub(beat) > HEARTBEAT_STALE_NS {
        return Some(Counter::DirectStaleHeartbeat);
    }
    if PAUSED.get(0).is_some_and(|paused| *paused != 0) {
        return Some(Counter::DirectPaused);
    }
    None
}
