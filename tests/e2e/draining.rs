//! An agent that is asked to end lets open exchanges finish, up to its deadline.

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
