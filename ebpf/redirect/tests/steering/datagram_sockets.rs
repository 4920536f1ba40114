//! Outgoing datagrams of clients that do more with their socket than to send.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;

use socket2::SockRef;

use crate::isolated::{Place, ip, isolated};
use crate::server::ANSWER;
use crate::udp_agent::{UdpAgent, UdpServer};

fn client(at: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((at, 0)).unwrap();
    socket.set_read_timeout(Some(ANSWER)).unwrap();
    socket
}

fn echo(socket: &UdpSocket) {
    socket.send(b"there and back").unwrap();
    let mut buffer = [0; 64];
    assert_eq!(socket.recv(&mut buffer).unwrap(), 14);
}

fn device_of(socket: &UdpSocket) -> Option<Vec<u8>> {
    SockRef::from(socket).device().unwrap()
}

fn add_device() {
    ip("link add ff0 type veth peer name ff1");
    ip("addr add 198.51.100.1/24 dev ff0");
    ip("link set ff0 up");
    ip("link set ff1 up");
    ip("route add default via 198.51.100.2");
}

fn set_unicast_device(socket: &UdpSocket, device: &str) {
    let index = rustix::net::netdevice::name_to_index(socket, device).unwrap().to_be();
    // SAFETY: the option's value is four bytes, and the pointer valid for the call.
    let outcome = unsafe {
        let value = (&raw const index).cast();
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IP, libc::IP_UNICAST_IF, value, 4)
    };
    assert_eq!(outcome, 0);
}

#[test]
fn a_client_that_asks_for_a_device_by_unicast_if_is_steered() {
    isolated(|place| {
        add_device();
        let server = UdpServer::start(place.v4);
        let agent = UdpAgent::start(place, server.address.port());
        let socket = client(Ipv4Addr::UNSPECIFIED.into());
        set_unicast_device(&socket, "ff0");
        socket.connect(server.address).unwrap();
        echo(&socket);
        assert_eq!(agent.seen.recv_timeout(ANSWER).unwrap().server, Some(server.address));
    });
}

#[test]
fn a_steered_socket_is_bound_to_the_loopback_device_only_while_it_is_steered() {
    isolated(|place| {
        let (named, other) = (UdpServer::start(place.v4), UdpServer::start(place.v4));
        let agent = UdpAgent::start(place, named.address.port());
        let socket = client(Ipv4Addr::UNSPECIFIED.into());
        socket.connect(named.address).unwrap();
        assert_eq!(device_of(&socket).as_deref(), Some(b"lo".as_slice()));
        socket.connect(other.address).unwrap();
        assert_eq!(device_of(&socket), None);
        assert_eq!(socket.peer_addr().unwrap(), other.address);
        echo(&socket);
        assert!(agent.saw_nothing());
        socket.connect(named.address).unwrap();
        rustix::net::connect_unspec(&socket).unwrap();
        assert_eq!(device_of(&socket), None);
        // What a client bound itself stays.
        let socket = client(Ipv4Addr::UNSPECIFIED.into());
        SockRef::from(&socket).bind_device(Some(b"lo")).unwrap();
        socket.connect(other.address).unwrap();
        assert_eq!(device_of(&socket).as_deref(), Some(b"lo".as_slice()));
    });
}

#[test]
fn a_client_bound_to_a_device_goes_direct() {
    isolated(|place| {
        add_device();
        let agent = UdpAgent::start(place, 53);
        let socket = client(Ipv4Addr::UNSPECIFIED.into());
        SockRef::from(&socket).bind_device(Some(b"ff0")).unwrap();
        let elsewhere = SocketAddr::from(([198, 51, 100, 2], 53));
        socket.connect(elsewhere).unwrap();
        assert_eq!(socket.peer_addr().unwrap(), elsewhere);
        socket.send_to(b"x", elsewhere).unwrap();
        assert_eq!(agent.redirect.stats().unwrap().direct_bound_device, 2);
    });
}

fn bound(place: &Place, at: IpAddr) {
    let server = UdpServer::start(at);
    let agent = UdpAgent::start(place, server.address.port());
    let socket = client(at);
    socket.connect(server.address).unwrap();
    assert_eq!(socket.local_addr().unwrap().ip(), at);
    echo(&socket);
    assert_eq!(agent.seen.recv_timeout(ANSWER).unwrap().client, socket.local_addr().unwrap());
}

#[test]
fn a_client_bound_to_an_ipv4_address_is_steered() {
    isolated(|place| bound(place, place.v4));
}

#[test]
fn a_client_bound_to_an_ipv6_address_is_steered() {
    isolated(|place| bound(place, place.v6));
}

#[test]
fn multicast_and_broadcast_go_direct() {
    isolated(|place| {
        add_device();
        let agent = UdpAgent::start(place, 5353);
        let socket = client(Ipv4Addr::UNSPECIFIED.into());
        socket.set_broadcast(true).unwrap();
        for ip in [Ipv4Addr::new(224, 0, 0, 251), Ipv4Addr::BROADCAST] {
            socket.send_to(b"who is there", (ip, 5353)).unwrap();
        }
        assert_eq!(agent.redirect.stats().unwrap().direct_special_destination, 2);
    });
}

#[test]
fn an_address_given_to_a_connected_socket_is_steered_too() {
    isolated(|place| {
        let first = UdpServer::start(place.v4);
        let second = UdpServer::start_at(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 9), first.address.port())));
        let agent = UdpAgent::start(place, first.address.port());
        let socket = client(Ipv4Addr::UNSPECIFIED.into());
        socket.connect(first.address).unwrap();
        socket.send_to(b"to the other", second.address).unwrap();
        assert_eq!(agent.seen.recv_timeout(ANSWER).unwrap().server, Some(second.address));
        second.clients.recv_timeout(ANSWER).unwrap();
    });
}

#[test]
fn the_socket_of_a_dead_agent_refuses() {
    isolated(|place| {
        let server = UdpServer::start(place.v4);
        let (redirect, listeners) = crate::udp_agent::attach(place, server.address.port()).unwrap();
        redirect.beat().unwrap();
        let socket = client(Ipv4Addr::UNSPECIFIED.into());
        socket.connect(server.address).unwrap();
        drop((redirect, listeners));
        socket.send(b"anybody there").unwrap();
        let refused = socket.recv(&mut [0; 16]).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused, "a resolver tries again, and goes direct");
        socket.connect(server.address).unwrap();
        echo(&socket);
    });
}
