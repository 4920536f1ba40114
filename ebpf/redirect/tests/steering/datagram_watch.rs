//! An agent that watches datagrams, as small as it can be, and a server that echoes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use flowfold_redirect::{DatagramEvent, DatagramTap, Listeners, Plan, Redirect, RedirectError};

use crate::isolated::Place;
use crate::server::ANSWER;

/// A copy of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) socket: u64,
    pub(crate) is_at_server: bool,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    pub(crate) is_from_server: bool,
    pub(crate) bytes: u32,
    pub(crate) payload: Vec<u8>,
}

/// A running one.
pub(crate) struct Watch {
    pub(crate) redirect: Redirect,
    pub(crate) tap: DatagramTap,
    /// Sockets that were closed, as far as [`Watch::copies`] has come.
    pub(crate) closed: Vec<u64>,
}

impl Watch {
    pub(crate) fn start(place: &Place, port: u16) -> Self {
        Self::of(&plan(place, port))
    }

    pub(crate) fn of(plan: &Plan) -> Self {
        let mut redirect = attach(plan).unwrap();
        let tap = redirect.take_datagrams().unwrap();
        Self { redirect, tap, closed: Vec::new() }
    }

    /// What was copied since it was asked last.
    pub(crate) fn copies(&mut self) -> Vec<Copied> {
        let mut copies = Vec::new();
        self.tap.take(u32::MAX, |event| {
            let datagram = match event {
                DatagramEvent::Passed(datagram) => datagram,
                DatagramEvent::Closed { socket, .. } => return self.closed.push(*socket),
            };
            assert!(datagram.at <= std::time::Instant::now());
            copies.push(Copied {
                socket: datagram.socket,
                is_at_server: datagram.is_at_server,
                client: datagram.client,
                server: datagram.server,
                is_from_server: datagram.is_from_server,
                bytes: datagram.bytes,
                payload: datagram.payload.to_vec(),
            });
        });
        copies
    }

    /// The server of each datagram that was copied, and whether it came from it.
    pub(crate) fn servers(&mut self) -> Vec<(SocketAddr, bool)> {
        self.copies().iter().map(|copy| (copy.server, copy.is_from_server)).collect()
    }
}

pub(crate) fn plan(place: &Place, port: u16) -> Plan {
    Plan {
        cgroup: place.cgroup.clone(),
        ingress: Vec::new(),
        egress: Vec::new(),
        egress_udp: vec![port],
        ingress_udp: Vec::new(),
        prompt_answers: false,
        description: "a test's agent".into(),
    }
}

pub(crate) fn attach(plan: &Plan) -> Result<Redirect, RedirectError> {
    Redirect::attach(plan, &Listeners::open(1).unwrap())
}

/// A question and its answer, as they are copied.
pub(crate) fn both_ways(server: SocketAddr) -> [(SocketAddr, bool); 2] {
    [(server, false), (server, true)]
}

/// Answers each datagram with the same, and says from whom it came.
pub(crate) struct UdpServer {
    pub(crate) address: SocketAddr,
    pub(crate) clients: Receiver<SocketAddr>,
}

impl UdpServer {
    pub(crate) fn start(ip: IpAddr) -> Self {
        Self::start_at(SocketAddr::new(ip, 0))
    }

    /// Another one at the same port.
    pub(crate) fn beside(other: &Self) -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 9), other.address.port())))
    }

    pub(crate) fn start_at(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        let address = socket.local_addr().unwrap();
        let (sender, clients) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok((length, client)) = socket.recv_from(&mut buffer) {
                let _told = sender.send(client);
                socket.send_to(&buffer[..length], client).unwrap();
            }
        });
        Self { address, clients }
    }
}

/// A socket at any address of a family.
pub(crate) fn client(server: SocketAddr) -> UdpSocket {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    client_at(any)
}

/// A socket at this address.
pub(crate) fn client_at(ip: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(ANSWER)).unwrap();
    socket
}

/// Sends to whom the socket is connected to, and has it back.
pub(crate) fn ask_connected(socket: &UdpSocket, text: &[u8]) {
    socket.send(text).unwrap();
    let mut buffer = vec![0; 65_536];
    let length = socket.recv(&mut buffer).unwrap();
    assert!(&buffer[..length] == text);
}

/// Sends to a server, and has it back from there.
pub(crate) fn ask(socket: &UdpSocket, server: SocketAddr, text: &[u8]) {
    socket.send_to(text, server).unwrap();
    let mut buffer = vec![0; 65_536];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    assert!((&buffer[..length], from) == (text, server), "the answer comes from where the question went");
}
