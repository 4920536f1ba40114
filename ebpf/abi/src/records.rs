//! What the programs remember about connections.

use crate::{Endpoint, Plain};

/// A process that called `connect`, `sendto` or `sendmsg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Client {
    /// Id of its cgroup (version 2).
    pub cgroup_id: u64,
    /// Process id (thread group) in the initial pid namespace.
    pub pid: u32,
    /// Zero.
    pub padding: u32,
    /// Command name of the calling thread: 16 bytes in memory order, padded with zeros.
    pub comm: [u64; 2],
}

/// Where a connection was going before it was sent to the agent, and who opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Origin {
    /// Who opened it.
    pub client: Client,
    /// What it asked for.
    pub destination: Endpoint,
    /// Zero.
    pub padding: u32,
}

/// One upstream connection of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Upstream {
    /// Cookie of the agent's socket: only the socket that filed a record removes it, even when the address and port
    /// have a new user by then.
    pub cookie: u64,
    /// The client on whose behalf the agent connects.
    pub client: Endpoint,
    /// Zero.
    pub padding: u32,
}

/// What is known of a UDP socket that asks named servers, or is one. The datagrams themselves do not tell a server for sure:
/// firewalls and load balancers may have put another address in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct UdpSocket {
    /// Its cookie (`SO_COOKIE`).
    pub cookie: u64,
    /// The named server that it was last connected to; port zero if it never was.
    pub connected: Endpoint,
    /// Where the last datagram went that had a destination of its own; port zero if there was none.
    pub sent: Endpoint,
    /// One until the first datagram of a process that had not asked before: its reader is to look who that is before it is
    /// gone.
    pub is_new: u32,
    /// One if `sent` is a named server.
    pub is_sent_named: u32,
    /// One if it is a local server's that is bound to a named port. Nothing else here is told of it then.
    pub is_server: u32,
    /// Zero.
    pub padding: u32,
}

/// Places in the map of the agent's listening sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ListenerSlot {
    /// The IPv4 listener.
    V4 = 0,
    /// The IPv6 listener.
    V6 = 1,
}

impl ListenerSlot {
    /// How many there are.
    pub const COUNT: u32 = 2;
}

// SAFETY: integers and arrays of them with the padding spelled out, sizes asserted below.
unsafe impl Plain for Client {}
// SAFETY: as above.
unsafe impl Plain for Origin {}
// SAFETY: as above.
unsafe impl Plain for Upstream {}

const _: () = assert!(size_of::<Client>() == 32);
const _: () = assert!(size_of::<Origin>() == 56);
const _: () = assert!(size_of::<Upstream>() == 32);
const _: () = assert!(size_of::<UdpSocket>() == 64);
