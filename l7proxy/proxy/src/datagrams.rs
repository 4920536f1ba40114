//! Relays datagrams: each that comes to a socket goes on at once and unchanged, from a socket of its client's own.
//!
//! A client's address with the server that a socket stands for make a flow. It is to datagrams what a connection is to
//! bytes, and the sinks hear of it as of one; nothing ends it but silence.

mod client;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use flowfold_flow::{FlowSink, Refusal, Side};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

pub(crate) use self::client::Client;
use crate::shared::Shared;
use crate::tap::isolated;
use crate::{Accepted, OriginalDestination};

/// A socket whose datagrams all go to one server. It is opened in whichever network namespace they come from.
#[derive(Debug)]
pub struct DatagramListener {
    /// The socket, already bound.
    pub socket: std::net::UdpSocket,
}

/// How many datagrams are read from one socket before others have their turn.
const TURN: usize = 32;

/// How a turn at reading a socket ended.
#[derive(PartialEq, Eq)]
enum Turn {
    /// Nothing is left to be read.
    Drained,
    /// There may be more.
    Used,
}

/// How many flows are looked at for one that can be given up, when there are as many as may be.
const LOOKED_AT: usize = 64;

/// The flows that arrive at one socket.
struct Flows<D, S: FlowSink> {
    shared: Rc<Shared<D, S>>,
    socket: Rc<UdpSocket>,
    local: SocketAddr,
    clients: RefCell<HashMap<SocketAddr, Rc<Client<S>>>>,
}

/// Registers a socket with the runtime.
pub(crate) fn register(listener: DatagramListener) -> io::Result<UdpSocket> {
    listener.socket.set_nonblocking(true)?;
    UdpSocket::from_std(listener.socket)
}

/// Relays what comes to one socket, for as long as it is let.
pub(crate) async fn serve<D, S>(shared: Rc<Shared<D, S>>, socket: UdpSocket)
where
    D: OriginalDestination + 'static,
    S: FlowSink + 'static,
    S::Connection: 'static,
{
    let local = match socket.local_addr() {
        Ok(local) => local,
        Err(error) => return tracing::warn!(%error, "a socket for datagrams has no address, and is not used"),
    };
    let flows = Rc::new(Flows { shared, socket: Rc::new(socket), local, clients: RefCell::default() });
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            ready = flows.socket.readable() => {
                if let Err(error) = ready {
                    return tracing::warn!(%error, "a socket for datagrams cannot be waited for any more");
                }
                if flows.take_turn(&mut tasks) == Turn::Used {
                    tokio::task::yield_now().await;
                }
            }
            Some(_ended) = tasks.join_next() => while tasks.try_join_next().is_some() {},
        }
    }
}

impl<D, S> Flows<D, S>
where
    D: OriginalDestination + 'static,
    S: FlowSink + 'static,
    S::Connection: 'static,
{
    fn take_turn(self: &Rc<Self>, tasks: &mut JoinSet<()>) -> Turn {
        let mut scratch = self.shared.scratch.borrow_mut();
        for _ in 0..TURN {
            match self.socket.try_recv_from(&mut scratch) {
                Ok((length, peer)) => {
                    let datagram = scratch.get(..length).unwrap_or_default();
                    // A fault costs the datagram that it came with.
                    if isolated(|| self.take(datagram, peer, tasks)).is_err() {
                        self.shared.sink.lost(Side::ClientToServer);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Turn::Drained,
                // Of an answer to a client that is gone (ICMP): nothing of the next datagram.
                Err(error) => tracing::trace!(%error, "a socket for datagrams tells of an error"),
            }
        }
        Turn::Used
    }

    /// Hands on one datagram of a client.
    fn take(self: &Rc<Self>, datagram: &[u8], peer: SocketAddr, tasks: &mut JoinSet<()>) {
        let now = Instant::now();
        let known = self.clients.borrow().get(&peer).cloned();
        let client = match known {
            Some(client) if !client.is_closed() && (client.is_waiting() || client.is_fresh(now)) => client,
            // With nothing in flight for a while, the port may have become another client's.
            known => match self.find_or_open(peer, known, tasks) {
                Ok(client) => client,
                Err(refusal) => return self.refuse(refusal, peer),
            },
        };
        client.ask(&self.shared, Accepted { local: self.local, peer }, datagram, now);
    }

    fn find_or_open(
        self: &Rc<Self>,
        peer: SocketAddr,
        known: Option<Rc<Client<S>>>,
        tasks: &mut JoinSet<()>,
    ) -> Result<Rc<Client<S>>, Refusal> {
        let info = self.shared.destinations.resolve_datagram(&Accepted { local: self.local, peer })?;
        if let Some(client) = known {
            if !client.is_closed() && client.is_of(&info) {
                return Ok(client);
            }
            self.close(peer, &client);
        }
        self.make_room();
        let client = Rc::new(Client::open(&self.shared, info)?);
        self.shared.flow_order.borrow_mut().push_back(Rc::downgrade(&client));
        self.clients.borrow_mut().insert(peer, Rc::clone(&client));
        let (flows, of_task) = (Rc::clone(self), Rc::clone(&client));
        tasks.spawn_local(async move {
            let closing = Closing { flows: &flows, peer, client: &of_task };
            of_task.hand_back(&flows.shared, &flows.socket, Accepted { local: flows.local, peer }).await;
            drop(closing);
        });
        Ok(client)
    }

    /// Takes nothing of a client. One whose server there is no way to learns that at once, as it would by itself.
    fn refuse(&self, refusal: Refusal, peer: SocketAddr) {
        self.shared.sink.refused(refusal);
        if refusal == Refusal::NoSocket {
            let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
            self.shared.destinations.tell_unreachable(&Accepted { local: self.local, peer }, &refused);
        }
    }

    /// Makes room for one more flow of the worker, whichever socket it arrives at: one in which nothing is waited for goes,
    /// else the oldest.
    fn make_room(&self) {
        let mut order = self.shared.flow_order.borrow_mut();
        let max_flows = self.shared.max_flows;
        if self.shared.flows.get() < max_flows {
            if order.len() >= max_flows.saturating_mul(2) {
                order.retain(|flow| flow.strong_count() > 0);
            }
            return;
        }
        let (mut looked_at, mut oldest, mut idle) = (0, None, None);
        while idle.is_none()
            && looked_at < LOOKED_AT
            && let Some(flow) = order.pop_front()
        {
            let Some(client) = flow.upgrade().filter(|client| !client.is_closed()) else { continue };
            looked_at += 1;
            if !client.is_waiting() {
                idle = Some(client);
            } else if oldest.is_none() {
                oldest = Some(client);
            } else {
                order.push_back(flow);
            }
        }
        if let (Some(_), Some(spared)) = (&idle, &oldest) {
            order.push_front(Rc::downgrade(spared));
        }
        drop(order);
        if let Some(client) = idle.or(oldest) {
            client.close(&self.shared);
        }
    }
}

impl<D, S: FlowSink> Flows<D, S> {
    fn close(&self, peer: SocketAddr, client: &Rc<Client<S>>) {
        let mut clients = self.clients.borrow_mut();
        if clients.get(&peer).is_some_and(|current| Rc::ptr_eq(current, client)) {
            clients.remove(&peer);
        }
        drop(clients);
        client.close(&self.shared);
    }
}

/// Closes a flow when its task ends, however it does.
struct Closing<'a, D, S: FlowSink> {
    flows: &'a Flows<D, S>,
    peer: SocketAddr,
    client: &'a Rc<Client<S>>,
}

impl<D, S: FlowSink> Drop for Closing<'_, D, S> {
    fn drop(&mut self) {
        self.flows.close(self.peer, self.client);
    }
}

/// Counts a flow of the worker until it is dropped.
pub(crate) struct OpenFlow(Rc<Cell<usize>>);

impl OpenFlow {
    pub(crate) fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for OpenFlow {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}
