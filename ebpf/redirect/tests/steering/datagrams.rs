//! Datagrams that pass by.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;

use flowfold_redirect::{Direction, Plan, RedirectError, SteeringStats};
use rustix::event::epoll;
use rustix::time::Timespec;

use crate::agent::Setup;
use crate::datagram_watch::{UdpServer, Watch, ask, ask_connected, attach, both_ways, client, plan};
use crate::isolated::{Place, isolated, on_one_processor};
use crate::server::ANSWER;

fn copies(place: &Place, listen_on: IpAddr, asked: IpAddr) {
    let server = UdpServer::start(listen_on);
    let asked = SocketAddr::new(asked, server.address.port());
    let mut watch = Watch::start(place, asked.port());
    let connected = client(asked);
    connected.connect(asked).unwrap();
    let unconnected = client(asked);
    ask_connected(&connected, b"connected");
    ask(&unconnected, asked, b"unconnected");
    ask(&unconnected, asked, b"once more");

    let copies = watch.copies();
    let texts: [&[u8]; 6] = [b"connected", b"connected", b"unconnected", b"unconnected", b"once more", b"once more"];
    assert_eq!(copies.len(), texts.len());
    for (at, (copy, text)) in copies.iter().zip(texts).enumerate() {
        let socket = if at < 2 { &connected } else { &unconnected };
        assert_eq!((&copy.payload[..], copy.bytes as usize, copy.is_from_server), (text, text.len(), at % 2 == 1));
        assert_eq!(copy.server, SocketAddr::new(asked.ip().to_canonical(), asked.port()));
        assert_eq!(copy.client.port(), socket.local_addr().unwrap().port());
        assert_eq!(copy.client.is_ipv4(), copy.server.is_ipv4());
        assert_eq!(copy.socket, rustix::net::sockopt::socket_cookie(socket).unwrap());
        let process = watch.redirect.lookups().udp_client(copy.socket).unwrap();
        assert_eq!(process.pid, std::process::id());
    }
    for socket in [&connected, &unconnected, &unconnected] {
        let seen = server.clients.recv_timeout(ANSWER).unwrap();
        assert_eq!(seen.port(), socket.local_addr().unwrap().port(), "nobody is in between");
    }
    assert_eq!(watch.redirect.stats().unwrap(), SteeringStats::default());
}

#[test]
fn copies_ipv4() {
    isolated(|place| copies(place, place.v4, place.v4));
}

#[test]
fn copies_ipv6() {
    isolated(|place| copies(place, place.v6, place.v6));
}

#[test]
fn copies_v4_mapped() {
    isolated(|place| {
        let IpAddr::V4(v4) = place.v4 else { panic!("{}", place.v4) };
        copies(place, place.v4, v4.to_ipv6_mapped().into());
    });
}

#[test]
fn one_socket_asks_several_servers() {
    isolated(|place| {
        let first = UdpServer::start(place.v4);
        let port = first.address.port();
        let second = UdpServer::beside(&first);
        let mut watch = Watch::start(place, port);
        let socket = client(first.address);
        for server in [&first, &second, &first, &second] {
            ask(&socket, server.address, b"whose is it");
            assert_eq!(watch.servers(), both_ways(server.address));
        }
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
            let mut watch = Watch::start(place, server.address.port());
            let socket = client(server.address);
            socket.connect(SocketAddr::new(unspecified, server.address.port())).unwrap();
            ask_connected(&socket, b"here");
            assert_eq!(watch.servers(), both_ways(server.address));
        }
    });
}

#[test]
fn the_same_port_of_tcp_and_other_ports_are_not_looked_at() {
    isolated(|place| {
        let named = UdpServer::start(place.v4);
        let other = UdpServer::start(place.v4);
        let tcp = TcpListener::bind(named.address).unwrap();
        let mut watch = Watch::start(place, named.address.port());
        let connection = TcpStream::connect(named.address).unwrap();
        assert_eq!(tcp.accept().unwrap().1, connection.local_addr().unwrap());
        ask(&client(other.address), other.address, b"another's");
        // Not even where the socket is known.
        let socket = client(named.address);
        ask(&socket, named.address, b"named");
        assert_eq!(watch.servers(), both_ways(named.address));
        ask(&socket, other.address, b"another's");
        socket.connect(named.address).unwrap();
        ask_connected(&socket, b"named");
        assert_eq!(watch.servers(), both_ways(named.address));
        socket.connect(other.address).unwrap();
        ask_connected(&socket, b"another's");
        assert_eq!(watch.copies(), []);
        assert_eq!(watch.redirect.stats().unwrap(), SteeringStats::default());
    });
}

#[test]
fn of_a_long_datagram_the_beginning_is_copied() {
    isolated(|place| {
        let server = UdpServer::start(place.v6);
        let mut watch = Watch::start(place, server.address.port());
        let socket = client(server.address);
        let text: Vec<u8> = (0..65_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        for length in [1, 63, 64, 65, 128, 129, 512, 513, 2048, 2049, 4095, 4096, 4097, 65_000] {
            ask(&socket, server.address, &text[..length]);
            let copies = watch.copies();
            assert_eq!(copies.len(), 2);
            for copy in copies {
                assert_eq!(copy.bytes as usize, length);
                assert!(copy.payload == text[..length.min(4096)], "{length}");
            }
        }
        // There is nothing to copy.
        ask(&socket, server.address, b"");
        assert_eq!(watch.copies(), []);
    });
}

/// Each processor has a buffer of its own, which are read as one while they are written.
#[test]
fn what_passes_by_on_several_processors_comes_in_its_order() {
    const CLIENTS: usize = 4;
    const ASKED: u32 = 2_000;
    isolated(|place| {
        let first = UdpServer::start(Ipv4Addr::LOCALHOST.into());
        let second = UdpServer::beside(&first);
        let mut watch = Watch::start(place, first.address.port());
        let asked = [first.address, second.address];
        thread::scope(|scope| {
            for number in 0..CLIENTS {
                scope.spawn(move || {
                    let server = asked[number % 2];
                    let socket = client(server);
                    (0..ASKED).for_each(|text| ask(&socket, server, &text.to_be_bytes()));
                });
            }
            // Of each socket, how many questions and answers came.
            let mut came = HashMap::<u64, [u32; 2]>::new();
            let whole = 2 * ASKED * u32::try_from(CLIENTS).unwrap();
            while came.values().flatten().sum::<u32>() < whole {
                for copy in watch.copies() {
                    let [questions, answers] = came.entry(copy.socket).or_default();
                    let (here, other) = if copy.is_from_server { (answers, questions) } else { (questions, answers) };
                    assert_eq!(copy.payload, here.to_be_bytes());
                    *here += 1;
                    assert_eq!(*here, *other + u32::from(!copy.is_from_server), "{} after {}", *here, *other);
                }
                let stats = watch.redirect.stats().unwrap();
                assert_eq!((stats.unread_to_server, stats.unread_to_client), (0, 0));
            }
            assert_eq!(came.len(), CLIENTS);
        });
    });
}

#[test]
fn what_nobody_reads_is_counted_and_passes() {
    isolated(|place| {
        // Each has a buffer of its own.
        on_one_processor();
        let server = UdpServer::start(place.v4);
        let mut watch = Watch::start(place, server.address.port());
        let socket = client(server.address);
        let text = [7; 5000];
        for _ in 0..400 {
            ask(&socket, server.address, &text);
        }
        let copies = watch.copies();
        let stats = watch.redirect.stats().unwrap();
        assert!(stats.unread_to_server > 0 && stats.unread_to_client > 0, "{stats:?}");
        assert_eq!(copies.len() as u64 + stats.unread_to_server + stats.unread_to_client, 800);
        ask(&socket, server.address, b"there is room again");
        assert_eq!(watch.servers(), both_ways(server.address));
    });
}

#[test]
fn what_a_local_server_answers_to_a_named_port_is_not_read() {
    isolated(|place| {
        // A resolver that asks another one from its own port.
        let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        peer.set_read_timeout(Some(ANSWER)).unwrap();
        let to_peer = peer.local_addr().unwrap();
        let server = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 9), to_peer.port())).unwrap();
        let mut watch = Watch::start(place, to_peer.port());
        server.send_to(b"an answer", to_peer).unwrap();
        let mut buffer = [0; 16];
        assert_eq!(peer.recv_from(&mut buffer).unwrap(), (9, server.local_addr().unwrap()));
        server.connect(to_peer).unwrap();
        server.send(b"another").unwrap();
        assert_eq!(peer.recv_from(&mut buffer).unwrap(), (7, server.local_addr().unwrap()));
        assert_eq!(watch.copies(), []);
        let stats = watch.redirect.stats().unwrap();
        assert_eq!(stats, SteeringStats { direct_named_port: 2, ..SteeringStats::default() });
    });
}

/// What tells that the reader is woken.
fn wakers(watch: &Watch) -> std::os::fd::OwnedFd {
    let wakers = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let edges = epoll::EventFlags::IN | epoll::EventFlags::ET;
    for ring in watch.tap.descriptors() {
        epoll::add(&wakers, ring, epoll::EventData::new_u64(0), edges).unwrap();
    }
    wakers
}

/// Whether there is an event at once.
fn is_woken(wakers: &impl std::os::fd::AsFd) -> bool {
    let mut events = [std::mem::MaybeUninit::uninit(); 1];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    !epoll::wait(wakers, &mut events, Some(&at_once)).unwrap().0.is_empty()
}

#[test]
fn the_reader_is_woken_as_the_buffer_fills_up_and_not_again_by_all_that_follows() {
    isolated(|place| {
        on_one_processor();
        let server = UdpServer::start(place.v4);
        let mut watch = Watch::start(place, server.address.port());
        let wakers = wakers(&watch);
        let socket = client(server.address);
        // It is the first of a new process.
        ask(&socket, server.address, b"first");
        assert!(is_woken(&wakers));
        for _ in 0..2 {
            let text = [7; 5000];
            for (more, is_reached) in [(15, false), (10, true), (10, false)] {
                for _ in 0..more {
                    ask(&socket, server.address, &text);
                }
                assert_eq!(is_woken(&wakers), is_reached, "{more}");
            }
            watch.copies();
        }
    });
}

#[test]
fn the_reader_is_woken_for_a_new_process_and_for_answers_if_asked_to() {
    isolated(|place| {
        let server = UdpServer::start(place.v4);
        for prompt_answers in [false, true] {
            let mut watch = Watch::of(&Plan { prompt_answers, ..plan(place, server.address.port()) });
            let wakers = wakers(&watch);
            assert!(!is_woken(&wakers));
            for is_first in [true, false] {
                let socket = client(server.address);
                socket.connect(server.address).unwrap();
                ask_connected(&socket, b"who is it");
                assert_eq!(is_woken(&wakers), is_first || prompt_answers);
                assert_eq!(watch.copies().len(), 2);
            }
        }
    });
}

#[test]
fn after_the_stop_new_sockets_are_not_read_and_late_answers_are() {
    isolated(|place| {
        let server = UdpSocket::bind((place.v4, 0)).unwrap();
        server.set_read_timeout(Some(ANSWER)).unwrap();
        let asked = server.local_addr().unwrap();
        let mut watch = Watch::start(place, asked.port());
        let [early, late] = [(); 2].map(|()| client(asked));
        early.send_to(b"early", asked).unwrap();
        watch.redirect.stop_steering();
        late.send_to(b"late", asked).unwrap();
        let mut buffer = [0; 16];
        for _ in 0..2 {
            let (length, from) = server.recv_from(&mut buffer).unwrap();
            server.send_to(&buffer[..length], from).unwrap();
        }
        assert_eq!(early.recv_from(&mut buffer).unwrap(), (5, asked));
        assert_eq!(late.recv_from(&mut buffer).unwrap(), (4, asked));
        assert_eq!(watch.servers(), both_ways(asked));
    });
}

#[test]
fn a_second_agent_for_a_port_of_udp_is_refused() {
    isolated(|place| {
        let _first = attach(&plan(place, 53)).unwrap();
        // The same port of TCP is another one.
        Setup::new(place).egress(53).attach().unwrap();
        let error = attach(&plan(place, 53)).unwrap_err();
        assert!(
            matches!(error, RedirectError::AlreadySteered { direction: Direction::EgressUdp, port: 53, .. }),
            "{error}"
        );
    });
}
