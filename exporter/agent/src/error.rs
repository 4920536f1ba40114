//! Why a command ended, and with which exit code.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use flowfold_expose::otlp::OtlpError;
use flowfold_redirect::RedirectError;

use crate::config::ConfigError;

/// Why a command could not do what it was asked. `Display` is all that the user gets to read.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The configuration or a flag cannot be used.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// A flag names something that cannot be used, as it turned out when it was tried.
    #[error("--{flag}: {what}; {fix}")]
    Flag {
        /// The flag without its dashes.
        flag: &'static str,
        /// What is wrong.
        what: String,
        /// What to do about it.
        fix: &'static str,
    },
    /// Steering could not start, or was refused.
    #[error("cannot steer: {0}")]
    Redirect(#[from] RedirectError),
    /// A privilege or a feature of the kernel is missing.
    #[error("cannot steer here: {}", .0.replace('\n', "\n  "))]
    Missing(String),
    /// The operating system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was tried, and on what.
        what: String,
        /// The answer.
        source: io::Error,
    },
    /// The limit of open files is too low to run with.
    #[error(
        "the limit of open files is {limit}, and {needed} are needed; \
         raise it with `ulimit -n {needed}`, or with LimitNOFILE= in a systemd unit"
    )]
    FewOpenFiles {
        /// The hard limit.
        limit: usize,
        /// The least that would do.
        needed: usize,
    },
    /// What certificates or keys are to be used for pushing cannot be.
    #[error("cannot push by OTLP: {0}; give PEM files that fit each other, or leave them out for those of the system")]
    Otlp(#[from] OtlpError),
    /// An address cannot be listened on.
    #[error("cannot {what} on {address}: {source}{}", hint(.source))]
    Listen {
        /// What for.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// The answer of the operating system.
        source: io::Error,
    },
    /// No agent answers there.
    #[error(
        "no agent answers at {address}: {why}; \
         start one, or give --agent the address of its /metrics (`metrics.listen` or --metrics)"
    )]
    NoAgent {
        /// Where one was looked for.
        address: SocketAddr,
        /// What happened.
        why: String,
    },
    /// The agent has not been told to learn patterns of paths.
    #[error(
        "the agent at {address} learns no patterns of paths; \
         set `max_url_templates: 50` (or another number, for each service) in its configuration and start it again"
    )]
    LearnsNothing {
        /// Where it answers.
        address: SocketAddr,
    },
    /// A second signal cut the orderly end short.
    #[error("stopped at once by {0}; connections that were still open are reset")]
    Hurried(&'static str),
    /// The steered cgroup was removed while the agent ran.
    #[error("the steered cgroup {} is gone, and its programs with it; start again once it is back", .0.display())]
    CgroupGone(PathBuf),
    /// A process of the demo ended although nobody had asked it to.
    #[error("{name} (process {pid}) of the demo ended unexpectedly: {status}")]
    Left {
        /// What the process was.
        name: &'static str,
        /// Its number.
        pid: u32,
        /// How it ended.
        status: ExitStatus,
    },
    /// A part of the agent ended although nobody had asked it to.
    #[error("{0} ended unexpectedly; see the log above")]
    Died(&'static str),
}

/// The exit codes of all commands, as `--help` tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Bad usage or configuration; `EX_USAGE` of sysexits.h.
    Usage = 64,
    /// A privilege or a kernel feature is missing; `EX_NOPERM` of sysexits.h.
    Missing = 77,
}

impl AgentError {
    /// For use in `map_err`: the operating system refused `what`.
    pub fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    /// The exit code that tells this kind of error.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) | Self::Flag { .. } | Self::Otlp(_) => Exit::Usage,
            Self::Missing(_) => Exit::Missing,
            Self::Redirect(error) if error.is_missing_privilege() || error.is_missing_feature() => Exit::Missing,
            Self::Redirect(_)
            | Self::System { .. }
            | Self::FewOpenFiles { .. }
            | Self::Listen { .. }
            | Self::NoAgent { .. }
            | Self::LearnsNothing { .. }
            | Self::Hurried(_)
            | Self::CgroupGone(_)
            | Self::Left { .. }
            | Self::Died(_) => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error with what it came from, as far as its own text does not tell that already.
pub fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let own = error.to_string();
        if !text.contains(&own) {
            text = format!("{text}: {own}");
        }
        cause = error.source();
    }
    text
}

/// What to do about an address that cannot be listened on.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; stop what listens there, or choose another address",
        io::ErrorKind::AddrNotAvailable => "; choose an address that this host has",
        io::ErrorKind::PermissionDenied => "; choose a port above 1023, or run as root",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let cause = || io::Error::other("no room");
        assert_eq!(whole(&AgentError::system("cannot open it")(cause())), "cannot open it: no room");
        let silent = RedirectError::Call { call: "bpf", source: cause() };
        assert_eq!(whole(&AgentError::from(silent)), "cannot steer: bpf: no room");
    }

    #[test]
    fn what_is_missing_is_one_message() {
        let error = AgentError::Missing("privilege: none\nfix: run as root".to_owned());
        assert_eq!(error.to_string(), "cannot steer here: privilege: none\n  fix: run as root");
        assert_eq!(error.exit(), Exit::Missing);
    }
}
