//! Where steered connections were going, and who is at their ends.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use flowfold_flow::{ConnectionInfo, Protocol, Refusal, Reporters};
use flowfold_proxy::{Accepted, OriginalDestination};
use flowfold_redirect::{ClientProcess, Lookups};
use socket2::SockRef;

use super::steering::Steering;
use crate::config::{Config, Direction, L7};
use crate::identity::{Caller, Resolver};

/// Answers one worker from what the programs recorded.
#[derive(Debug)]
pub(super) struct Steered {
    steering: Arc<Steering>,
    lookups: Lookups,
    resolver: Resolver,
    ports: Ports,
}

/// The ports that the rules name.
#[derive(Clone, Debug)]
pub(super) struct Ports {
    ingress: Box<[u16]>,
    /// Of the rules that say KAFKA.
    kafka_ingress: Box<[u16]>,
    kafka_egress: Box<[u16]>,
}

impl Ports {
    pub(super) fn of(config: &Config) -> Self {
        let kafka = |direction| config.ports_of(direction, L7::Kafka).into();
        Self {
            ingress: config.ports(Direction::Ingress).into(),
            kafka_ingress: kafka(Direction::Ingress),
            kafka_egress: kafka(Direction::Egress),
        }
    }
}

impl Steered {
    pub(super) fn new(steering: &Arc<Steering>, resolver: Resolver, ports: Ports) -> Self {
        let steering = Arc::clone(steering);
        let lookups = steering.lookups();
        Self { steering, lookups, resolver, ports }
    }

    /// A client's connection that the programs sent here instead of where it was going.
    fn egress(&self, accepted: &Accepted) -> Result<ConnectionInfo, Refusal> {
        let origin = self.lookups.egress_destination(accepted.peer).ok_or(Refusal::NoDestination)?;
        let server = origin.destination;
        if self.lookups.is_listener(server) {
            return Err(Refusal::Loop);
        }
        // The server is here, and an ingress rule names it: this one hop is both sides' connection.
        let is_here = self.resolver.is_local(server.ip());
        let serves_here = is_here && self.ports.ingress.contains(&server.port());
        Ok(ConnectionInfo {
            reporters: if serves_here { Reporters::BOTH } else { Reporters::CLIENT },
            client: if is_here { as_direct(accepted.peer, server) } else { accepted.peer },
            server,
            source: self.resolver.client(accepted.peer.ip(), Some(&caller(&origin.client))),
            destination: self.resolver.server(server),
        })
    }

    /// A connection to a local server that the kernel gave to this listener. Its local address is the server's.
    fn ingress(&self, accepted: &Accepted) -> ConnectionInfo {
        let is_local = self.resolver.is_local(accepted.peer.ip());
        let process = is_local.then(|| self.lookups.local_client(accepted.local, accepted.peer)).flatten();
        ConnectionInfo {
            reporters: Reporters::SERVER,
            client: accepted.peer,
            server: accepted.local,
            source: self.resolver.client(accepted.peer.ip(), process.as_ref().map(caller).as_ref()),
            destination: self.resolver.server(accepted.local),
        }
    }
}

impl OriginalDestination for Steered {
    fn resolve(&self, accepted: &Accepted) -> Result<Arc<ConnectionInfo>, Refusal> {
        // Looked at with each connection: a burst would be over before a timer came round.
        self.steering.mind_the_ceiling();
        let info =
            if self.lookups.is_listener(accepted.local) { self.egress(accepted)? } else { self.ingress(accepted) };
        Ok(Arc::new(info))
    }

    fn expected(&self, info: &ConnectionInfo) -> Option<Protocol> {
        let (ports, port) = (&self.ports, info.server.port());
        let is_kafka = (info.reporters.server && ports.kafka_ingress.contains(&port))
            || (info.reporters.client && ports.kafka_egress.contains(&port));
        is_kafka.then_some(Protocol::Kafka)
    }

    fn prepare(&self, socket: BorrowedFd<'_>, info: &ConnectionInfo) -> io::Result<()> {
        self.lookups.prepare_upstream(socket, info.client)?;
        if info.reporters.client {
            keep_source(socket, info);
        }
        Ok(())
    }

    fn out_of_ports(&self, info: &ConnectionInfo) {
        // Towards servers elsewhere the client would have needed a port of this host as well.
        if info.reporters.server {
            self.steering.out_of_ports();
        } else {
            tracing::warn!(server = %info.server, "no local address or port is left towards the server; a client was reset");
        }
    }
}

/// The address that a client would have had towards this server of the same host. It has a loopback address only because
/// it was sent to the agent, and a server that trusts those must not be shown one.
fn as_direct(peer: SocketAddr, server: SocketAddr) -> SocketAddr {
    if peer.ip().is_loopback() && !server.ip().is_loopback() { SocketAddr::new(server.ip(), peer.port()) } else { peer }
}

/// A client that chose an address of its own keeps it towards the server. The kernel chooses for the others.
fn keep_source(socket: BorrowedFd<'_>, info: &ConnectionInfo) {
    let source = info.client.ip();
    // Towards an address of its own host a client has that address, chosen or not.
    if source.is_loopback() || source == info.server.ip() || source.is_ipv4() != info.server.is_ipv4() {
        return;
    }
    let bound = SockRef::from(&socket).bind(&SocketAddr::new(source, 0).into());
    if let Err(error) = bound {
        tracing::debug!(%source, %error, "the address that the client chose cannot be kept");
    }
}

pub(super) fn caller(process: &ClientProcess) -> Caller {
    Caller { pid: process.pid, cgroup_id: process.cgroup_id, thread: process.comm }
}
