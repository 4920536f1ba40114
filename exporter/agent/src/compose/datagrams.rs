//! Where steered datagrams are going, and whose they are.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use flowfold_proxy::Accepted;
use flowfold_redirect::{ClientProcess, Lookups};

use super::unreachable::Unreachable;
use crate::socket_table::UdpSockets;

/// Answers one worker.
#[derive(Debug)]
pub(super) struct Datagrams {
    lookups: Lookups,
    /// The servers that are known already: a socket keeps its server.
    servers: RefCell<HashMap<SocketAddr, SocketAddr>>,
    sockets: RefCell<UdpSockets>,
    unreachable: Option<Arc<Unreachable>>,
}

impl Datagrams {
    pub(super) fn new(lookups: Lookups, unreachable: Option<Arc<Unreachable>>) -> Self {
        Self { lookups, servers: RefCell::default(), sockets: RefCell::default(), unreachable }
    }

    /// The server that a socket of the agent stands for.
    pub(super) fn server(&self, listener: SocketAddr) -> Option<SocketAddr> {
        if let Some(server) = self.servers.borrow().get(&listener) {
            return Some(*server);
        }
        let server = self.lookups.udp_server(listener)?;
        self.servers.borrow_mut().insert(listener, server);
        Some(server)
    }

    /// The process that a datagram came from. The kernel knows sockets by their addresses, and the programs know them by
    /// their cookies. None where the socket is gone by now.
    pub(super) fn client(&self, accepted: &Accepted) -> Option<ClientProcess> {
        match self.sockets.borrow_mut().cookie(accepted.peer, accepted.local) {
            Ok(cookie) => self.lookups.udp_client(cookie),
            Err(error) => {
                tracing::trace!(client = %accepted.peer, %error, "a client's socket cannot be found");
                None
            }
        }
    }

    pub(super) fn tell_unreachable(&self, accepted: &Accepted, error: &io::Error) {
        if let Some(unreachable) = &self.unreachable {
            unreachable.tell(accepted.peer, accepted.local, error.kind());
        }
    }
}
