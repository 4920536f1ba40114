//! Every gRPC call is counted once, under its method and status, and every message.

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::rpc::{self, Calls, Server};
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::world::{Family, World};

use crate::{Test, privileged};

pub(crate) const TESTS: &[Test] =
    &[privileged("grpc_counts::of_ingress", of_ingress), privileged("grpc_counts::of_egress", of_egress)];

/// No server has this method of the test's clients, so it is never known.
const UNKNOWN_METHOD: &str = "flowfold.test.Calls/Nothing";

/// What is no error on the server's side although it is one for the client (OpenTelemetry, RPC conventions for gRPC).
const NO_ERROR_OF_SERVERS: [&str; 11] = [
    "OK",
    "CANCELLED",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNAUTHENTICATED",
];

/// For whom calls are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

impl Side {
    pub(crate) const fn count(self) -> &'static str {
        match self {
            Self::Server => "rpc_server_call_duration_seconds_count",
            Self::Client => "rpc_client_call_duration_seconds_count",
        }
    }

    fn is_error(self, status: &str) -> bool {
        if self == Self::Server { !NO_ERROR_OF_SERVERS.contains(&status) } else { status != "OK" }
    }
}

fn of_ingress() {
    let world = World::new();
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/GRPC>");
    let server = world.host_address(Family::V4, 9080);
    let peer = Server::start(&world, |python| world.steered(python), "grpcio_server", server);
    let calls = rpc::client(|python| world.remote(python), "grpcio_client", server, 40);
    sees_the_same(&peer.stop(), &calls);
    let scrape = agent.scrape_until("all calls to be counted", |scrape| {
        scrape.count(Side::Server.count(), &[]) == calls.total() && scrape.count("flowfold_open_connections", &[]) == 0
    });
    agree(&scrape, Side::Server, &calls);
    agent.stop();
}

fn of_egress() {
    let world = World::new();
    let agent = Agent::steering(&world, "<Egress/9080/TCP/AUTO>");
    let server = world.client_address(Family::V4, 9080);
    let peer = Server::start(&world, |python| world.remote(python), "grpcio_server", server);
    let calls = rpc::client(|python| world.steered(python), "grpcio_client", server, 10);
    sees_the_same(&peer.stop(), &calls);
    let scrape = agent.scrape_until("all calls to be counted", |scrape| {
        scrape.count(Side::Client.count(), &[]) == calls.total() && scrape.count("flowfold_open_connections", &[]) == 0
    });
    agree(&scrape, Side::Client, &calls);
    agent.stop();
}

/// Without the agent's word: what the server has seen of the calls is what the client has.
fn sees_the_same(server: &Calls, client: &Calls) {
    let mut expected = client.clone();
    // the server sees only that the client is gone, not why, and knows nothing of calls of methods that it lacks
    expected.ended.retain(|(method, _), _| method != UNKNOWN_METHOD);
    expected.from_client.remove(UNKNOWN_METHOD);
    expected.from_server.remove(UNKNOWN_METHOD);
    let told = |calls: &Calls, statuses: &[&str]| -> u64 {
        let some = calls.ended.iter().filter(|((_, status), _)| statuses.contains(&status.as_str()));
        some.map(|(_, times)| times).sum()
    };
    let given_up = ["CANCELLED", "DEADLINE_EXCEEDED", "GONE"];
    assert_eq!(told(server, &given_up), told(&expected, &given_up));
    assert!(told(server, &["GONE"]) > 0, "clients give up in the middle");
    let mut server = server.clone();
    for calls in [&mut server, &mut expected] {
        calls.ended.retain(|(_, status), _| !given_up.contains(&status.as_str()));
    }
    assert_eq!(server, expected);
}

/// The agent has counted what the client has seen.
pub(crate) fn agree(scrape: &Scrape, side: Side, calls: &Calls) {
    let count = side.count();
    for ((method, status), times) in &calls.ended {
        let method = if method == UNKNOWN_METHOD { "_OTHER" } else { method };
        let labels = [("rpc_system_name", "grpc"), ("rpc_method", method), ("rpc_response_status_code", status)];
        scrape.expect(count, &labels, *times);
        let typed = scrape.by_label(count, "error_type", &labels);
        let expected = if side.is_error(status) { status.as_str() } else { "" };
        assert_eq!(typed.keys().collect::<Vec<_>>(), [expected], "{side:?} {method} {status}");
    }
    scrape.expect(count, &[], calls.total());
    for (side, messages) in [("client_to_server", &calls.from_client), ("server_to_client", &calls.from_server)] {
        for (method, times) in messages {
            let method = if method == UNKNOWN_METHOD { "_OTHER" } else { method };
            scrape.expect("flowfold_rpc_messages_total", &[("side", side), ("rpc_method", method)], *times);
        }
    }
    for class in ["opaque", "unparsed"] {
        scrape.expect("flowfold_bytes_total", &[("class", class)], 0);
    }
}
