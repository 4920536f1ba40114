//! Whatever is sent arrives as it was sent, ends as it was ended, and is counted.

use std::net::TcpListener;
use std::thread;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::streams::{End, Suite, play_client, play_server};
use flowfold_e2e::world::{Family, World};

use crate::{PEER, Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("bytes_exact::of_ingress", of_ingress),
    privileged("bytes_exact::of_egress", of_egress),
    privileged("bytes_exact::of_http2", of_http2),
];

const CASES: u64 = 400;

fn of_ingress() {
    let world = World::new();
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>,<Ingress/9081/TCP/AUTO>");
    let any = Suite::any;
    let places = [(Family::V4, 9080, any(11)), (Family::V6, 9080, any(12)), (Family::V4, 9081, any(13))];
    let listeners = places.map(|(family, port, _)| {
        let server = world.host_address(family, port);
        world.host.run(|| TcpListener::bind(server)).expect("the port is free")
    });
    let mut expected = Expected::default();
    // those that end in order come first: until one is reset, every byte is certain
    for reset in [false, true] {
        for ((family, port, suite), listener) in places.iter().zip(&listeners) {
            let numbers = suite.numbers(CASES, reset);
            thread::scope(|scope| {
                scope.spawn(|| play_server(listener, *suite, &numbers));
                world.client.run(|| play_client(world.host_address(*family, *port), *suite, &numbers));
            });
            expected.add(*suite, &numbers);
        }
        expected.hold(&agent);
    }
    agent.stop();
}

fn of_egress() {
    let world = World::new();
    let agent = Agent::steering(&world, "<Egress/9080/TCP/HTTP>");
    let places = [(Family::V4, Suite::any(21)), (Family::V6, Suite::any(22))];
    let listeners = places.map(|(family, _)| {
        let server = world.client_address(family, 9080);
        world.client.run(|| TcpListener::bind(server)).expect("the port is free")
    });
    let mut expected = Expected::default();
    for reset in [false, true] {
        for ((family, suite), listener) in places.iter().zip(&listeners) {
            let numbers = suite.numbers(CASES / 2, reset);
            let server = world.client_address(*family, 9080).to_string();
            let client = world.steered(PEER).args(["streams", &server, &suite.seed.to_string()]);
            let client = client.args(numbers.iter().map(u64::to_string));
            thread::scope(|scope| {
                scope.spawn(|| play_server(listener, *suite, &numbers));
                client.stdout();
            });
            expected.add(*suite, &numbers);
        }
        expected.hold(&agent);
    }
    agent.stop();
}

fn of_http2() {
    let world = World::new();
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/AUTO>");
    let server = world.host_address(Family::V4, 9080);
    let listener = world.host.run(|| TcpListener::bind(server)).expect("the port is free");
    let mut expected = Expected::default();
    for reset in [false, true] {
        let suite = Suite::http2(41);
        let numbers = suite.numbers(2 * CASES, reset);
        thread::scope(|scope| {
            scope.spawn(|| play_server(&listener, suite, &numbers));
            world.client.run(|| play_client(server, suite, &numbers));
        });
        expected.add(suite, &numbers);
        expected.hold(&agent);
    }
    let read = agent.scrape().count("flowfold_bytes_total", &[("class", "parsed")]);
    assert!(read > 0, "some of it is HTTP/2 that can be read");
    agent.stop();
}

/// What the agent must have counted after some cases.
#[derive(Debug, Default)]
struct Expected {
    connections: u64,
    client_resets: u64,
    server_resets: u64,
    /// From client and server, of connections that ended in order.
    bytes: (u64, u64),
    /// What a reset may have overtaken.
    uncertain: (u64, u64),
}

impl Expected {
    fn add(&mut self, suite: Suite, numbers: &[u64]) {
        for number in numbers {
            let case = suite.case(*number);
            let (client, server) = case.bytes();
            self.connections += 1;
            let sum = match case.reset_by() {
                None => &mut self.bytes,
                Some(end) => {
                    *(if end == End::Client { &mut self.client_resets } else { &mut self.server_resets }) += 1;
                    &mut self.uncertain
                }
            };
            sum.0 += client;
            sum.1 += server;
        }
    }

    fn hold(&self, agent: &Agent<'_>) {
        let over = |scrape: &Scrape| scrape.count("flowfold_connections_total", &[]) == self.connections;
        let scrape = agent.scrape_until("all connections to be over", over);
        scrape.expect("flowfold_connections_total", &[("outcome", "client_reset")], self.client_resets);
        // a server that resets at once may do so before the agent has seen that it is connected
        let by_server = ["server_reset", "connect_failed"];
        let by_server = by_server.map(|outcome| scrape.count("flowfold_connections_total", &[("outcome", outcome)]));
        assert_eq!(by_server.iter().sum::<u64>(), self.server_resets, "{scrape}");
        scrape.expect("flowfold_open_connections", &[], 0);
        let sides = [
            ("client_to_server", self.bytes.0, self.uncertain.0),
            ("server_to_client", self.bytes.1, self.uncertain.1),
        ];
        for (side, certain, uncertain) in sides {
            let counted = scrape.count("flowfold_bytes_total", &[("side", side)]);
            let possible = certain..=certain + uncertain;
            assert!(possible.contains(&counted), "{side}: {counted} bytes of {possible:?}\n{scrape}");
        }
        for sample in scrape.matching("flowfold_bytes_total", &[]) {
            assert_eq!(sample.labels["class"] == "unparsed", sample.labels.contains_key("reason"), "{sample:?}");
        }
    }
}
