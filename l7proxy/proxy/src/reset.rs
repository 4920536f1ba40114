//! Ending a connection with a reset, as its other side ended.

use socket2::SockRef;
use tokio::net::TcpStream;

/// Makes the kernel send RST instead of FIN when the socket is closed, which is when it is dropped.
pub(crate) fn reset_on_close(stream: &TcpStream) {
    // Where the kernel refuses, the peer gets an orderly end instead: less exact, and nothing better is left to do.
    if let Err(error) = SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO)) {
        tracing::debug!(%error, "SO_LINGER could not be set; the connection ends in order instead of by a reset");
    }
}
