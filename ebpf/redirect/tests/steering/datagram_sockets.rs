//! Datagrams of clients, and ways to servers, that are not the usual ones.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;

use flowfold_redirect::SteeringStats;
use socket2::SockRef;

use crate::datagram_watch::{UdpServer, Watch, ask, ask_connected, both_ways, client, client_at};
use crate::isolated::{Place, dnat, enter_new_namespace, ip, isolated, nft};
use crate::server::ANSWER;

const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn add_device() {
    ip("link add ff0 type veth peer name ff1");
    ip("addr add 198.51.100.1/24 dev ff0");
    ip("link set ff0 up");
    ip("link set ff1 up");
    ip("route add default via 198.51.100.2");
}

#[test]
fn a_server_behind_another_address_and_port_is_the_one_that_was_asked() {
    isolated(|place| {
        // As the DNS service of a cluster is reached, and the one of a container.
        let server = UdpServer::start(place.v4);
        let asked = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 53), 5300));
        dnat(asked, server.address);
        let mut watch = Watch::start(place, asked.port());
        let connected = client(asked);
        connected.connect(asked).unwrap();
        ask_connected(&connected, b"connected");
        assert_eq!(watch.servers(), both_ways(asked));
        let unconnected = client(asked);
        ask(&unconnected, asked, b"unconnected");
        assert_eq!(watch.servers(), both_ways(asked));
        // Who asks it under its own address asks another.
        ask(&unconnected, server.address, b"directly");
        assert_eq!(watch.copies(), []);
    });
}

#[test]
fn a_socket_without_memory_for_a_note_of_it_is_counted() {
    isolated(|place| {
        let limit = "/proc/sys/net/core/optmem_max";
        if !fs::exists(limit).unwrap() {
            println!("skipped: what a socket may take beside its buffers is no namespace's own limit on this kernel");
            return;
        }
        fs::write(limit, "1").unwrap();
        let server = UdpServer::start(place.v4);
        let mut watch = Watch::start(place, server.address.port());
        let socket = client(server.address);
        socket.connect(server.address).unwrap();
        ask_connected(&socket, b"unnoticed");
        assert_eq!(watch.copies(), []);
        let stats = watch.redirect.stats().unwrap();
        assert_eq!(stats, SteeringStats { direct_map_full: 1, ..SteeringStats::default() });
    });
}

#[test]
fn a_socket_that_never_bound_is_read() {
    isolated(|place| {
        let server = UdpServer::start(place.v4);
        let mut watch = Watch::start(place, server.address.port());
        let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None);
        let socket = UdpSocket::from(socket.unwrap());
        socket.set_read_timeout(Some(ANSWER)).unwrap();
        socket.connect(server.address).unwrap();
        ask_connected(&socket, b"unbound");
        assert_eq!(watch.servers(), both_ways(server.address));
    });
}

fn bound(place: &Place, at: IpAddr) {
    let server = UdpServer::start(at);
    let mut watch = Watch::start(place, server.address.port());
    let socket = client_at(at);
    ask(&socket, server.address, b"from here");
    let locals: Vec<_> = watch.copies().iter().map(|copy| copy.client).collect();
    assert_eq!(locals, [socket.local_addr().unwrap(); 2]);
}

#[test]
fn a_client_bound_to_an_ipv4_address_is_read() {
    isolated(|place| bound(place, place.v4));
}

#[test]
fn a_client_bound_to_an_ipv6_address_is_read() {
    isolated(|place| bound(place, place.v6));
}

#[test]
fn a_client_with_a_mark_or_bound_to_a_device_is_read() {
    isolated(|place| {
        add_device();
        let mut watch = Watch::start(place, 53);
        let elsewhere = SocketAddr::from(([198, 51, 100, 2], 53));
        // Nobody answers there, and a packet goes out once its neighbour is known.
        ip("neigh add 198.51.100.2 lladdr 02:00:00:00:00:01 dev ff0");
        let bound = client_at(ANY);
        SockRef::from(&bound).bind_device(Some(b"ff0")).unwrap();
        bound.connect(elsewhere).unwrap();
        bound.send(b"x").unwrap();
        let marked = client_at(ANY);
        SockRef::from(&marked).set_mark(0x200).unwrap();
        marked.send_to(b"y", elsewhere).unwrap();
        let copies = watch.copies();
        let seen: Vec<_> = copies.iter().map(|copy| (copy.client.ip().to_string(), &copy.payload[..])).collect();
        assert_eq!(seen, [("198.51.100.1".to_owned(), &b"x"[..]), ("198.51.100.1".to_owned(), &b"y"[..])]);
    });
}

#[test]
fn a_packet_with_options_is_read() {
    isolated(|place| {
        let server = UdpServer::start(place.v4);
        let mut watch = Watch::start(place, server.address.port());
        let socket = client(server.address);
        // Four times "no operation" (RFC 791 section 3.1).
        let options = [1_u8; 4];
        // SAFETY: the pointer and the length are those of an array that outlives the call.
        let outcome = unsafe {
            libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IP, libc::IP_OPTIONS, options.as_ptr().cast(), 4)
        };
        assert_eq!(outcome, 0);
        ask(&socket, server.address, b"behind the options");
        assert_eq!(watch.copies()[0].payload, b"behind the options");
    });
}

#[test]
fn an_address_given_to_a_connected_socket_is_the_server() {
    isolated(|place| {
        let first = UdpServer::start(place.v4);
        let second = UdpServer::beside(&first);
        let mut watch = Watch::start(place, first.address.port());
        let socket = client(first.address);
        socket.connect(first.address).unwrap();
        socket.send_to(b"to the other", second.address).unwrap();
        second.clients.recv_timeout(ANSWER).unwrap();
        assert_eq!(watch.servers(), [(second.address, false)], "the kernel drops its answer");
        ask_connected(&socket, b"to the first");
        assert_eq!(watch.servers(), both_ways(first.address));
    });
}

#[test]
fn a_socket_that_disconnects_asks_others() {
    isolated(|place| {
        let first = UdpServer::start(place.v4);
        let second = UdpServer::beside(&first);
        let mut watch = Watch::start(place, first.address.port());
        let socket = client(first.address);
        socket.connect(first.address).unwrap();
        ask_connected(&socket, b"first");
        rustix::net::connect_unspec(&socket).unwrap();
        ask(&socket, second.address, b"second");
        let expected = [both_ways(first.address), both_ways(second.address)].concat();
        assert_eq!(watch.servers(), expected);
    });
}

#[test]
fn multicast_and_broadcast_are_not_read() {
    isolated(|place| {
        add_device();
        let mut watch = Watch::start(place, 5353);
        let socket = client_at(ANY);
        socket.set_broadcast(true).unwrap();
        for group in ["224.0.0.251:5353", "255.255.255.255:5353"] {
            socket.send_to(b"anybody", group.parse::<SocketAddr>().unwrap()).unwrap();
        }
        assert_eq!(watch.copies(), []);
        let stats = watch.redirect.stats().unwrap();
        assert_eq!(stats, SteeringStats { direct_special_destination: 2, ..SteeringStats::default() });
    });
}

#[test]
fn a_socket_of_another_namespace_is_not_read() {
    isolated(|place| {
        let mut watch = Watch::start(place, 5300);
        enter_new_namespace();
        let server = UdpServer::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 5300)));
        ask(&client(server.address), server.address, b"elsewhere");
        assert_eq!(watch.copies(), []);
        let stats = watch.redirect.stats().unwrap();
        assert_eq!(stats, SteeringStats { udp_other_namespace: 1, ..SteeringStats::default() });
    });
}

#[test]
fn the_end_of_a_socket_is_told() {
    isolated(|place| {
        let (named, other) = (UdpServer::start(place.v4), UdpServer::start(place.v4));
        let mut watch = Watch::start(place, named.address.port());
        let [asks, asks_another] = [(); 2].map(|()| client(named.address));
        let cookie = rustix::net::sockopt::socket_cookie(&asks).unwrap();
        ask(&asks, named.address, b"named");
        ask(&asks_another, other.address, b"another's");
        drop(asks_another);
        let again = asks.try_clone().unwrap();
        drop(asks);
        assert_eq!((watch.servers(), &watch.closed[..]), (both_ways(named.address).into(), &[][..]));
        assert!(watch.redirect.lookups().udp_client(cookie).is_some());
        drop(again);
        assert_eq!((watch.copies(), &watch.closed[..]), (vec![], &[cookie][..]));
        let lookups = watch.redirect.lookups();
        assert!(lookups.udp_client(cookie).is_some(), "whoever reads the question now still finds out");
        lookups.forget_udp_socket(cookie);
        assert!(lookups.udp_client(cookie).is_none(), "its place is free");
    });
}

#[test]
fn another_server_than_the_one_connected_to_is_not_taken_for_it() {
    isolated(|place| {
        let (named, other) = (UdpServer::start(place.v4), UdpServer::start(place.v4));
        let mut watch = Watch::start(place, named.address.port());
        let socket = client(named.address);
        socket.connect(named.address).unwrap();
        socket.send_to(b"another's", other.address).unwrap();
        other.clients.recv_timeout(ANSWER).unwrap();
        assert_eq!(watch.copies(), []);
        ask_connected(&socket, b"named");
        assert_eq!(watch.servers(), both_ways(named.address));
    });
}

#[test]
fn a_client_behind_another_address_has_its_own() {
    isolated(|place| {
        let server = UdpServer::start(place.v4);
        nft(&format!(
            "table ip test {{ chain out {{ type nat hook postrouting priority 100; \
             udp dport {} snat to 127.0.0.77; }}; }}",
            server.address.port()
        ));
        let mut watch = Watch::start(place, server.address.port());
        let socket = client(server.address);
        socket.connect(server.address).unwrap();
        ask_connected(&socket, b"masked");
        assert_eq!(server.clients.recv_timeout(ANSWER).unwrap().ip(), IpAddr::from([127, 0, 0, 77]));
        let locals: Vec<_> = watch.copies().iter().map(|copy| copy.client).collect();
        assert_eq!(locals, [socket.local_addr().unwrap(); 2]);
    });
}

#[test]
fn a_socket_that_was_connected_before_is_not_read() {
    isolated(|place| {
        let server = UdpServer::start(place.v4);
        let socket = client(server.address);
        socket.connect(server.address).unwrap();
        let mut watch = Watch::start(place, server.address.port());
        ask_connected(&socket, b"too late");
        assert_eq!(watch.copies(), []);
        socket.connect(server.address).unwrap();
        ask_connected(&socket, b"in time");
        assert_eq!(watch.servers(), both_ways(server.address));
    });
}
