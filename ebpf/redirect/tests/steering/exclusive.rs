//! One agent per port.

use std::fs;
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;

use flowfold_redirect::{Direction, RedirectError, owners};

use crate::agent::Setup;
use crate::isolated::{enter_new_namespace, isolated};
use crate::server::{ANSWER, Server, echo};

#[test]
fn a_second_agent_for_a_port_is_refused_and_told_by_whom() {
    isolated(|place| {
        let (first, _listeners) = Setup::new(place).ingress(80).egress(443).attach().unwrap();
        assert!(first.is_alone());
        for (setup, wanted) in [
            (Setup::new(place).ingress(8080).ingress(80), (Direction::Ingress, 80)),
            (Setup::new(place).egress(443), (Direction::Egress, 443)),
        ] {
            let error = setup.attach().unwrap_err();
            let RedirectError::AlreadySteered { port, direction, pid, description, .. } = &error else {
                panic!("{error}")
            };
            assert_eq!((*direction, *port), wanted);
            assert_eq!((*pid, description.as_str()), (std::process::id(), "a test's agent"));
        }
        // The other way round the ports are free.
        Setup::new(place).ingress(443).egress(80).attach().unwrap();
        drop(first);
        Setup::new(place).ingress(80).egress(443).attach().unwrap();
    });
}

#[test]
fn outgoing_connections_are_shared_out_by_cgroup() {
    isolated(|place| {
        let [left, right] = ["left", "right"].map(|name| {
            let path = place.cgroup.join(name);
            fs::create_dir(&path).unwrap();
            Setup { cgroup: path, ..Setup::new(place).egress(80) }
        });
        let _first = left.attach().unwrap();
        let _beside = right.attach().unwrap();
        let above = Setup::new(place).egress(80).attach().unwrap_err();
        assert!(matches!(above, RedirectError::AlreadySteered { direction: Direction::Egress, port: 80, .. }));
    });
}

#[test]
fn another_namespace_has_ports_of_its_own() {
    isolated(|place| {
        let (_here, _listeners) = Setup::new(place).ingress(80).egress(80).attach().unwrap();
        let there = Setup::new(place).ingress(80).egress(80);
        thread::spawn(move || {
            enter_new_namespace();
            there.attach().unwrap();
        })
        .join()
        .unwrap();
    });
}

#[test]
fn of_agents_that_start_at_once_one_goes_on() {
    isolated(|place| {
        let (start, end) = (Barrier::new(4), Barrier::new(4));
        let attached = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let setup = Setup::new(place).ingress(80);
                        start.wait();
                        let outcome = setup.attach();
                        end.wait();
                        outcome.is_ok()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|&attached| attached).count()
        });
        assert_eq!(attached, 1);
    });
}

#[test]
fn an_agent_that_stops_leaves_its_ports_to_the_next() {
    isolated(|place| {
        let server = Server::start(place.v4);
        let setup = Setup::new(place).ingress(server.port()).egress(server.port());
        let first = setup.start();
        let open = TcpStream::connect(server.address).unwrap();
        first.seen.recv_timeout(ANSWER).unwrap();
        first.redirect().stop_steering();
        let second = setup.start();
        echo(&TcpStream::connect(server.address).unwrap());
        second.seen.recv_timeout(ANSWER).unwrap();
        assert_eq!(open.peer_addr().unwrap(), server.address);
        echo(&open);
        assert!(first.saw_nothing() && second.saw_nothing());
    });
}

#[test]
fn owners_are_listed() {
    isolated(|place| {
        let (_redirect, _listeners) = Setup::new(place).ingress(80).ingress(8080).egress(65535).attach().unwrap();
        let mine: Vec<_> = owners().unwrap().into_iter().filter(|owner| owner.pid == std::process::id()).collect();
        assert_eq!(mine.len(), 1, "{mine:?}");
        assert_eq!(
            (mine[0].ingress.as_slice(), mine[0].egress.as_slice()),
            ([80, 8080].as_slice(), [65535].as_slice())
        );
    });
}
