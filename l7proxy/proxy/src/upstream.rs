//! The connection to the server.

use std::io;
use std::os::fd::AsFd;

use flowfold_flow::ConnectionInfo;
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};

use crate::{OriginalDestination, socket_options};

/// Why there is no connection to the server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// A socket could not be made or prepared: our fault.
    #[error("cannot prepare a socket for the server: {0}")]
    Socket(#[source] io::Error),
    /// No local port was left towards the server: our fault too, since without us the client's port would have done.
    #[error("no local port is left towards the server: {0}")]
    Ports(#[source] io::Error),
    /// The server could not be reached.
    #[error("cannot connect to the server: {0}")]
    Connect(#[source] io::Error),
}

/// Connects to where the client was going. How long a server may take to answer is left to the kernel, as it would be
/// without a proxy.
pub(crate) async fn connect<D: OriginalDestination>(
    destinations: &D,
    info: &ConnectionInfo,
) -> Result<TcpStream, UpstreamError> {
    let socket = if info.server.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(UpstreamError::Socket)?;
    destinations.prepare(socket.as_fd(), info).map_err(UpstreamError::Socket)?;
    socket_options::prepare(&SockRef::from(&socket));
    socket.connect(info.server).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrNotAvailable => {
            destinations.out_of_ports(info);
            UpstreamError::Ports(error)
        }
        _ => UpstreamError::Connect(error),
    })
}
