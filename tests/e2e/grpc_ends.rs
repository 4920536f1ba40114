//! Calls that end roughly: the server breaks off an answer, refuses a call, says goodbye, or is gone.

use std::collections::BTreeMap;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::rpc::{self, Calls, Server};
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::world::{Family, World};

use crate::grpc_counts::Side;
use crate::{Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("grpc_ends::are_told_apart_for_servers", are_told_apart_for_servers),
    privileged("grpc_ends::are_told_apart_for_clients", are_told_apart_for_clients),
];

const ROUNDS: u64 = 3;

/// The only method: its first call is answered, so it is known.
const METHOD: &str = "flowfold.test.Rough/Call";

/// A word that the server obeys, the status that it has for clients, and the `error.type` of each side (server, client).
const ENDS: [(&str, &str, &str, &str); 13] = [
    ("fine", "OK", "", ""),
    ("large", "OK", "", ""),
    ("hold", "OK", "", ""),
    ("trailers only", "NOT_FOUND", "", "NOT_FOUND"),
    ("http 503", "UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"),
    ("reset internal", "INTERNAL", "stream_reset", "stream_reset"),
    ("reset cancel", "CANCELLED", "stream_reset", "stream_reset"),
    ("reset calm", "RESOURCE_EXHAUSTED", "stream_reset", "stream_reset"),
    ("reset behind a message", "INTERNAL", "stream_reset", "stream_reset"),
    ("reset refused", "UNAVAILABLE", "refused", "refused"),
    ("go away", "UNAVAILABLE", "refused", "refused"),
    ("close", "UNAVAILABLE", "server_closed", "server_closed"),
    ("kill", "UNAVAILABLE", "server_reset", "server_reset"),
];

fn are_told_apart_for_servers() {
    let world = World::new();
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/GRPC>");
    let address = world.host_address(Family::V4, 9080);
    let server = Server::start(&world, |python| world.steered(python), "rough_server", address);
    let calls = rpc::client(|python| world.remote(python), "rough_client", address, ROUNDS);
    agree(&agent, Side::Server, &calls, &server.stop());
    agent.stop();
}

fn are_told_apart_for_clients() {
    let world = World::new();
    let agent = Agent::steering(&world, "<Egress/9080/TCP/AUTO>");
    let address = world.client_address(Family::V4, 9080);
    let server = Server::start(&world, |python| world.remote(python), "rough_server", address);
    let calls = rpc::client(|python| world.steered(python), "rough_client", address, ROUNDS);
    agree(&agent, Side::Client, &calls, &server.stop());
    agent.stop();
}

/// The accounts are kept by the word that each call sent; the agent sees one method.
fn agree(agent: &Agent<'_>, side: Side, client: &Calls, server: &Calls) {
    let total = client.total();
    let all = |scrape: &Scrape| scrape.count(side.count(), &[]) == total;
    let scrape = agent.scrape_until("all calls to be counted", all);
    let mut expected: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (word, status, for_server, for_client) in ENDS {
        let times = client.ended.get(&(word.to_owned(), status.to_owned())).copied().unwrap_or_default();
        assert!(times >= ROUNDS, "{word}: the client says {:?}", client.ended);
        let of_server: u64 = server.ended.iter().filter(|((told, _), _)| told == word).map(|(_, times)| times).sum();
        assert_eq!(of_server, times, "{word}: the server says {:?}", server.ended);
        let kind = if side == Side::Server { for_server } else { for_client };
        *expected.entry((status, kind)).or_default() += times;
    }
    for ((status, kind), times) in &expected {
        let labels = [("rpc_method", METHOD), ("rpc_response_status_code", *status)];
        let typed = scrape.by_label(side.count(), "error_type", &labels);
        let found = typed.get(*kind).copied().unwrap_or_default();
        assert!((found - *times as f64).abs() < f64::EPSILON, "{times} of {status} {kind:?}, not {typed:?}");
    }
    // nothing is left for any other status or error type
    assert_eq!(expected.values().sum::<u64>(), total);
    // what the server has sent was on the wire, whatever the client has made of it
    for (direction, messages) in [("client_to_server", &server.from_client), ("server_to_client", &server.from_server)]
    {
        let sum = messages.values().sum();
        scrape.expect("flowfold_rpc_messages_total", &[("side", direction), ("rpc_method", METHOD)], sum);
    }
    for class in ["opaque", "unparsed"] {
        scrape.expect("flowfold_bytes_total", &[("class", class)], 0);
    }
}
