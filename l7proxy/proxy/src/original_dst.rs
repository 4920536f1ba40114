//! Where an accepted connection was going: the seam to whatever steered it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use flowfold_flow::{ConnectionInfo, Protocol, Refusal, Reporters, Workload};

/// The two addresses of a connection that was just accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The address on our side. Of a connection that was steered on its way in, this is what the client asked for.
    pub local: SocketAddr,
    /// The address of whoever connected.
    pub peer: SocketAddr,
}

/// Knows where accepted connections were going. One serves one worker and is called on its thread, so it must answer
/// from memory, a map look-up or a short file of /proc, never from a name service or a scan.
pub trait OriginalDestination {
    /// Where this connection was going, and who is at its ends.
    fn resolve(&self, accepted: &Accepted) -> Result<Arc<ConnectionInfo>, Refusal>;

    /// Prepares the socket of the connection to the server before it is connected: marks it as our own, and files
    /// the client's address for the server to see.
    fn prepare(&self, socket: BorrowedFd<'_>, info: &ConnectionInfo) -> io::Result<()>;

    /// What the connection should speak, where whoever steers it was told. What the first bytes say counts for more: this
    /// decides where they leave it open.
    fn expected(&self, _info: &ConnectionInfo) -> Option<Protocol> {
        None
    }

    /// There was no local port left to connect from, and the client had to be reset. Whoever steers should let
    /// connections go direct for a while.
    fn out_of_ports(&self, info: &ConnectionInfo);
}

/// Sends every connection to one server: the explicit proxy, which needs no steering.
#[derive(Clone, Debug)]
pub struct FixedDestination {
    server: SocketAddr,
    destination: Arc<Workload>,
}

impl FixedDestination {
    /// A proxy in front of `server`, which is reported under the name of `destination`.
    pub fn new(server: SocketAddr, destination: Arc<Workload>) -> Self {
        Self { server, destination }
    }
}

impl OriginalDestination for FixedDestination {
    fn resolve(&self, accepted: &Accepted) -> Result<Arc<ConnectionInfo>, Refusal> {
        Ok(Arc::new(ConnectionInfo {
            reporters: Reporters::SERVER,
            client: accepted.peer,
            server: self.server,
            source: Arc::new(Workload::named(&accepted.peer.ip().to_canonical().to_string())),
            destination: Arc::clone(&self.destination),
        }))
    }

    fn prepare(&self, _socket: BorrowedFd<'_>, _info: &ConnectionInfo) -> io::Result<()> {
        Ok(())
    }

    fn out_of_ports(&self, _info: &ConnectionInfo) {}
}
