//! Datagrams of local servers, at their own sockets.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::thread;

use flowfold_redirect::{Direction, Plan, RedirectError, SteeringStats};

use crate::datagram_watch::{Copied, UdpServer, Watch, ask, ask_connected, attach, client, client_at, plan};
use crate::isolated::{FAR, NEAR, Place, dnat, enter_new_namespace, from_afar, ip, isolated, on_one_processor};
use crate::server::ANSWER;

/// With a rule for the servers at this port alone.
fn servers_at(place: &Place, port: u16) -> Plan {
    Plan { egress_udp: Vec::new(), ingress_udp: vec![port], ..plan(place, port) }
}

/// Holds copies to be those of a server's socket: a question and its answer for each of these.
fn expect(copies: &[Copied], server: SocketAddr, exchanges: &[(SocketAddr, &[u8])]) {
    assert_eq!(copies.len(), 2 * exchanges.len(), "{copies:?}");
    for (copies, (client, text)) in copies.chunks(2).zip(exchanges) {
        for (copy, is_from_server) in copies.iter().zip([false, true]) {
            assert_eq!((copy.is_at_server, copy.is_from_server), (true, is_from_server));
            assert_eq!((copy.client, copy.server), (*client, server));
            assert_eq!((&copy.payload[..], copy.bytes as usize), (*text, text.len()));
        }
        assert_eq!(copies[0].socket, copies[1].socket);
    }
}

fn copies(place: &Place, listen_on: IpAddr, asked: IpAddr) {
    let server = UdpServer::start(listen_on);
    let port = server.address.port();
    let (asked, shown) = (SocketAddr::new(asked, port), SocketAddr::new(asked.to_canonical(), port));
    let mut watch = Watch::of(&servers_at(place, port));
    let connected = client(asked);
    connected.connect(asked).unwrap();
    let unconnected = client_at(asked.ip());
    ask_connected(&connected, b"first");
    ask(&unconnected, asked, b"second");
    ask(&unconnected, asked, &[7; 1000]);
    let seen = |socket: &UdpSocket| {
        let local = socket.local_addr().unwrap();
        SocketAddr::new(local.ip().to_canonical(), local.port())
    };
    let (first, second) = (seen(&connected), seen(&unconnected));
    expect(&watch.copies(), shown, &[(first, b"first"), (second, b"second"), (second, &[7; 1000])]);
    for client in [first, second, second] {
        let told = server.clients.recv_timeout(ANSWER).unwrap();
        assert_eq!((told.ip().to_canonical(), told.port()), (client.ip(), client.port()), "nobody is in between");
    }
    assert_eq!(watch.redirect.stats().unwrap(), SteeringStats::default());
}

#[test]
fn a_server_at_an_ipv4_address() {
    isolated(|place| copies(place, place.v4, place.v4));
}

#[test]
fn a_server_at_an_ipv6_address() {
    isolated(|place| copies(place, place.v6, place.v6));
}

#[test]
fn a_server_at_all_ipv4_addresses() {
    isolated(|place| copies(place, Ipv4Addr::UNSPECIFIED.into(), place.v4));
}

#[test]
fn a_server_at_all_addresses() {
    isolated(|place| copies(place, Ipv6Addr::UNSPECIFIED.into(), place.v6));
}

#[test]
fn a_server_at_all_addresses_is_asked_by_ipv4() {
    isolated(|place| copies(place, Ipv6Addr::UNSPECIFIED.into(), place.v4));
}

#[test]
fn a_client_in_another_namespace() {
    isolated(|place| {
        let server = UdpServer::start(Ipv4Addr::UNSPECIFIED.into());
        let mut watch = Watch::of(&servers_at(place, server.address.port()));
        let asked = SocketAddr::from((NEAR, server.address.port()));
        let client = from_afar(move || {
            let socket = client_at(FAR.into());
            ask(&socket, asked, b"from afar");
            socket.local_addr().unwrap()
        });
        expect(&watch.copies(), asked, &[(client, b"from afar")]);
    });
}

#[test]
fn a_server_of_another_namespace_is_not_read() {
    isolated(|place| {
        let server = UdpServer::start(place.v4);
        let mut watch = Watch::of(&servers_at(place, server.address.port()));
        let asked = server.address;
        // The very same addresses, after a datagram of the one that is read.
        let both_ask = |text: &'static [u8]| {
            let here = client_at(asked.ip());
            ask(&here, asked, text);
            let own = here.local_addr().unwrap();
            let there = thread::spawn(move || {
                enter_new_namespace();
                UdpServer::start_at(asked);
                let socket = UdpSocket::bind(own).unwrap();
                socket.set_read_timeout(Some(ANSWER)).unwrap();
                for _ in 0..3 {
                    ask(&socket, asked, b"elsewhere");
                }
            });
            there.join().unwrap();
            own
        };
        for text in [b"first", b"again"] {
            let own = both_ask(text);
            expect(&watch.copies(), asked, &[(own, text)]);
        }
    });
}

#[test]
fn a_server_outside_of_the_steered_cgroup_is_read() {
    isolated(|place| {
        let server = UdpServer::start(place.v4);
        let empty = place.cgroup.join("empty");
        fs::create_dir(&empty).unwrap();
        let port = server.address.port();
        // Its client, as far as that is concerned, is none of the steered ones.
        let both = Plan { cgroup: empty, egress_udp: vec![port], ..servers_at(place, port) };
        let mut watch = Watch::of(&both);
        let socket = client_at(place.v4);
        ask(&socket, server.address, b"wherever it is");
        expect(&watch.copies(), server.address, &[(socket.local_addr().unwrap(), b"wherever it is")]);
    });
}

#[test]
fn both_ends_are_seen_where_both_are_named() {
    isolated(|place| {
        let server = UdpServer::start(place.v4);
        let port = server.address.port();
        let mut watch = Watch::of(&Plan { egress_udp: vec![port], ..servers_at(place, port) });
        let socket = client_at(place.v4);
        ask(&socket, server.address, b"both");
        let own = socket.local_addr().unwrap();
        let copies = watch.copies();
        let order: Vec<_> = copies.iter().map(|copy| (copy.is_at_server, copy.is_from_server)).collect();
        assert_eq!(order, [(false, false), (true, false), (true, true), (false, true)]);
        assert!(copies.iter().all(|copy| (copy.client, copy.server) == (own, server.address)));
        let cookie = rustix::net::sockopt::socket_cookie(&socket).unwrap();
        assert!(copies.iter().all(|copy| (copy.socket == cookie) != copy.is_at_server));
    });
}

#[test]
fn a_server_behind_another_address_and_port_has_its_own() {
    isolated(|place| {
        let server = UdpServer::start(place.v4);
        let asked = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 53), 5300));
        dnat(asked, server.address);
        let mut watch = Watch::of(&servers_at(place, server.address.port()));
        let socket = client(asked);
        ask(&socket, asked, b"published");
        let copies = watch.copies();
        assert_eq!(copies.len(), 2);
        assert!(copies.iter().all(|copy| copy.server == server.address && copy.client == copies[0].client));
    });
}

#[test]
fn a_server_that_asks_from_its_own_port_is_no_client() {
    isolated(|place| {
        let upstream = UdpServer::start(place.v6);
        let server = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
        server.set_read_timeout(Some(ANSWER)).unwrap();
        let port = server.local_addr().unwrap().port();
        let rules = Plan { egress_udp: vec![upstream.address.port()], ..servers_at(place, port) };
        let mut watch = Watch::of(&rules);
        ask(&server, upstream.address, b"forwarded");
        let copies = watch.copies();
        assert!(copies.iter().all(|copy| copy.is_at_server), "{copies:?}");
        let stats = watch.redirect.stats().unwrap();
        assert_eq!(stats, SteeringStats { direct_named_port: 1, ..SteeringStats::default() });
        let socket = client_at(place.v6);
        socket.send_to(b"a question", (place.v6, port)).unwrap();
        let mut buffer = [0; 16];
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        server.send_to(&buffer[..length], from).unwrap();
        let here = SocketAddr::new(place.v6, port);
        expect(&watch.copies(), here, &[(socket.local_addr().unwrap(), b"a question")]);
    });
}

#[test]
fn other_ports_and_what_is_sent_to_many_are_not_looked_at() {
    isolated(|place| {
        let group = Ipv4Addr::new(239, 1, 2, 3);
        let other = UdpServer::start(place.v4);
        let server = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        server.set_read_timeout(Some(ANSWER)).unwrap();
        server.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
        let port = server.local_addr().unwrap().port();
        let mut watch = Watch::of(&servers_at(place, port));
        ask(&client_at(place.v4), other.address, b"another's");
        ip("link set lo multicast on");
        let socket = client_at(Ipv4Addr::LOCALHOST.into());
        socket.send_to(b"all", (group, port)).unwrap();
        assert_eq!(server.recv_from(&mut [0; 16]).unwrap(), (3, socket.local_addr().unwrap()));
        assert_eq!(watch.copies(), []);
    });
}

#[test]
fn the_end_of_a_servers_socket_is_told_and_late_answers_come_before_it() {
    isolated(|place| {
        let server = UdpSocket::bind((place.v4, 0)).unwrap();
        server.set_read_timeout(Some(ANSWER)).unwrap();
        let address = server.local_addr().unwrap();
        let mut watch = Watch::of(&servers_at(place, address.port()));
        let [early, late] = [(); 2].map(|()| client_at(place.v4));
        early.send_to(b"early", address).unwrap();
        let mut buffer = [0; 16];
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        watch.redirect.stop_steering();
        server.send_to(&buffer[..length], from).unwrap();
        expect(&watch.copies(), address, &[(early.local_addr().unwrap(), b"early")]);
        assert_eq!(watch.closed, []);
        let cookie = rustix::net::sockopt::socket_cookie(&server).unwrap();
        drop(server);
        assert_eq!((watch.copies(), &watch.closed[..]), (Vec::new(), &[cookie][..]));
        // Another one is not begun with.
        let server = UdpServer::start_at(address);
        ask(&late, server.address, b"late");
        assert_eq!(watch.copies(), []);
    });
}

#[test]
fn a_flood_leaves_room_for_what_clients_are_told() {
    isolated(|place| {
        on_one_processor();
        let server = UdpServer::start(place.v4);
        let asked = UdpServer::start(place.v6);
        let rules = Plan { egress_udp: vec![asked.address.port()], ..servers_at(place, server.address.port()) };
        let mut watch = Watch::of(&rules);
        let socket = client_at(place.v4);
        let text = [7; 5000];
        for _ in 0..400 {
            ask(&socket, server.address, &text);
        }
        let stats = watch.redirect.stats().unwrap();
        assert!(stats.unread_into_server > 0 && stats.unread_out_of_server > 0, "{stats:?}");
        ask(&client_at(place.v6), asked.address, b"spared");
        let copies = watch.copies();
        assert_eq!(copies.iter().filter(|copy| !copy.is_at_server).count(), 2);
        assert_eq!(copies.len() as u64 + stats.unread_into_server + stats.unread_out_of_server, 802);
        assert_eq!((stats.unread_to_server, stats.unread_to_client), (0, 0), "nothing of the clients'");
    });
}

#[test]
fn a_second_agent_for_servers_at_a_port_is_refused() {
    isolated(|place| {
        let _first = attach(&servers_at(place, 53)).unwrap();
        // Their clients are another matter.
        attach(&plan(place, 53)).unwrap();
        let error = attach(&servers_at(place, 53)).unwrap_err();
        assert!(
            matches!(error, RedirectError::AlreadySteered { direction: Direction::IngressUdp, port: 53, .. }),
            "{error}"
        );
    });
}
