//! An agent that is asked to end lets open exchanges finish, up to its deadline.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::eventually::until;
use flowfold_e2e::http;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::peers::slow::{CONTENT, SlowServer};
use flowfold_e2e::world::{Family, World};
use rustix::process::Signal;

use crate::{Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("draining::exchanges_in_flight_finish", exchanges_in_flight_finish),
    privileged("draining::idle_connections_hold_nothing_up", idle_connections_hold_nothing_up),
    privileged("draining::the_deadline_is_kept", the_deadline_is_kept),
];

fn exchanges_in_flight_finish() {
    let world = World::new();
    let nginx = Nginx::start(&world, &[9081]);
    let agent =
        Agent::steering_with(&world, "<Ingress/9080/TCP/HTTP>,<Ingress/9081/TCP/HTTP>", &["--drain-timeout", "60s"]);
    let address = world.host_address(Family::V4, 9080);
    let slow = SlowServer::start(&world.host, address);
    thread::scope(|scope| {
        let client = scope.spawn(|| world.client.run(|| http::get(address, "/slow")));
        slow.wait_half_way();
        agent.signal(Signal::TERM);
        until("the agent not to be ready any more", || agent.get("/readyz", &[]).status != 200);
        let other = world.host_address(Family::V4, 9081);
        world.client.run(|| http::get(other, "/200")).expect("new connections go direct");
        assert_eq!(agent.scrape().count("flowfold_connections_opened_total", &[]), 1, "and are not relayed");
        slow.finish();
        let answer = client.join().expect("the client has no trouble").expect("the whole answer");
        assert_eq!(answer.text(), [CONTENT.0, CONTENT.1].concat());
    });
    assert_eq!(nginx.logged(1).len(), 1);
    let status = agent.ended();
    assert!(status.success(), "{status}");
}

fn idle_connections_hold_nothing_up() {
    let world = World::new();
    let _nginx = Nginx::start(&world, &[9080]);
    let agent = Agent::steering_with(&world, "<Ingress/9080/TCP/HTTP>", &["--drain-timeout", "10m"]);
    let server = world.host_address(Family::V4, 9080);
    let mut idle = world.client.run(|| TcpStream::connect(server)).expect("the server is there");
    let mut answer = [0; 16];
    idle.write_all(b"GET /200 HTTP/1.1\r\nHost: a\r\n\r\n").expect("it is open");
    idle.read_exact(&mut answer).expect("an answer comes");
    agent.scrape_until("the exchange to be over", |scrape| scrape.count("flowfold_exchanges_total", &[]) == 1);
    agent.stop();
}

fn the_deadline_is_kept() {
    let world = World::new();
    let agent = Agent::steering_with(&world, "<Ingress/9080/TCP/HTTP>", &["--drain-timeout", "300ms"]);
    let address = world.host_address(Family::V4, 9080);
    let slow = SlowServer::start(&world.host, address);
    thread::scope(|scope| {
        let client = scope.spawn(|| world.client.run(|| http::get(address, "/slow")));
        slow.wait_half_way();
        agent.signal(Signal::TERM);
        let status = agent.ended();
        assert!(status.success(), "{status}");
        let answer = client.join().expect("the client has no trouble");
        assert!(answer.is_err(), "half an answer must not look like a whole one: {answer:?}");
    });
    drop(slow);
}
