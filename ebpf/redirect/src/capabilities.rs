//! Which capabilities are needed, when and for what.

use std::fmt;

/// A capability that steering uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// Its name as capabilities(7) has it.
    pub name: &'static str,
    /// When it is used.
    pub phase: Phase,
    /// What for.
    pub reason: &'static str,
}

/// When a capability is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Only until [`Redirect::attach`](crate::Redirect::attach) returns; it can be dropped then.
    Attach,
    /// As long as connections are steered.
    Running,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attach => "attach",
            Self::Running => "running",
        })
    }
}

/// All of them. Capabilities belong to threads: drop them before the workers start, or on each.
///
/// Reads and writes of maps need none on kernels from 5.19; on older ones with `kernel.unprivileged_bpf_disabled` set
/// they need `CAP_BPF` as long as the agent runs.
pub const CAPABILITIES: [Capability; 9] = [
    Capability { name: "CAP_BPF", phase: Phase::Attach, reason: "create maps and load programs" },
    Capability { name: "CAP_PERFMON", phase: Phase::Attach, reason: "load programs that ask which process connects" },
    Capability {
        name: "CAP_SYS_ADMIN",
        phase: Phase::Attach,
        reason: "enter another network namespace, and see whether another agent has the same ports; not needed for \
                 the own namespace if no other agent runs",
    },
    Capability {
        name: "CAP_NET_ADMIN",
        phase: Phase::Running,
        reason: "attach network programs; later mark upstream sockets (SO_MARK)",
    },
    Capability {
        name: "CAP_NET_RAW",
        phase: Phase::Attach,
        reason: "hear from the network (ICMP) which DNS servers cannot be reached; not needed to steer",
    },
    Capability {
        name: "CAP_SYS_NICE",
        phase: Phase::Attach,
        reason: "read DNS answers before other work, where names are learned; not needed to steer",
    },
    Capability {
        name: "CAP_DAC_READ_SEARCH",
        phase: Phase::Running,
        reason: "open cgroups and processes of other users, to name them; not needed to steer",
    },
    Capability {
        name: "CAP_SYS_PTRACE",
        phase: Phase::Running,
        reason: "read what processes of other users are, to name them; not needed to steer",
    },
    Capability {
        name: "CAP_NET_BIND_SERVICE",
        phase: Phase::Running,
        reason: "only if /metrics shall listen on a port below 1024",
    },
];
