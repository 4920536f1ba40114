//! Counting, per processor.

use flowfold_redirect_abi::Counter;

use crate::maps::COUNTERS;

/// Adds one.
#[inline(always)]
pub(crate) fn count(counter: Counter) {
    if let Some(value) = COUNTERS.get_ptr_mut(counter as u32) {
        // SAFETY: the slot is this processor's own. A hook that interrupts another between the load and the store
        // can lose a count, never tear one.
        unsafe { *value = (*value).wrapping_add(1) };
    }
}
