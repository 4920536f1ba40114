//! What is steered, for whom.

use std::fmt;
use std::path::PathBuf;

/// What one [`Redirect`](crate::Redirect) steers: chosen ports of one network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Directory of the cgroup (version 2) whose processes are steered: their connects, and what their accepted
    /// sockets show as the peer. The root of the mount steers every process of the namespace.
    pub cgroup: PathBuf,
    /// Local TCP ports whose incoming connections are steered. They are steered wherever the server runs; whether
    /// the server sees its true client depends on `cgroup` holding it.
    pub ingress: Vec<u16>,
    /// Destination TCP ports whose outgoing connections are steered.
    pub egress: Vec<u16>,
    /// Destination UDP ports whose outgoing datagrams are read, and the answers to them
    /// ([`Redirect::take_datagrams`](crate::Redirect::take_datagrams)). They are not steered.
    pub egress_udp: Vec<u16>,
    /// Local UDP ports whose incoming datagrams are read, and the answers to them, wherever the server runs. They are not
    /// steered either.
    pub ingress_udp: Vec<u16>,
    /// Whether the reader of datagrams is woken by each answer: whoever acts on answers must know of them when the client
    /// does. It costs a wake-up per answer.
    pub prompt_answers: bool,
    /// A few words about this agent for the next one that wants the same port; cut at
    /// [`flowfold_redirect_abi::DESCRIPTION_BYTES`] bytes.
    pub description: String,
}

/// Which way traffic of a plan goes, seen from its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Coming in, to a local server.
    Ingress,
    /// Going out, from a local client.
    Egress,
    /// UDP datagrams of local clients, and the answers to them.
    EgressUdp,
    /// UDP datagrams to local servers, and their answers.
    IngressUdp,
}

impl Plan {
    /// Whether it has datagrams.
    pub(crate) fn has_datagrams(&self) -> bool {
        !self.egress_udp.is_empty() || !self.ingress_udp.is_empty()
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
            Self::EgressUdp => "egress UDP",
            Self::IngressUdp => "ingress UDP",
        })
    }
}
