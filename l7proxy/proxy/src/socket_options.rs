//! The options of relayed sockets, and how their ends are passed on.

use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// After how much silence the kernel asks whether a peer is still there. A peer that vanished without a word would
/// otherwise hold the connection to the other side open for ever: that side's own probes are answered by our kernel.
const KEEPALIVE_IDLE: Duration = Duration::from_mins(2);
/// Time between two such questions.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// How many may stay unanswered.
const KEEPALIVE_PROBES: u32 = 4;

/// Prepares a socket for relaying. On a listening socket this holds for all that it accepts (Linux copies these
/// options to accepted sockets), which saves system calls per connection.
///
/// Nagle's algorithm is off, since what one side sent at once must not wait here for more.
pub(crate) fn prepare(socket: &SockRef<'_>) {
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_PROBES);
    let prepared = socket.set_tcp_nodelay(true).and_then(|()| socket.set_tcp_keepalive(&keepalive));
    if let Err(error) = prepared {
        tracing::debug!(%error, "a relayed socket keeps the kernel's defaults");
    }
}

/// Makes the kernel send RST instead of FIN when the socket is closed, which is when it is dropped.
pub(crate) fn reset_on_close(stream: &TcpStream) {
    // Where the kernel refuses, the peer gets an orderly end instead: less exact, and nothing better is left to do.
    if let Err(error) = SockRef::from(stream).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "SO_LINGER could not be set; the connection ends in order instead of by a reset");
    }
}
