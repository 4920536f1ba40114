//! When not everything is in one cgroup and one network namespace.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::agent::Setup;
use crate::isolated::{FAR, NEAR, Place, enter_cgroup, enter_new_namespace, from_afar, isolated, play_with};
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
        let asked = SocketAddr::from((NEAR, server.port()));
        let address = from_afar(move || {
            let client = TcpStream::connect(asked).unwrap();
            echo(&client);
            client.local_addr().unwrap()
        });
        assert_eq!(address.ip(), FAR);
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
