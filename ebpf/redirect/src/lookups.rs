//! What the agent asks on its data path.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

/// A process of this host that opened a steered connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientProcess {
    /// Process id (thread group) in the initial pid namespace.
    pub pid: u32,
    /// Id of its cgroup (version 2): the inode number of the cgroup's directory.
    pub cgroup_id: u64,
    /// Command name of the thread that called `connect`, padded with zeros.
    pub comm: [u8; 16],
}

/// Where a steered outgoing connection was going, and who opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EgressOrigin {
    /// What the client passed to `connect` (a v4-mapped IPv6 address as IPv4).
    pub destination: SocketAddr,
    /// The client.
    pub client: ClientProcess,
}

/// Handle on the records of one [`Redirect`](crate::Redirect). Cheap to clone; no lock; a method costs one to three
/// system calls that never block. Works until the last clone is dropped, also after the `Redirect` is gone.
#[derive(Debug, Clone)]
pub struct Lookups {}

impl Lookups {
    /// Is this local address of an accepted connection one of the agent's own listeners? Then the connection is an
    /// egress one ([`Lookups::egress_destination`] knows where to); otherwise it is an ingress one and the local
    /// address is its original destination.
    pub fn is_listener(&self, _local: SocketAddr) -> bool {
        false
    }

    /// Where the egress connection accepted from `peer` was going. Takes the record: ask once per connection.
    /// None: nothing was steered, somebody connected to the listener itself.
    pub fn egress_destination(&self, _peer: SocketAddr) -> Option<EgressOrigin> {
        None
    }

    /// The local process behind an ingress connection, if it belongs to the steered cgroup; `local` and `peer` as
    /// the accepted socket tells them. Takes the record: ask once per connection.
    pub fn local_client(&self, _local: SocketAddr, _peer: SocketAddr) -> Option<ClientProcess> {
        None
    }

    /// To be called on each upstream socket before `connect`: marks it as the agent's own, so that it is never
    /// steered, and files `client` as what the server shall see as its peer.
    pub fn prepare_upstream(&self, _socket: BorrowedFd<'_>, _client: SocketAddr) -> io::Result<()> {
        Ok(())
    }

    /// Drops what [`Lookups::prepare_upstream`] filed. Only needed when `connect` failed at once; a socket that
    /// sent its SYN cleans up after itself.
    pub fn forget_upstream(&self, _socket: BorrowedFd<'_>) {}
}
