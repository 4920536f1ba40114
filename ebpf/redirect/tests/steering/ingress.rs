//! Incoming connections.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt as _;

use crate::agent::Setup;
use crate::isolated::{Place, isolated};
use crate::server::{ANSWER, Server, echo};

fn steers(place: &Place, listen_on: IpAddr, connect_to: IpAddr) {
    let server = Server::start(listen_on);
    let agent = Setup::new(place).ingress(server.port()).start();
    let asked = SocketAddr::new(connect_to, server.port());

    let client = TcpStream::connect(asked).unwrap();
    assert_eq!(client.peer_addr().unwrap(), asked);
    echo(&client);

    let seen = agent.seen.recv_timeout(ANSWER).unwrap();
    assert_eq!(seen.local, asked, "the agent sees the original destination");
    assert_eq!(seen.peer, client.local_addr().unwrap(), "the agent sees the client");
    assert_eq!(seen.origin, None);
    let shown = server.peer();
    assert_eq!(SocketAddr::new(shown.ip().to_canonical(), shown.port()), seen.peer, "the server sees the client");
    assert_eq!(shown.is_ipv6(), listen_on.is_ipv6(), "in the socket's own family");
    assert!(agent.saw_nothing(), "the agent's own connection is not steered");

    let stats = agent.redirect().stats().unwrap();
    assert_eq!((stats.steered_ingress, stats.own_upstream, stats.steered_egress), (1, 1, 0));
    assert_eq!(stats.records_lost, 0);
}

#[test]
fn steers_ipv4() {
    isolated(|place| steers(place, place.v4, place.v4));
}

#[test]
fn steers_ipv4_loopback() {
    isolated(|place| steers(place, [0, 0, 0, 0].into(), [127, 0, 0, 1].into()));
}

#[test]
fn steers_ipv6() {
    isolated(|place| steers(place, place.v6, place.v6));
}

#[test]
fn a_dual_stack_server_sees_its_ipv4_client() {
    isolated(|place| steers(place, Ipv6Addr::UNSPECIFIED.into(), place.v4));
}

#[test]
fn a_dual_stack_server_sees_its_ipv6_client() {
    isolated(|place| steers(place, Ipv6Addr::UNSPECIFIED.into(), place.v6));
}

#[test]
fn other_ports_are_not_touched() {
    isolated(|place| {
        let (named, other) = (Server::start(place.v4), Server::start(place.v4));
        let agent = Setup::new(place).ingress(named.port()).start();
        let client = TcpStream::connect(other.address).unwrap();
        echo(&client);
        assert_eq!(other.peer(), client.local_addr().unwrap());
        assert!(agent.saw_nothing());
        assert_eq!(agent.redirect().stats().unwrap(), flowfold_redirect::SteeringStats::default());
    });
}

#[test]
fn connections_spread_over_the_workers() {
    isolated(|place| {
        let server = Server::start(place.v4);
        let mut setup = Setup::new(place).ingress(server.port());
        setup.workers = 4;
        let agent = setup.start();
        // The chance that 64 connections leave out one of four workers is below 5 in 100 million.
        let workers: HashSet<usize> = (0..64)
            .map(|_| {
                echo(&TcpStream::connect(server.address).unwrap());
                agent.seen.recv_timeout(ANSWER).unwrap().worker
            })
            .collect();
        assert_eq!(workers.len(), 4);
    });
}

#[test]
fn a_local_client_is_named() {
    isolated(|place| {
        let server = Server::start(place.v4);
        let agent = Setup::new(place).ingress(server.port()).start();
        let _client = TcpStream::connect(server.address).unwrap();
        let client = agent.seen.recv_timeout(ANSWER).unwrap().client.unwrap();
        assert_eq!(client.pid, std::process::id());
        assert_eq!(client.cgroup_id, fs::metadata(&place.cgroup).unwrap().ino());
        let comm = fs::read_to_string("/proc/thread-self/comm").unwrap();
        assert_eq!(String::from_utf8_lossy(&client.comm).trim_end_matches('\0'), comm.trim_end());
    });
}
