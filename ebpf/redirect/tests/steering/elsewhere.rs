//! When not everything is in one cgroup and one network namespace.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use crate::agent::Setup;
use crate::isolated::{Place, enter_cgroup, enter_new_namespace, ip, isolated, play_with};
use crate::server::{ANSWER, Server, echo};

const INWARD: u16 = 8080;
const OUTWARD: u16 = 8081;

#[test]
#[ignore = "the part of the steered process in `an_agent_beside_the_steered_cgroup`"]
fn server_and_client() {
    let Some(place) = Place::given() else { return };
    let (inward, outward) = [INWARD, OUTWARD].map(|port| Server::start_at((place.v4, port).into())).into();
    for server in [&inward, &outward] {
        let client = TcpStream::connect(server.address).unwrap();
        assert_eq!(client.peer_addr().unwrap(), server.address);
        echo(&client);
        assert_eq!(server.peer(), client.local_addr().unwrap());
    }
}

#[test]
fn an_agent_beside_the_steered_cgroup() {
    isolated(|place| {
        let [own, steered] = ["own", "steered"].map(|name| {
            let path = place.cgroup.join(name);
            fs::create_dir(&path).unwrap();
            path
        });
        enter_cgroup(&own);
        let place = Place { cgroup: steered, ..*place };
        let agent = Setup::new(&place).ingress(INWARD).egress(OUTWARD).start();
        let mut part = play_with(server_and_client, &place, |_| {});
        assert!(part.process.wait().unwrap().success());
        for local in [Some(INWARD), None] {
            let seen = agent.seen.recv_timeout(ANSWER).unwrap();
            let client = seen.client.or(seen.origin.map(|origin| origin.client)).unwrap();
            assert_eq!(client.pid, part.process.id());
            assert!(local.is_none_or(|port| seen.local.port() == port));
        }
        assert!(agent.saw_nothing());
    });
}

#[test]
fn a_process_outside_of_the_steered_cgroup_connects_direct() {
    isolated(|place| {
        let server = Server::start(place.v4);
        let empty = place.cgroup.join("empty");
        fs::create_dir(&empty).unwrap();
        let agent = Setup { cgroup: empty, ..Setup::new(place).egress(server.port()) }.start();
        let client = TcpStream::connect(server.address).unwrap();
        echo(&client);
        assert_eq!(server.peer(), client.local_addr().unwrap());
        assert!(agent.saw_nothing());
    });
}

#[test]
fn a_client_in_another_namespace_is_shown_to_the_server() {
    isolated(|place| {
        let server = Server::start([0, 0, 0, 0].into());
        let agent = Setup::new(place).ingress(server.port()).start();
        let port = server.port();
        let here = format!("/proc/{}/task/{}/ns/net", std::process::id(), rustix::thread::gettid().as_raw_nonzero());
        let far: IpAddr = [198, 51, 100, 2].into();
        let (sender, asked) = mpsc::channel();
        let client = thread::spawn(move || {
            enter_new_namespace();
            ip(&format!("link add ff0 type veth peer name ff1 netns {here}"));
            ip("addr add 198.51.100.2/24 dev ff0");
            ip("link set ff0 up");
            let _told = sender.send(());
            let client = loop {
                // Until the other end is up there is no route.
                match TcpStream::connect(SocketAddr::from(([198, 51, 100, 1], port))) {
                    Ok(client) => break client,
                    Err(_) => thread::yield_now(),
                }
            };
            echo(&client);
            client.local_addr().unwrap()
        });
        asked.recv_timeout(ANSWER).unwrap();
        ip("addr add 198.51.100.1/24 dev ff1");
        ip("link set ff1 up");
        let address = client.join().unwrap();
        assert_eq!(address.ip(), far);
        assert_eq!(server.peer(), address);
        assert_eq!(agent.seen.recv_timeout(ANSWER).unwrap().peer, address);
    });
}

#[test]
fn two_namespaces_in_one_cgroup_have_an_agent_each() {
    isolated(|place| {
        fn one(place: &Place) -> SocketAddr {
            let server = Server::start_at((place.v4, INWARD).into());
            let agent = Setup::new(place).ingress(INWARD).egress(OUTWARD).start();
            let outward = Server::start_at((place.v4, OUTWARD).into());
            for server in [&server, &outward] {
                let client = TcpStream::connect(server.address).unwrap();
                echo(&client);
                agent.seen.recv_timeout(ANSWER).unwrap();
                assert_eq!(server.peer(), client.local_addr().unwrap());
            }
            // Both agents are attached while the other's connections are made.
            let stats = agent.redirect().stats().unwrap();
            assert_eq!((stats.steered_ingress, stats.steered_egress), (1, 1));
            std::mem::forget(agent);
            server.address
        }
        let there = Place { cgroup: place.cgroup.clone(), ..*place };
        let other = thread::spawn(move || {
            enter_new_namespace();
            one(&there)
        });
        assert_eq!(one(place), other.join().unwrap());
    });
}

#[test]
fn another_namespace_in_the_same_cgroup_is_not_touched() {
    isolated(|place| {
        let server = Server::start(place.v4);
        let port = server.port();
        let agent = Setup::new(place).ingress(port).egress(port).start();
        let v4 = place.v4;
        thread::spawn(move || {
            enter_new_namespace();
            let listener = TcpListener::bind((v4, port)).unwrap();
            let client = TcpStream::connect((v4, port)).unwrap();
            let (_accepted, peer) = listener.accept().unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
            assert_eq!(client.peer_addr().unwrap(), listener.local_addr().unwrap());
        })
        .join()
        .unwrap();
        assert!(agent.saw_nothing());
        assert_eq!(agent.redirect().stats().unwrap().direct_other_namespace, 1);
    });
}
