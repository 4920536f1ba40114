//! What the agent asks on its data path.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use flowfold_redirect_abi::{Client, Endpoint, OWN_MARK, Origin, Tuple, Upstream};
use rustix::net::sockopt;
use socket2::SockRef;

use crate::RedirectError;
use crate::address::{endpoint, socket_addr};
use crate::bpf::Records;
use crate::object::Object;

/// A process of this host that opened a steered connection, or sent a datagram to a named server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientProcess {
    /// Process id (thread group) in the initial pid namespace.
    pub pid: u32,
    /// Id of its cgroup (version 2): the inode number of the cgroup's directory.
    pub cgroup_id: u64,
    /// Command name of the thread that called `connect` or `sendmsg`, padded with zeros.
    pub comm: [u8; 16],
}

/// Where a steered outgoing connection was going, and who opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EgressOrigin {
    /// What the client passed to `connect`: a v4-mapped IPv6 address as IPv4, and an unspecified one as the loopback
    /// address that it stands for.
    pub destination: SocketAddr,
    /// The client.
    pub client: ClientProcess,
}

/// Handle on the records of one [`Redirect`](crate::Redirect). Cheap to clone; no lock; a method costs one to three
/// system calls that never block. Works until the last clone is dropped, also after the `Redirect` is gone.
#[derive(Debug, Clone)]
pub struct Lookups {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    v4_listener: Endpoint,
    v6_listener: Option<Endpoint>,
    egress_accepts: Records<Endpoint, Origin>,
    local_clients: Records<Tuple, Client>,
    upstream_starts: Records<u64, Endpoint>,
    upstreams: Records<Tuple, Upstream>,
    udp_sockets: Records<u64, Client>,
}

impl Lookups {
    pub(crate) fn new(
        object: &Object,
        v4_listener: SocketAddr,
        v6_listener: Option<SocketAddr>,
    ) -> Result<Self, RedirectError> {
        let shared = Shared {
            v4_listener: endpoint(v4_listener),
            v6_listener: v6_listener.map(endpoint),
            egress_accepts: object.records("EGRESS_ACCEPTS")?,
            local_clients: object.records("LOCAL_CLIENTS")?,
            upstream_starts: object.records("UPSTREAM_STARTS")?,
            upstreams: object.records("UPSTREAMS")?,
            udp_sockets: object.records("UDP_SOCKETS")?,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Is this local address of an accepted connection one of the agent's own listeners? Then the connection is an
    /// egress one ([`Lookups::egress_destination`] knows where to); otherwise it is an ingress one and the local
    /// address is its original destination.
    pub fn is_listener(&self, local: SocketAddr) -> bool {
        let local = Some(endpoint(local));
        local == Some(self.shared.v4_listener) || local == self.shared.v6_listener
    }

    /// Where the egress connection accepted from `peer` was going. Takes the record: ask once per connection.
    /// None: nothing was steered, somebody connected to the listener itself.
    pub fn egress_destination(&self, peer: SocketAddr) -> Option<EgressOrigin> {
        let origin = self.shared.egress_accepts.take(&endpoint(peer)).ok()??;
        Some(EgressOrigin { destination: socket_addr(&origin.destination), client: process(&origin.client) })
    }

    /// The local process behind an ingress connection, if it belongs to the steered cgroup; `local` and `peer` as
    /// the accepted socket tells them. Takes the record: ask once per connection.
    pub fn local_client(&self, local: SocketAddr, peer: SocketAddr) -> Option<ClientProcess> {
        let key = Tuple { source: endpoint(peer), destination: endpoint(local) };
        self.shared.local_clients.take(&key).ok()?.map(|client| process(&client))
    }

    /// To be called on each upstream socket before `connect`: marks it as the agent's own, so that it is never
    /// steered, and files `client` as what the server shall see as its peer. Needs `CAP_NET_ADMIN`.
    pub fn prepare_upstream(&self, socket: BorrowedFd<'_>, client: SocketAddr) -> io::Result<()> {
        let cookie = sockopt::socket_cookie(socket)?;
        SockRef::from(&socket).set_mark(OWN_MARK)?;
        self.shared.upstream_starts.put(&cookie, &endpoint(client))
    }

    /// The process that connected a UDP socket to a named server, or last sent to another one with it, by the socket's cookie (`SO_COOKIE`).
    pub fn udp_client(&self, socket: u64) -> Option<ClientProcess> {
        self.shared.udp_sockets.get(&socket).ok()?.map(|client| process(&client))
    }

    /// Forgets a UDP socket that was closed, by its cookie.
    pub fn forget_udp_socket(&self, socket: u64) {
        // Where it fails, the record stays until it is the least recently used.
        let _record: io::Result<Option<Client>> = self.shared.udp_sockets.take(&socket);
    }

    /// The client filed for an upstream connection that is open; `local` and `remote` are the upstream socket's.
    pub fn upstream_client(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<Option<SocketAddr>> {
        let key = Tuple { source: endpoint(local), destination: endpoint(remote) };
        let upstream = self.shared.upstreams.get(&key)?;
        Ok(upstream.map(|upstream| socket_addr(&upstream.client)))
    }
}

fn process(client: &Client) -> ClientProcess {
    let mut comm = [0; 16];
    for (bytes, word) in comm.as_chunks_mut().0.iter_mut().zip(client.comm) {
        *bytes = word.to_ne_bytes();
    }
    ClientProcess { pid: client.pid, cgroup_id: client.cgroup_id, comm }
}
