//! Outgoing datagrams.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};

use flowfold_redirect::{Direction, RedirectError, SteeringStats};
use socket2::SockRef;

use crate::agent::Setup;
use crate::isolated::{Place, isolated};
use crate::server::ANSWER;
use crate::udp_agent::{UdpAgent, UdpServer, attach};

fn client(server: SocketAddr) -> UdpSocket {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).unwrap();
    socket.set_read_timeout(Some(ANSWER)).unwrap();
    socket
}

fn ask_connected(socket: &UdpSocket, text: &[u8]) {
    socket.send(text).unwrap();
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], text);
}

fn ask_unconnected(socket: &UdpSocket, server: SocketAddr, text: &[u8]) {
    socket.send_to(text, server).unwrap();
    let mut buffer = [0; 64];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..length], from), (text, server), "the answer comes from where the question went");
}

fn steers(place: &Place, listen_on: IpAddr, ask: IpAddr) {
    let server = UdpServer::start(listen_on);
    let asked = SocketAddr::new(ask, server.address.port());
    let agent = UdpAgent::start(place, asked.port());

    let connected = client(asked);
    connected.connect(asked).unwrap();
    assert_eq!(connected.peer_addr().unwrap(), asked);
    ask_connected(&connected, b"connected");
    let unconnected = client(asked);
    ask_unconnected(&unconnected, asked, b"unconnected");
    ask_unconnected(&unconnected, asked, b"once more");

    for socket in [&connected, &unconnected, &unconnected] {
        let seen = agent.seen.recv_timeout(ANSWER).unwrap();
        assert_eq!(seen.server, Some(SocketAddr::new(ask.to_canonical(), asked.port())));
        assert_eq!(seen.client.port(), socket.local_addr().unwrap().port());
        assert_eq!(agent.client(socket).unwrap().pid, std::process::id());
        assert_ne!(server.clients.recv_timeout(ANSWER).unwrap().port(), seen.client.port());
    }
    assert!(agent.saw_nothing());
    let stats = agent.redirect.stats().unwrap();
    assert_eq!(stats, SteeringStats { steered_udp: 3, ..SteeringStats::default() });
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
fn a_socket_that_never_bound_is_steered() {
    isolated(|place| {
        let server = UdpServer::start(place.v4);
        let agent = UdpAgent::start(place, server.address.port());
        let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None);
        let socket = UdpSocket::from(socket.unwrap());
        socket.set_read_timeout(Some(ANSWER)).unwrap();
        socket.connect(server.address).unwrap();
        assert_eq!(socket.peer_addr().unwrap(), server.address);
        ask_connected(&socket, b"unbound");
        assert_eq!(agent.seen.recv_timeout(ANSWER).unwrap().server, Some(server.address));
    });
}

#[test]
fn one_socket_asks_several_servers() {
    isolated(|place| {
        let first = UdpServer::start(place.v4);
        let port = first.address.port();
        let second = UdpServer::start_at(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 9), port)));
        let agent = UdpAgent::start(place, port);
        let socket = client(first.address);
        for server in [&first, &second, &first, &second] {
            ask_unconnected(&socket, server.address, b"whose is it");
            assert_eq!(agent.seen.recv_timeout(ANSWER).unwrap().server, Some(server.address));
        }
        assert_eq!((first.clients.try_iter().count(), second.clients.try_iter().count()), (2, 2));
    });
}

#[test]
fn an_unspecified_destination_is_this_host() {
    isolated(|place| {
        for (unspecified, loopback) in [
            (IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv4Addr::LOCALHOST)),
            (IpAddr::from(Ipv6Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::LOCALHOST)),
        ] {
            let server = UdpServer::start(loopback);
            let agent = UdpAgent::start(place, server.address.port());
            let socket = client(server.address);
            socket.connect(SocketAddr::new(unspecified, server.address.port())).unwrap();
            ask_connected(&socket, b"here");
            assert_eq!(socket.peer_addr().unwrap(), server.address);
            assert_eq!(agent.seen.recv_timeout(ANSWER).unwrap().server, Some(server.address));
        }
    });
}

#[test]
fn the_same_port_of_tcp_and_other_ports_are_not_touched() {
    isolated(|place| {
        let named = UdpServer::start(place.v4);
        let other = UdpServer::start(place.v4);
        let tcp = TcpListener::bind(named.address).unwrap();
        let agent = UdpAgent::start(place, named.address.port());
        let connection = TcpStream::connect(named.address).unwrap();
        assert_eq!(tcp.accept().unwrap().1, connection.local_addr().unwrap());
        ask_unconnected(&client(other.address), other.address, b"direct");
        assert!(agent.saw_nothing());
        assert_eq!(agent.redirect.stats().unwrap(), SteeringStats::default());
    });
}

#[test]
fn servers_beyond_the_pool_go_direct() {
    isolated(|place| {
        let v6 = UdpServer::start(place.v6);
        let port = v6.address.port();
        let at = |host| SocketAddr::from((Ipv4Addr::new(127, 0, 1, host), port));
        let _servers: Vec<_> = (1..=66).map(|host| UdpServer::start_at(at(host))).collect();
        let agent = UdpAgent::start(place, port);
        for host in 1..=66 {
            let asked = at(host);
            let socket = client(asked);
            socket.connect(asked).unwrap();
            ask_connected(&socket, b"one of many");
            let seen = agent.seen.try_recv().ok().and_then(|seen| seen.server);
            assert_eq!(seen, (host <= 64).then_some(asked));
            agent.redirect.beat().unwrap();
        }
        // Those that have a socket keep it, and IPv6 has a pool of its own.
        ask_unconnected(&client(at(1)), at(1), b"again");
        assert_eq!(agent.seen.recv_timeout(ANSWER).unwrap().server, Some(at(1)));
        ask_unconnected(&client(v6.address), v6.address, b"the other family");
        assert_eq!(agent.seen.recv_timeout(ANSWER).unwrap().server, Some(v6.address));
        let stats = agent.redirect.stats().unwrap();
        assert_eq!((stats.steered_udp, stats.direct_udp_servers), (66, 2));
    });
}

#[test]
fn what_a_local_server_answers_to_a_named_port_goes_direct() {
    isolated(|place| {
        // A resolver that asks another one from its own port.
        let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        peer.set_read_timeout(Some(ANSWER)).unwrap();
        let to_peer = peer.local_addr().unwrap();
        let port = to_peer.port();
        let server = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 9), port)).unwrap();
        server.set_read_timeout(Some(ANSWER)).unwrap();
        let agent = UdpAgent::start(place, port);
        server.send_to(b"an answer", to_peer).unwrap();
        let mut buffer = [0; 16];
        assert_eq!(peer.recv_from(&mut buffer).unwrap(), (9, server.local_addr().unwrap()));
        server.connect(to_peer).unwrap();
        server.send(b"another").unwrap();
        assert_eq!(peer.recv_from(&mut buffer).unwrap(), (7, server.local_addr().unwrap()));
        assert!(agent.saw_nothing());
        let stats = agent.redirect.stats().unwrap();
        assert_eq!(stats, SteeringStats { direct_named_port: 2, ..SteeringStats::default() });
    });
}

#[test]
fn a_socket_with_a_mark_goes_direct() {
    isolated(|place| {
        let server = UdpServer::start(place.v4);
        let agent = UdpAgent::start(place, server.address.port());
        let socket = client(server.address);
        SockRef::from(&socket).set_mark(0x200).unwrap();
        ask_unconnected(&socket, server.address, b"marked");
        socket.connect(server.address).unwrap();
        ask_connected(&socket, b"connected");
        assert!(agent.saw_nothing());
        let stats = agent.redirect.stats().unwrap();
        assert_eq!(stats, SteeringStats { direct_marked_socket: 2, ..SteeringStats::default() });
    });
}

#[test]
fn a_paused_or_silent_agent_steers_nothing() {
    isolated(|place| {
        let server = UdpServer::start(place.v4);
        let (redirect, _listeners) = attach(place, server.address.port()).unwrap();
        let socket = client(server.address);
        ask_unconnected(&socket, server.address, b"no beat yet");
        redirect.beat().unwrap();
        redirect.set_paused(true).unwrap();
        ask_unconnected(&socket, server.address, b"paused");
        let stats = redirect.stats().unwrap();
        assert_eq!((stats.direct_stale_heartbeat, stats.direct_paused, stats.steered_udp), (1, 1, 0));
    });
}

#[test]
fn after_the_stop_new_datagrams_go_direct_and_late_answers_keep_their_source() {
    isolated(|place| {
        let server = UdpServer::start(place.v4);
        let mut agent = UdpAgent::start(place, server.address.port());
        let open = client(server.address);
        open.connect(server.address).unwrap();
        let asks = client(server.address);
        asks.send_to(b"late", server.address).unwrap();
        agent.seen.recv_timeout(ANSWER).unwrap();
        agent.redirect.stop_steering();
        let mut buffer = [0; 16];
        assert_eq!(asks.recv_from(&mut buffer).unwrap(), (4, server.address));
        assert_eq!(open.peer_addr().unwrap(), server.address);
        ask_connected(&open, b"steered before");
        ask_unconnected(&client(server.address), server.address, b"direct");
        assert_eq!(agent.seen.try_iter().count(), 1);
    });
}

#[test]
fn a_second_agent_for_a_port_of_udp_is_refused() {
    isolated(|place| {
        let (_first, _listeners) = attach(place, 53).unwrap();
        // The same port of TCP is another one.
        Setup::new(place).egress(53).attach().unwrap();
        let error = attach(place, 53).unwrap_err();
        assert!(
            matches!(error, RedirectError::AlreadySteered { direction: Direction::EgressUdp, port: 53, .. }),
            "{error}"
        );
    });
}
