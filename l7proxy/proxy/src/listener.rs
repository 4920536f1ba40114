//! Accepting on sockets that somebody else opened.

use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

use crate::{Accepted, socket_options};

/// How long accepting pauses when the process or the machine is out of descriptors or memory. The pending connections
/// wait in the kernel's queue meanwhile.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// A listening socket for a worker. It is opened in whichever network namespace its connections come from, so this
/// crate never asks where that is.
#[derive(Debug)]
pub struct Listener {
    /// The socket, already listening.
    pub socket: std::net::TcpListener,
}

pub(crate) fn register(listener: Listener) -> io::Result<TcpListener> {
    listener.socket.set_nonblocking(true)?;
    socket_options::prepare(&SockRef::from(&listener.socket));
    TcpListener::from_std(listener.socket)
}

/// The next connection with its two addresses.
pub(crate) async fn next(listener: &TcpListener) -> (TcpStream, Accepted) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match stream.local_addr() {
                Ok(local) => return (stream, Accepted { local, peer }),
                // The connection is already gone.
                Err(error) => tracing::debug!(%error, "an accepted connection has no local address"),
            },
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept; trying again in {EXHAUSTED_PAUSE:?}");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}

/// Errors that accept(2) hands on from the connection it would have returned: the next one can be taken at once.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable
    )
}
