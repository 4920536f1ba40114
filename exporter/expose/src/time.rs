//! Points in time, as the formats count them.

use std::time::{Duration, SystemTime};

/// The time since 1970; zero for what lies before.
pub(crate) fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
