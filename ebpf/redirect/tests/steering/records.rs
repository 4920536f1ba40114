//! What the programs remember goes when it is not needed any more.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use aya::maps::{HashMap, Map, MapData, loaded_maps};

use crate::agent::Setup;
use crate::isolated::isolated;
use crate::server::{ANSWER, Server, echo};

/// Size of a record of `EGRESS_SOCKETS`.
type Origin = [u8; size_of::<flowfold_redirect_abi::Origin>()];

/// Does any agent's map of steered sockets have this one? Cookies are unique on the host, agents of other tests
/// don't matter.
fn is_recorded(cookie: u64) -> bool {
    loaded_maps()
        .filter_map(Result::ok)
        .filter(|info| info.name() == b"EGRESS_SOCKETS")
        .filter_map(|info| MapData::from_id(info.id()).ok())
        .filter_map(|data| HashMap::<_, u64, Origin>::try_from(Map::LruHashMap(data)).ok())
        .any(|map| map.get(&cookie, 0).is_ok())
}

/// The last step of closing happens in the kernel's own time.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < ANSWER, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_closed_client_is_forgotten() {
    isolated(|place| {
        let server = Server::start(place.v4);
        let _agent = Setup::new(place).egress(server.port()).start();
        let client = TcpStream::connect(server.address).unwrap();
        let cookie = rustix::net::sockopt::socket_cookie(&client).unwrap();
        assert!(is_recorded(cookie));
        echo(&client);
        drop(client);
        eventually("the record goes with the socket", || !is_recorded(cookie));
    });
}

#[test]
fn a_closed_upstream_connection_is_forgotten() {
    isolated(|place| {
        let server = Server::start(place.v4);
        let agent = Setup::new(place).ingress(server.port()).start();
        let client = TcpStream::connect(server.address).unwrap();
        let real = client.local_addr().unwrap();
        assert_eq!(server.peer(), real);
        let stats = agent.redirect().stats().unwrap();
        assert_eq!((stats.steered_ingress, stats.own_upstream), (1, 1));
        echo(&client);
        drop(client);
        let lookups = agent.redirect().lookups();
        let upstream = agent.upstreams.recv_timeout(ANSWER).unwrap();
        eventually("the record goes with the socket", || {
            lookups.upstream_client(upstream, server.address).unwrap().is_none()
        });
    });
}
