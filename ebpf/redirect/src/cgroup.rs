//! Where cgroup version 2 is mounted.

use std::path::PathBuf;

use crate::RedirectError;

/// The mount point of cgroup version 2, found in the mount table; with several, the first that can be used.
pub fn cgroup2_mount() -> Result<PathBuf, RedirectError> {
    Err(RedirectError::NoCgroup2)
}
