//! An agent for datagrams as small as it can be, and a server that echoes them.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use flowfold_redirect::{ClientProcess, Listeners, Lookups, Plan, Redirect, RedirectError};

use crate::isolated::Place;
use crate::server::ANSWER;

/// What an agent saw of a datagram.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) server: Option<SocketAddr>,
    pub(crate) client: SocketAddr,
}

/// A running one. Its heart beats once, so a test has a second.
pub(crate) struct UdpAgent {
    pub(crate) redirect: Redirect,
    pub(crate) lookups: Lookups,
    pub(crate) seen: Receiver<Seen>,
}

impl UdpAgent {
    pub(crate) fn start(place: &Place, port: u16) -> Self {
        let (redirect, listeners) = attach(place, port).unwrap();
        redirect.beat().unwrap();
        let lookups = redirect.lookups();
        let (sender, seen) = mpsc::channel();
        for socket in listeners.into_workers().into_iter().flat_map(|worker| worker.datagrams) {
            let (lookups, sender) = (lookups.clone(), sender.clone());
            thread::spawn(move || relay(&socket, &lookups, &sender));
        }
        Self { redirect, lookups, seen }
    }

    /// Nothing came by.
    pub(crate) fn saw_nothing(&self) -> bool {
        self.seen.try_recv().is_err()
    }

    /// The process behind a client's socket.
    pub(crate) fn client(&self, socket: &UdpSocket) -> Option<ClientProcess> {
        self.lookups.udp_client(rustix::net::sockopt::socket_cookie(socket).unwrap())
    }
}

pub(crate) fn attach(place: &Place, port: u16) -> Result<(Redirect, Listeners), RedirectError> {
    let listeners = Listeners::open(2).unwrap().with_datagrams().unwrap();
    let plan = Plan {
        cgroup: place.cgroup.clone(),
        ingress: Vec::new(),
        egress: Vec::new(),
        egress_udp: vec![port],
        description: "a test's agent".into(),
    };
    Redirect::attach(&plan, &listeners).map(|redirect| (redirect, listeners))
}

/// Relays one datagram at a time and its answer, if one comes soon.
fn relay(socket: &UdpSocket, lookups: &Lookups, sender: &Sender<Seen>) {
    let listener = socket.local_addr().unwrap();
    socket.set_nonblocking(false).unwrap();
    let mut buffer = [0; 2048];
    while let Ok((length, client)) = socket.recv_from(&mut buffer) {
        let server = lookups.udp_server(listener);
        let _told = sender.send(Seen { server, client });
        let Some(server) = server else { continue };
        let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let upstream = UdpSocket::bind(any).unwrap();
        lookups.prepare_udp_upstream(upstream.as_fd()).unwrap();
        upstream.set_read_timeout(Some(ANSWER)).unwrap();
        upstream.connect(server).unwrap();
        upstream.send(&buffer[..length]).unwrap();
        if let Ok(length) = upstream.recv(&mut buffer) {
            socket.send_to(&buffer[..length], client).unwrap();
        }
    }
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

    pub(crate) fn start_at(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        let address = socket.local_addr().unwrap();
        let (sender, clients) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, client)) = socket.recv_from(&mut buffer) {
                let _told = sender.send(client);
                socket.send_to(&buffer[..length], client).unwrap();
            }
        });
        Self { address, clients }
    }
}
