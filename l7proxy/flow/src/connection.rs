//! One relayed connection: what is fixed when it is accepted, and how it ends.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::Workload;

/// For which side of a connection the agent reports, given by the rules that steered it.
///
/// A connection with both ends on this host, steered by an ingress and an egress rule, is reported by both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reporters {
    /// Reported as the server's side (an ingress rule named the port).
    pub server: bool,
    /// Reported as the client's side (an egress rule named the port).
    pub client: bool,
}

impl Reporters {
    /// An ingress rule alone.
    pub const SERVER: Self = Self { server: true, client: false };
    /// An egress rule alone.
    pub const CLIENT: Self = Self { server: false, client: true };
    /// An ingress and an egress rule.
    pub const BOTH: Self = Self { server: true, client: true };

    /// The label value of the rules' direction.
    pub const fn as_label(self) -> &'static str {
        match (self.server, self.client) {
            (true, true) => "both",
            (true, false) => "ingress",
            (false, true) => "egress",
            (false, false) => "none",
        }
    }
}

/// What is known of a connection from its first moment, and does not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// For which sides it is reported.
    pub reporters: Reporters,
    /// The client's own address. The port is zero where it stands for all clients at that address.
    pub client: SocketAddr,
    /// The address that the client asked for.
    pub server: SocketAddr,
    /// Who the client is.
    pub source: Arc<Workload>,
    /// Who the server is.
    pub destination: Arc<Workload>,
}

/// How a relayed connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionOutcome {
    /// Both directions were finished in order.
    Closed,
    /// The client reset it.
    ClientReset,
    /// The server reset it.
    ServerReset,
    /// The server could not be reached; the client was reset.
    ConnectFailed,
    /// It was still open at the drain deadline, and was reset on both sides.
    DrainTimeout,
    /// An error on one of our own sockets ended it.
    AgentError,
    /// It was a flow of datagrams, which has no end of its own: nothing more was expected of it.
    Silent,
}

impl ConnectionOutcome {
    /// Every outcome, in the order of [`ConnectionOutcome::index`].
    pub const ALL: [Self; 7] = [
        Self::Closed,
        Self::ClientReset,
        Self::ServerReset,
        Self::ConnectFailed,
        Self::DrainTimeout,
        Self::AgentError,
        Self::Silent,
    ];

    /// The position of this outcome in [`ConnectionOutcome::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The label value of this outcome.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::ClientReset => "client_reset",
            Self::ServerReset => "server_reset",
            Self::ConnectFailed => "connect_failed",
            Self::DrainTimeout => "drain_timeout",
            Self::AgentError => "agent_error",
            Self::Silent => "silent",
        }
    }
}

/// What is told of a connection when it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionEnd {
    /// How it ended.
    pub outcome: ConnectionOutcome,
}

/// Why an accepted connection was not relayed at all. It was reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Nothing tells where it was going: it came to the listener without having been steered.
    NoDestination,
    /// It was going to the agent's own listener, and relaying it would loop.
    Loop,
}

impl Refusal {
    /// Every refusal, in the order of [`Refusal::index`].
    pub const ALL: [Self; 2] = [Self::NoDestination, Self::Loop];

    /// The position of this refusal in [`Refusal::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The label value of this refusal.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::NoDestination => "no_destination",
            Self::Loop => "loop",
        }
    }
}
