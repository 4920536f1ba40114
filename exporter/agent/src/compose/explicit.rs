//! Relaying between explicit addresses: `flowfold proxy`, and the demo where it may not steer.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use flowfold_flow::{ConnectionInfo, Refusal, Reporters, Workload};
use flowfold_proxy::{Accepted, Listener, OriginalDestination};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::AgentError;
use crate::identity::Resolver;

/// Connections that may wait for `accept`, per listener. The kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// An address to listen on, and the server behind it.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Where clients connect to. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where their connections go.
    pub upstream: SocketAddr,
    /// For which sides connections are reported.
    pub reporters: Reporters,
    /// Who the clients are, where it is known beforehand.
    pub source: Option<Arc<Workload>>,
    /// Who the server is, where it is known beforehand.
    pub destination: Option<Arc<Workload>>,
}

/// The edges with the addresses that they really got.
#[derive(Clone, Debug)]
pub(super) struct Explicit {
    edges: Arc<[Edge]>,
}

/// Answers one worker.
#[derive(Debug)]
pub(super) struct Destinations {
    edges: Arc<[Edge]>,
    resolver: Resolver,
}

impl Explicit {
    /// Opens a listener per edge and worker, and returns them by worker.
    pub(super) fn open(mut edges: Vec<Edge>, worker_count: usize) -> Result<(Self, Vec<Vec<Listener>>), AgentError> {
        let mut by_worker: Vec<Vec<Listener>> = (0..worker_count).map(|_| Vec::new()).collect();
        for edge in &mut edges {
            if edge.listen == edge.upstream {
                return Err(AgentError::Flag {
                    flag: "upstream",
                    what: format!("{} is where the proxy itself listens", edge.upstream),
                    fix: "give the address of the server",
                });
            }
            let address = edge.listen;
            let group = listen(&mut edge.listen, worker_count).map_err(|source| AgentError::Listen {
                what: "accept connections",
                address,
                source,
            })?;
            for (listeners, socket) in by_worker.iter_mut().zip(group) {
                listeners.push(Listener { socket });
            }
        }
        Ok((Self { edges: edges.into() }, by_worker))
    }

    /// The ports of the servers.
    pub(super) fn server_ports(&self) -> Vec<u16> {
        self.edges.iter().map(|edge| edge.upstream.port()).collect()
    }

    /// The edges in the order in which they were given, each with the address that it listens on.
    pub(super) fn edges(&self) -> Arc<[Edge]> {
        Arc::clone(&self.edges)
    }

    /// A worker's answers.
    pub(super) fn destinations(&self, resolver: Resolver) -> Destinations {
        Destinations { edges: Arc::clone(&self.edges), resolver }
    }
}

impl OriginalDestination for Destinations {
    fn resolve(&self, accepted: &Accepted) -> Result<Arc<ConnectionInfo>, Refusal> {
        // One port is one edge: listening on a port twice was refused.
        let on_port = |edge: &&Edge| edge.listen.port() == accepted.local.port();
        let edge = self.edges.iter().find(on_port).ok_or(Refusal::NoDestination)?;
        let (client, server) = (accepted.peer, edge.upstream);
        Ok(Arc::new(ConnectionInfo {
            reporters: edge.reporters,
            client,
            server,
            source: edge.source.clone().unwrap_or_else(|| self.resolver.client(client.ip(), None)),
            destination: edge.destination.clone().unwrap_or_else(|| self.resolver.server(server)),
        }))
    }

    fn prepare(&self, _socket: BorrowedFd<'_>, _info: &ConnectionInfo) -> io::Result<()> {
        Ok(())
    }

    fn out_of_ports(&self, info: &ConnectionInfo) {
        tracing::warn!(server = %info.server, "no local port is left towards the server; a client was reset");
    }
}

/// A listener per worker at one address, which becomes the one that the kernel chose where the port is 0.
fn listen(address: &mut SocketAddr, worker_count: usize) -> io::Result<Vec<TcpListener>> {
    let mut group = Vec::with_capacity(worker_count);
    for index in 0..worker_count {
        let socket = Socket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if index == 0 {
            // The group opens after the first bind: before it, the socket could join one of another process.
            socket.bind(&(*address).into())?;
            socket.set_reuse_port(true)?;
        } else {
            socket.set_reuse_port(true)?;
            socket.bind(&(*address).into())?;
        }
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        *address = listener.local_addr()?;
        group.push(listener);
    }
    Ok(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(listen: &str, upstream: &str) -> Edge {
        Edge {
            listen: listen.parse().unwrap(),
            upstream: upstream.parse().unwrap(),
            reporters: Reporters::SERVER,
            source: None,
            destination: None,
        }
    }

    #[test]
    fn every_worker_listens_at_the_address_of_every_edge() {
        let edges = vec![edge("127.0.0.1:0", "127.0.0.1:1"), edge("127.0.0.1:0", "127.0.0.1:2")];
        let (explicit, by_worker) = Explicit::open(edges, 3).unwrap();
        assert_eq!(by_worker.len(), 3);
        for listeners in &by_worker {
            let addresses: Vec<_> = listeners.iter().map(|one| one.socket.local_addr().unwrap()).collect();
            assert_eq!(addresses, explicit.edges.iter().map(|edge| edge.listen).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_proxy_to_itself_is_refused() {
        let error = Explicit::open(vec![edge("127.0.0.1:1", "127.0.0.1:1")], 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--upstream: 127.0.0.1:1 is where the proxy itself listens; give the address of the server"
        );
    }

    #[test]
    fn an_address_in_use_is_told_with_its_fix() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = Explicit::open(vec![edge(&address.to_string(), "127.0.0.1:1")], 1).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot accept connections on {address}: ")), "{error}");
        assert!(error.ends_with("; stop what listens there, or choose another address"), "{error}");
    }
}
