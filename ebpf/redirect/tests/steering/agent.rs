//! An agent as small as it can be: accepts, asks where to, relays.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use flowfold_redirect::{ClientProcess, EgressOrigin, Listeners, Lookups, Plan, Redirect, RedirectError};
use rustix::net::{AddressFamily, SocketType};

use crate::isolated::Place;

/// What an agent saw of a connection.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) worker: usize,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) origin: Option<EgressOrigin>,
    pub(crate) client: Option<ClientProcess>,
}

/// How to set one up.
pub(crate) struct Setup {
    pub(crate) cgroup: PathBuf,
    pub(crate) ingress: Vec<u16>,
    pub(crate) egress: Vec<u16>,
    pub(crate) workers: usize,
}

impl Setup {
    pub(crate) fn new(place: &Place) -> Self {
        Self { cgroup: place.cgroup.clone(), ingress: Vec::new(), egress: Vec::new(), workers: 1 }
    }

    pub(crate) fn ingress(mut self, port: u16) -> Self {
        self.ingress.push(port);
        self
    }

    pub(crate) fn egress(mut self, port: u16) -> Self {
        self.egress.push(port);
        self
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan {
            cgroup: self.cgroup.clone(),
            ingress: self.ingress.clone(),
            egress: self.egress.clone(),
            egress_udp: Vec::new(),
            ingress_udp: Vec::new(),
            prompt_answers: false,
            description: "a test's agent".into(),
        }
    }

    pub(crate) fn attach(&self) -> Result<(Redirect, Listeners), RedirectError> {
        let listeners = Listeners::open(self.workers).unwrap();
        Redirect::attach(&self.plan(), &listeners).map(|redirect| (redirect, listeners))
    }

    /// Attaches and serves, with the heart beating.
    pub(crate) fn start(&self) -> Agent {
        self.start_with(|| {})
    }

    /// The same, doing something between the two.
    pub(crate) fn start_with(&self, between: impl FnOnce()) -> Agent {
        let (redirect, listeners) = self.attach().unwrap();
        between();
        let v4_listener = listeners.v4_addr();
        redirect.beat().unwrap();
        let (sender, seen) = mpsc::channel();
        let (upstream_sender, upstreams) = mpsc::channel();
        let lookups = redirect.lookups();
        for (worker, pair) in listeners.into_workers().into_iter().enumerate() {
            for listener in [Some(pair.v4), pair.v6].into_iter().flatten() {
                let (lookups, sender, upstreams) = (lookups.clone(), sender.clone(), upstream_sender.clone());
                thread::spawn(move || accept(worker, &listener, &lookups, &sender, &upstreams));
            }
        }
        let redirect = Arc::new(Mutex::new(redirect));
        let beating = Arc::new(AtomicBool::new(true));
        let heart = (Arc::downgrade(&redirect), Arc::clone(&beating));
        thread::spawn(move || {
            while let Some(redirect) = heart.0.upgrade() {
                if heart.1.load(Ordering::SeqCst) {
                    redirect.lock().unwrap().beat().unwrap();
                }
                drop(redirect);
                thread::sleep(Duration::from_millis(50));
            }
        });
        Agent { redirect, beating, seen, upstreams, v4_listener: v4_listener.into() }
    }
}

/// A running one. Dropping it detaches; its threads end with the process.
pub(crate) struct Agent {
    redirect: Arc<Mutex<Redirect>>,
    beating: Arc<AtomicBool>,
    pub(crate) seen: Receiver<Seen>,
    /// Where its upstream sockets came from.
    pub(crate) upstreams: Receiver<SocketAddr>,
    pub(crate) v4_listener: SocketAddr,
}

impl Agent {
    pub(crate) fn redirect(&self) -> MutexGuard<'_, Redirect> {
        self.redirect.lock().unwrap()
    }

    /// Stops the heart and waits until the programs can tell.
    pub(crate) fn hold_heart(&self) {
        self.beating.store(false, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(1_200));
    }

    /// Nobody came by.
    pub(crate) fn saw_nothing(&self) -> bool {
        self.seen.try_recv().is_err()
    }
}

fn accept(
    worker: usize,
    listener: &TcpListener,
    lookups: &Lookups,
    sender: &Sender<Seen>,
    upstreams: &Sender<SocketAddr>,
) {
    listener.set_nonblocking(false).unwrap();
    while let Ok((stream, peer)) = listener.accept() {
        let local = stream.local_addr().unwrap();
        let origin = if lookups.is_listener(local) { lookups.egress_destination(peer) } else { None };
        let client = lookups.local_client(local, peer);
        let destination = match (lookups.is_listener(local), origin) {
            (true, None) => None,
            (true, Some(origin)) => Some(origin.destination),
            (false, _) => Some(local),
        };
        // Told before anything is relayed, so a test that got its answer finds it.
        let _told = sender.send(Seen { worker, local, peer, origin, client });
        if let Some(destination) = destination {
            let (lookups, upstreams) = (lookups.clone(), upstreams.clone());
            thread::spawn(move || {
                let server = connect(peer, destination, &lookups)?;
                let _told = upstreams.send(server.local_addr()?);
                relay(stream, server)
            });
        }
    }
}

fn connect(peer: SocketAddr, destination: SocketAddr, lookups: &Lookups) -> io::Result<TcpStream> {
    let family = if destination.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket: OwnedFd = rustix::net::socket(family, SocketType::STREAM, None)?;
    lookups.prepare_upstream(socket.as_fd(), peer)?;
    rustix::net::connect(&socket, &destination)?;
    Ok(TcpStream::from(socket))
}

fn relay(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let up = thread::spawn(move || copy(&mut from_client, &mut to_server));
    let (mut from_server, mut to_client) = (server, client);
    let down = copy(&mut from_server, &mut to_client);
    up.join().unwrap().and(down)
}

fn copy(from: &mut TcpStream, to: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer)? {
            0 => return to.shutdown(Shutdown::Write),
            length => to.write_all(&buffer[..length])?,
        }
    }
}
