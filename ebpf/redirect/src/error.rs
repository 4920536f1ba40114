//! Why steering could not start.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use aya::EbpfError;
use aya::programs::ProgramError;

use crate::{Direction, owner};

/// Lines kept of the verifier's log: the complaint is at its end, the rest is the program.
const VERIFIER_LOG_LINES: usize = 12;

/// Why steering could not start, or a running one could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum RedirectError {
    /// Another live agent has the port in this network namespace.
    #[error(
        "{direction} port {port} of this network namespace is already steered by process {pid} ({description}) since \
         {}; stop that one or take the port out of one of the two plans", humantime::format_rfc3339_seconds(*.since)
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
    /// A program could not be attached.
    #[error("attach {program} to {}", path.display())]
    Attach {
        /// The program.
        program: &'static str,
        /// The cgroup or network namespace.
        path: PathBuf,
        /// The loader's error.
        source: Box<ProgramError>,
    },
    /// A system call that has no path failed.
    #[error("{call}")]
    Call {
        /// The call that failed.
        call: &'static str,
        /// Its answer.
        source: io::Error,
    },
    /// A file of a cgroup, namespace or process could not be read.
    #[error("{call} {}", path.display())]
    File {
        /// The call that failed.
        call: &'static str,
        /// On what.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// A map refused an access.
    #[error("{call} map {map}")]
    Map {
        /// What was tried.
        call: &'static str,
        /// The map.
        map: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The object's maps could not be created.
    #[error("create the maps of the programs")]
    Maps {
        /// The loader's error.
        source: Box<EbpfError>,
    },
    /// The mount table has no cgroup version 2.
    #[error("cgroup version 2 is not mounted; mount it, for example with `mount -t cgroup2 none /mnt/cgroup2`")]
    NoCgroup2,
    /// The directory is no cgroup of version 2.
    #[error("{} is not a directory of cgroup version 2", path.display())]
    NotCgroup2 {
        /// The directory.
        path: PathBuf,
    },
    /// The plan has no port, or port 0.
    #[error("nothing to steer: a plan needs at least one port, and none of them 0")]
    NothingToSteer,
    /// The embedded object lacks a part that this loader knows: the two were built from different sources.
    #[error("the embedded object has no {part} of the kind expected; rebuild it with ebpf/build")]
    Object {
        /// The program or map.
        part: &'static str,
    },
    /// The programs don't see the agent's own sockets, so they would steer the agent's connections back to it.
    #[error(
        "the programs do not see this process' own sockets; its cgroup of version 2 ({}) is not reachable from here. \
         Start it in a cgroup below the mount that it sees", cgroup.display()
    )]
    OwnSocketsUnseen {
        /// The cgroup as `/proc/self/cgroup` tells it.
        cgroup: PathBuf,
    },
    /// The kernel refused a program.
    #[error("load {program}{}", with_log(verifier_log))]
    Program {
        /// The program.
        program: &'static str,
        /// The end of the verifier's log; empty if it did not come that far.
        verifier_log: String,
        /// The kernel's answer. (The loader's own error would print the whole log.)
        source: io::Error,
    },
}

impl RedirectError {
    /// The process lacks a privilege (exit code 77).
    pub fn is_missing_privilege(&self) -> bool {
        // The verifier's own refusal is EACCES too, but it comes with a log.
        let refused_by_verifier = matches!(self, Self::Program { verifier_log, .. } if !verifier_log.is_empty());
        !refused_by_verifier && self.errno().is_some_and(|errno| matches!(errno, libc::EPERM | libc::EACCES))
    }

    /// The kernel or the system lacks something that steering needs (exit code 77).
    pub fn is_missing_feature(&self) -> bool {
        match self {
            Self::NoCgroup2 | Self::NotCgroup2 { .. } | Self::OwnSocketsUnseen { .. } => true,
            Self::Program { verifier_log, .. } if !verifier_log.is_empty() => true,
            Self::Maps { .. } | Self::Program { .. } | Self::Attach { .. } | Self::Call { .. } => {
                let unknown = [libc::EINVAL, libc::ENOSYS, libc::EOPNOTSUPP, libc::ENOPROTOOPT, libc::E2BIG];
                self.errno().is_some_and(|errno| unknown.contains(&errno))
            }
            Self::AlreadySteered { .. }
            | Self::File { .. }
            | Self::Map { .. }
            | Self::NothingToSteer
            | Self::Object { .. } => false,
        }
    }

    pub(crate) fn program(program: &'static str, error: ProgramError) -> Self {
        match error {
            ProgramError::LoadError { io_error, verifier_log } => {
                Self::Program { program, verifier_log: last_lines(&verifier_log.to_string()), source: io_error }
            }
            other => Self::Program { program, verifier_log: String::new(), source: owner::errno_of(&other) },
        }
    }

    /// The operating system's error at the bottom of it.
    pub(crate) fn errno(&self) -> Option<i32> {
        let mut cause = self.source();
        while let Some(error) = cause {
            if let Some(errno) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
                return Some(errno);
            }
            cause = error.source();
        }
        None
    }
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(VERIFIER_LOG_LINES)..].join("\n")
}

fn with_log(log: &str) -> String {
    if log.is_empty() { String::new() } else { format!(", refused by the verifier:\n{log}\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privilege_and_feature_are_told_apart() {
        let call = |errno| RedirectError::Call { call: "bpf", source: io::Error::from_raw_os_error(errno) };
        assert!(call(libc::EPERM).is_missing_privilege());
        assert!(!call(libc::EPERM).is_missing_feature());
        assert!(call(libc::EINVAL).is_missing_feature());
        assert!(!call(libc::EINVAL).is_missing_privilege());
        assert!(RedirectError::NoCgroup2.is_missing_feature());
    }

    #[test]
    fn the_verifiers_last_lines_are_kept() {
        let log = (0..100).map(|line| line.to_string()).collect::<Vec<_>>().join("\n");
        let kept = last_lines(&log);
        assert!(kept.starts_with("88\n") && kept.ends_with("\n99"), "{kept}");
        assert_eq!(last_lines("one"), "one");
    }

    #[test]
    fn a_refusal_names_the_other_agent() {
        let error = RedirectError::AlreadySteered {
            port: 80,
            direction: Direction::Egress,
            pid: 7,
            description: "flowfold run".into(),
            since: SystemTime::UNIX_EPOCH,
        };
        let text = error.to_string();
        for part in ["egress port 80", "process 7", "flowfold run", "1970-01-01T00:00:00Z"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
