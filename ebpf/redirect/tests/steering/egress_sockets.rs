//! Outgoing connections of clients that do more with their socket than to connect it.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::agent::Setup;
use crate::isolated::{Place, ip, isolated};
use crate::server::{ANSWER, Server, echo};

fn socket(family: AddressFamily) -> OwnedFd {
    rustix::net::socket(family, SocketType::STREAM, None).unwrap()
}

#[test]
fn a_nonblocking_connect_is_steered() {
    isolated(|place| {
        let server = Server::start(place.v4);
        let agent = Setup::new(place).egress(server.port()).start();
        let client =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap();
        match rustix::net::connect(&client, &server.address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(errno) => panic!("{errno}"),
        }
        let timeout = Timespec { tv_sec: 10, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::new(&client, PollFlags::OUT)], Some(&timeout)).unwrap(), 1);
        // Asked once more how it went, as many clients do.
        assert!(matches!(rustix::net::connect(&client, &server.address), Ok(()) | Err(Errno::ISCONN)));
        let client = TcpStream::from(client);
        client.set_nonblocking(false).unwrap();
        assert_eq!(client.peer_addr().unwrap(), server.address);
        echo(&client);
        assert_eq!(agent.seen.recv_timeout(ANSWER).unwrap().origin.unwrap().destination, server.address);
        assert!(agent.saw_nothing());
    });
}

#[test]
fn a_socket_can_connect_again_after_a_failure() {
    isolated(|place| {
        let server = Server::start(place.v4);
        let closed = {
            let listener = TcpListener::bind((place.v4, 0)).unwrap();
            listener.local_addr().unwrap()
        };
        let agent = Setup::new(place).egress(server.port()).start();
        let client = socket(AddressFamily::INET);
        assert_eq!(rustix::net::connect(&client, &closed), Err(Errno::CONNREFUSED));
        rustix::net::connect(&client, &server.address).unwrap();
        let client = TcpStream::from(client);
        assert_eq!(client.peer_addr().unwrap(), server.address);
        echo(&client);
        assert_eq!(agent.seen.recv_timeout(ANSWER).unwrap().origin.unwrap().destination, server.address);
    });
}

#[test]
fn a_socket_that_goes_direct_next_time_shows_the_new_peer() {
    isolated(|place| {
        let (named, other) = (Server::start(place.v4), Server::start(place.v4));
        let agent = Setup::new(place).egress(named.port()).start();
        let client = socket(AddressFamily::INET);
        rustix::net::connect(&client, &named.address).unwrap();
        agent.seen.recv_timeout(ANSWER).unwrap();
        rustix::net::connect_unspec(&client).unwrap();
        rustix::net::connect(&client, &other.address).unwrap();
        let client = TcpStream::from(client);
        assert_eq!(client.peer_addr().unwrap(), other.address);
        echo(&client);
        assert!(agent.saw_nothing());
    });
}

#[test]
fn a_connect_that_fails_before_its_syn_leaves_nothing_behind() {
    isolated(|place| {
        let (named, other) = (Server::start([0, 0, 0, 0].into()), Server::start(place.v4));
        let _agent = Setup::new(place).egress(named.port()).start();
        let client = socket(AddressFamily::INET);
        // Steered to 127.0.0.1, which has no route once its table is empty: no SYN, no close.
        ip("route flush table local");
        assert!(rustix::net::connect(&client, &named.address).is_err());
        ip(&format!("route add local {} dev lo table local", place.v4));
        rustix::net::connect(&client, &other.address).unwrap();
        assert_eq!(TcpStream::from(client).peer_addr().unwrap(), other.address);
    });
}

fn bound_client(place: &Place, ip: IpAddr) {
    let server = Server::start(ip);
    let agent = Setup::new(place).egress(server.port()).start();
    let client = socket(if ip.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 });
    rustix::net::bind(&client, &SocketAddr::new(ip, 0)).unwrap();
    rustix::net::connect(&client, &server.address).unwrap();
    let client = TcpStream::from(client);
    assert_eq!(client.peer_addr().unwrap(), server.address);
    assert_eq!(client.local_addr().unwrap().ip(), ip);
    echo(&client);
    let seen = agent.seen.recv_timeout(ANSWER).unwrap();
    assert_eq!(seen.origin.unwrap().destination, server.address);
    assert_eq!(seen.peer, client.local_addr().unwrap());
}

#[test]
fn a_client_bound_to_an_ipv4_address_is_steered() {
    isolated(|place| bound_client(place, place.v4));
}

#[test]
fn a_client_bound_to_an_ipv6_address_is_steered() {
    isolated(|place| bound_client(place, place.v6));
}

#[test]
fn a_client_bound_to_a_device_goes_direct() {
    isolated(|place| {
        ip("link add ff0 type veth peer name ff1");
        ip("addr add 198.51.100.1/24 dev ff0");
        ip("link set ff0 up");
        ip("link set ff1 up");
        let server = Server::start("198.51.100.1".parse().unwrap());
        let agent = Setup::new(place).egress(server.port()).start();
        let device = socket(AddressFamily::INET);
        sockopt_bind_to_device(&device, "ff0");
        // Nobody is at the other end of the cable; only that the connection was left alone matters.
        sockopt::set_socket_timeout(&device, sockopt::Timeout::Send, Some(std::time::Duration::from_millis(100)))
            .unwrap();
        assert!(rustix::net::connect(&device, &SocketAddr::from(([198, 51, 100, 2], server.port()))).is_err());
        assert_eq!(agent.redirect().stats().unwrap().direct_bound_device, 1);
        assert!(agent.saw_nothing());

        let loopback = socket(AddressFamily::INET);
        sockopt_bind_to_device(&loopback, "lo");
        rustix::net::connect(&loopback, &server.address).unwrap();
        assert_eq!(TcpStream::from(loopback).peer_addr().unwrap(), server.address);
        agent.seen.recv_timeout(ANSWER).unwrap().origin.unwrap();
    });
}

fn sockopt_bind_to_device(socket: &OwnedFd, device: &str) {
    socket2::SockRef::from(socket).bind_device(Some(device.as_bytes())).unwrap();
}

#[test]
fn a_link_local_destination_goes_direct() {
    isolated(|place| {
        let agent = Setup::new(place).egress(7).start();
        let client = socket(AddressFamily::INET6);
        assert!(rustix::net::connect(&client, &"[fe80::1]:7".parse::<SocketAddr>().unwrap()).is_err());
        assert_eq!(agent.redirect().stats().unwrap().direct_special_destination, 1);
    });
}

#[test]
fn a_client_that_leaves_at_once_is_still_resolved() {
    isolated(|place| {
        let server = Server::start(place.v4);
        // The agent accepts only after the client is gone.
        let setup = Setup::new(place).egress(server.port());
        let (redirect, listeners) = setup.attach().unwrap();
        redirect.beat().unwrap();
        let mut client = TcpStream::connect(server.address).unwrap();
        client.write_all(b"bye").unwrap();
        let local = client.local_addr().unwrap();
        drop(client);
        let lookups = redirect.lookups();
        let origin = lookups.egress_destination(local).unwrap();
        assert_eq!(origin.destination, server.address);
        assert_eq!(lookups.egress_destination(local), None, "a record is taken once");
        drop(listeners);
    });
}
