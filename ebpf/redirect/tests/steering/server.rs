//! A server that echoes and tells what it sees of its clients, and a client that talks to it.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// How long an answer may take before a test calls it missing.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);

/// What the server was told about a client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) by_accept: SocketAddr,
    pub(crate) by_getpeername: SocketAddr,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) peers: Receiver<Peer>,
}

impl Server {
    /// Listens on a port that the kernel picks.
    pub(crate) fn start(ip: IpAddr) -> Self {
        Self::start_at(SocketAddr::new(ip, 0))
    }

    /// Listens on a port that the test names.
    pub(crate) fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, peers) = mpsc::channel();
        thread::spawn(move || {
            while let Ok((mut stream, by_accept)) = listener.accept() {
                let sender = sender.clone();
                thread::spawn(move || {
                    let by_getpeername = stream.peer_addr().unwrap();
                    let _told = sender.send(Peer { by_accept, by_getpeername });
                    let mut all = Vec::new();
                    if stream.read_to_end(&mut all).is_ok() {
                        let _sent = stream.write_all(&all);
                    }
                });
            }
        });
        Self { address, peers }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The next client; both ways of asking agree.
    pub(crate) fn peer(&self) -> SocketAddr {
        let peer = self.peers.recv_timeout(ANSWER).unwrap();
        assert_eq!(peer.by_accept, peer.by_getpeername);
        peer.by_accept
    }
}

/// Sends a few bytes over a connection and expects them back.
pub(crate) fn echo(mut stream: &TcpStream) {
    stream.set_read_timeout(Some(ANSWER)).unwrap();
    stream.write_all(b"there and back").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"there and back");
}
