//! Outgoing connections.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::MetadataExt as _;

use flowfold_redirect::SteeringStats;

use crate::agent::Setup;
use crate::isolated::{Place, isolated};
use crate::server::{ANSWER, Server, echo};

fn steers(place: &Place, listen_on: IpAddr, connect_to: IpAddr) {
    let server = Server::start(listen_on);
    let agent = Setup::new(place).egress(server.port()).start();
    let asked = SocketAddr::new(connect_to, server.port());

    let client = TcpStream::connect(asked).unwrap();
    assert_eq!(client.peer_addr().unwrap(), asked, "the client sees what it asked for");
    echo(&client);

    let seen = agent.seen.recv_timeout(ANSWER).unwrap();
    let origin = seen.origin.unwrap();
    assert_eq!(origin.destination, SocketAddr::new(connect_to.to_canonical(), server.port()));
    assert_eq!(origin.client.pid, std::process::id());
    assert_eq!(origin.client.cgroup_id, fs::metadata(&place.cgroup).unwrap().ino());
    assert_eq!(server.peer().port(), seen.peer.port(), "a local server sees the client, not the agent");
    assert!(agent.saw_nothing(), "the agent's own connection is not steered");
    let stats = agent.redirect().stats().unwrap();
    assert_eq!(stats, SteeringStats { steered_egress: 1, ..SteeringStats::default() });
}

#[test]
fn steers_ipv4() {
    isolated(|place| steers(place, place.v4, place.v4));
}

#[test]
fn steers_ipv6() {
    isolated(|place| steers(place, place.v6, place.v6));
}

#[test]
fn steers_v4_mapped() {
    isolated(|place| {
        let IpAddr::V4(v4) = place.v4 else { panic!("{}", place.v4) };
        steers(place, place.v4, v4.to_ipv6_mapped().into());
    });
}

#[test]
fn an_unspecified_destination_is_this_host() {
    isolated(|place| {
        for (unspecified, loopback) in [
            (IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv4Addr::LOCALHOST)),
            (IpAddr::from(Ipv6Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::LOCALHOST)),
        ] {
            let server = Server::start(loopback);
            let agent = Setup::new(place).egress(server.port()).start();
            let client = TcpStream::connect(SocketAddr::new(unspecified, server.port())).unwrap();
            assert_eq!(client.peer_addr().unwrap(), server.address);
            echo(&client);
            assert_eq!(agent.seen.recv_timeout(ANSWER).unwrap().origin.unwrap().destination, server.address);
        }
    });
}

#[test]
fn both_rules_take_one_hop() {
    isolated(|place| {
        let server = Server::start(place.v4);
        let agent = Setup::new(place).egress(server.port()).ingress(server.port()).start();
        let client = TcpStream::connect(server.address).unwrap();
        echo(&client);
        let seen = agent.seen.recv_timeout(ANSWER).unwrap();
        assert_eq!(seen.origin.unwrap().destination, server.address);
        assert_eq!(server.peer(), seen.peer);
        assert!(agent.saw_nothing());
    });
}

#[test]
fn udp_is_not_touched() {
    isolated(|place| {
        let server = UdpSocket::bind((place.v4, 0)).unwrap();
        let address = server.local_addr().unwrap();
        let agent = Setup::new(place).egress(address.port()).ingress(address.port()).start();
        let client = UdpSocket::bind((place.v4, 0)).unwrap();
        client.connect(address).unwrap();
        assert_eq!(client.peer_addr().unwrap(), address);
        client.send(b"ping").unwrap();
        server.set_read_timeout(Some(ANSWER)).unwrap();
        let mut buffer = [0; 16];
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..length], from), (b"ping".as_slice(), client.local_addr().unwrap()));
        assert_eq!(agent.redirect().stats().unwrap(), SteeringStats::default());
    });
}

#[test]
fn other_ports_are_not_touched() {
    isolated(|place| {
        let (named, other) = (Server::start(place.v4), Server::start(place.v4));
        let agent = Setup::new(place).egress(named.port()).start();
        let client = TcpStream::connect(other.address).unwrap();
        assert_eq!(client.peer_addr().unwrap(), other.address);
        echo(&client);
        assert_eq!(other.peer(), client.local_addr().unwrap());
        assert!(agent.saw_nothing());
        assert_eq!(agent.redirect().stats().unwrap(), SteeringStats::default());
    });
}

#[test]
fn a_connection_to_the_listener_itself_has_no_origin() {
    isolated(|place| {
        let agent = Setup::new(place).egress(9).start();
        let _client = TcpStream::connect(agent.v4_listener).unwrap();
        assert_eq!(agent.seen.recv_timeout(ANSWER).unwrap().origin, None);
    });
}
