//! Both ends see each other, not the agent.

use std::net::SocketAddr;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::eventually::until;
use flowfold_e2e::http;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::world::{Family, World};

use crate::{PEER, Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("peername::nginx_sees_its_client", nginx_sees_its_client),
    privileged("peername::a_dual_stack_server_sees_its_client", a_dual_stack_server_sees_its_client),
    privileged("peername::a_client_sees_whom_it_asked_for", a_client_sees_whom_it_asked_for),
];

const REQUESTS: &str = "http_server_request_duration_seconds_count";

fn nginx_sees_its_client() {
    let world = World::new();
    let nginx = Nginx::start(&world, &[9080]);
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>");
    let mut clients = Vec::new();
    for family in Family::BOTH {
        let remote = world.client.run(|| http::get(world.host_address(family, 9080), "/200")).expect("from outside");
        let local = world.host.run(|| http::get(world.loopback(family, 9080), "/200")).expect("over loopback");
        let own = world.host.run(|| http::get(world.host_address(family, 9080), "/200")).expect("over its own address");
        clients.extend([remote.local, local.local, own.local]);
    }
    let seen: Vec<SocketAddr> = nginx.logged(clients.len()).iter().map(|entry| entry.client).collect();
    assert_eq!(seen, clients);
    let scrape = agent.scrape_until("all requests to be counted", |scrape| scrape.count(REQUESTS, &[]) == 6);
    scrape.expect("flowfold_connections_opened_total", &[("direction", "ingress")], 6);
    agent.stop();
}

fn a_dual_stack_server_sees_its_client() {
    let world = World::new();
    let mut server = world.steered(PEER).args(["serve-names", "[::]:9080"]).start(world.directory(), "server");
    until("the server to listen", || {
        assert!(server.ended().is_none(), "the server ended: {}", server.stderr());
        world.host.run(|| http::get(world.loopback(Family::V4, 9080), "/").is_ok())
    });
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>");
    for family in Family::BOTH {
        let answer = world.client.run(|| http::get(world.host_address(family, 9080), "/")).expect("an answer");
        let mapped = match answer.local {
            SocketAddr::V4(v4) => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
            v6 @ SocketAddr::V6(_) => v6,
        };
        assert_eq!(answer.text(), format!("{mapped} {mapped}"), "accept() and getpeername()");
    }
    agent.scrape_until("both requests to be counted", |scrape| scrape.count(REQUESTS, &[]) == 2);
    agent.stop();
}

fn a_client_sees_whom_it_asked_for() {
    let world = World::new();
    let remote = Nginx::start_remote(&world, &[80]);
    let local = Nginx::start(&world, &[80]);
    let agent = Agent::steering(&world, "<Egress/80/TCP/HTTP>");
    let mut asked = Vec::new();
    for family in Family::BOTH {
        asked.extend([world.client_address(family, 80), world.loopback(family, 80)]);
    }
    let SocketAddr::V4(remote_v4) = world.client_address(Family::V4, 80) else { unreachable!("it is of version 4") };
    // a socket of IPv6 that connects to a mapped address speaks IPv4
    asked.push(SocketAddr::new(remote_v4.ip().to_ipv6_mapped().into(), 80));
    for server in &asked {
        let said = world.steered(PEER).args(["names", &server.to_string()]).stdout();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[1], server.to_string(), "getpeername() of the client");
        assert_eq!(lines[2], "this is 200", "the answer");
    }
    assert_eq!((remote.logged(3).len(), local.logged(2).len()), (3, 2), "each request reached the server it was for");
    let scrape = agent.scrape_until("all requests to be counted", |scrape| {
        scrape.count("http_client_request_duration_seconds_count", &[]) == asked.len() as u64
    });
    scrape.expect("flowfold_connections_opened_total", &[("direction", "egress")], asked.len() as u64);
    agent.stop();
}
