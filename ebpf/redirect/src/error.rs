//! Why steering could not start.

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::Direction;

/// Why steering could not start, or a running one could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum RedirectError {
    /// Another live agent has the port in this network namespace.
    #[error(
        "{direction} port {port} of this network namespace is already steered by process {pid} ({description}), \
         since {}; stop it first or choose another port", humantime::format_rfc3339_seconds(*.since)
    )]
    AlreadySteered {
        /// The first port that both want.
        port: u16,
        /// Which way.
        direction: Direction,
        /// The other agent's process id (in its own pid namespace).
        pid: u32,
        /// What it says about itself.
        description: String,
        /// Since when it has the port.
        since: SystemTime,
    },
    /// The mount table has no cgroup version 2.
    #[error("cgroup version 2 is not mounted; mount it with `mount -t cgroup2 none /sys/fs/cgroup`")]
    NoCgroup2,
    /// A file of the cgroup or namespace could not be read.
    #[error("{call} {}: {source}", path.display())]
    File {
        /// The call that failed.
        call: &'static str,
        /// On what.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// A system call that has no path failed.
    #[error("{call}: {source}")]
    Call {
        /// The call that failed.
        call: &'static str,
        /// Its answer.
        source: io::Error,
    },
}

impl RedirectError {
    /// The process lacks a privilege (exit code 77).
    pub fn is_missing_privilege(&self) -> bool {
        self.errno().is_some_and(|errno| matches!(errno, libc::EPERM | libc::EACCES))
    }

    /// The kernel or the system lacks something that steering needs (exit code 77).
    pub fn is_missing_feature(&self) -> bool {
        matches!(self, Self::NoCgroup2)
    }

    fn errno(&self) -> Option<i32> {
        match self {
            Self::File { source, .. } | Self::Call { source, .. } => source.raw_os_error(),
            Self::AlreadySteered { .. } | Self::NoCgroup2 => None,
        }
    }
}
