//! Every request is counted once, and every byte.

use flowfold_e2e::account::Account;
use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::peers::{curl, pipelining, without_content, wrk};
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::world::{Family, World};

use crate::{PEER, Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("counts_exact::load_generators_agree_with_nginx", load_generators_agree_with_nginx),
    privileged("counts_exact::of_ingress", of_ingress),
    privileged("counts_exact::of_egress", of_egress),
];

const CONNECTIONS: u32 = 32;
const DEPTH: usize = 16;

/// Without the agent: what the tests below rely on.
fn load_generators_agree_with_nginx() {
    let world = World::new();
    let nginx = Nginx::start(&world, &[9080]);
    let server = world.host_address(Family::V4, 9080);
    let mut account = wrk::load(&world, world.remote("wrk"), server, CONNECTIONS, 2_003);
    account += &world.client.run(|| pipelining::load(server, 4, 1_300, DEPTH));
    for kind in without_content() {
        account += &curl::load(world.remote("curl"), server, kind, 3);
    }
    assert_eq!(nginx.account(2_003 + 1_300 + 30), account);
}

fn of_ingress() {
    let world = World::new();
    let nginx = Nginx::start(&world, &[9080]);
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>");
    let mut account = Account::default();
    for family in Family::BOTH {
        let server = world.host_address(family, 9080);
        account += &wrk::load(&world, world.remote("wrk"), server, CONNECTIONS, 80_000);
        account += &world.client.run(|| pipelining::load(server, 8, 20_800, DEPTH));
        for kind in without_content() {
            account += &curl::load(world.remote("curl"), server, kind, 10);
        }
    }
    assert!(account.requests() >= 200_000, "{} requests", account.requests());
    let requests = usize::try_from(account.requests()).expect("it fits");
    assert_eq!(nginx.account(requests), account, "nginx has seen what the clients sent");
    let scrape =
        agent.scrape_until("all bytes to be counted", |scrape| all_bytes(scrape) == account.sent + account.received);
    agree(&scrape, "http_server_request_duration_seconds", "ingress", &account);
    agent.stop();
}

fn of_egress() {
    let world = World::new();
    let nginx = Nginx::start_remote(&world, &[80]);
    let agent = Agent::steering(&world, "<Egress/80/TCP/HTTP>");
    let mut account = Account::default();
    for family in Family::BOTH {
        let server = world.client_address(family, 80);
        account += &wrk::load(&world, world.steered("wrk"), server, CONNECTIONS, 10_000);
        let said = world.steered(PEER).args(["pipelining", &server.to_string(), "4", "5200", "16"]).stdout();
        account += &Account::from_json(&said);
        for kind in without_content() {
            account += &curl::load(world.steered("curl"), server, kind, 3);
        }
    }
    let requests = usize::try_from(account.requests()).expect("it fits");
    assert_eq!(nginx.account(requests), account, "nginx has seen what the clients sent");
    let scrape =
        agent.scrape_until("all bytes to be counted", |scrape| all_bytes(scrape) == account.sent + account.received);
    agree(&scrape, "http_client_request_duration_seconds", "egress", &account);
    agent.stop();
}

fn all_bytes(scrape: &Scrape) -> u64 {
    scrape.count("flowfold_bytes_total", &[])
}

fn agree(scrape: &Scrape, family: &str, direction: &str, account: &Account) {
    let count = format!("{family}_count");
    let mut other = 0;
    for ((method, status), times) in &account.answered {
        if method == "BREW" {
            other += times;
            continue;
        }
        let status = status.to_string();
        scrape.expect(&count, &[("http_request_method", method), ("http_response_status_code", &status)], *times);
    }
    scrape.expect(&count, &[("http_request_method", "_OTHER"), ("http_response_status_code", "418")], other);
    scrape.expect(&count, &[], account.requests());
    scrape.expect(&format!("{family}_bucket"), &[("le", "+Inf")], account.requests());
    scrape.expect("flowfold_exchanges_total", &[("direction", direction)], account.requests());
    for (side, bytes) in [("client_to_server", account.sent), ("server_to_client", account.received)] {
        scrape.expect("flowfold_bytes_total", &[("side", side)], bytes);
        for class in ["opaque", "unparsed"] {
            scrape.expect("flowfold_bytes_total", &[("side", side), ("class", class)], 0);
        }
    }
    // server errors have a type, which for these is their status
    let failed: u64 = account.answered.iter().filter(|((_, status), _)| *status >= 500).map(|(_, times)| times).sum();
    let typed = scrape.by_label(&count, "error_type", &[]);
    let fives: f64 = typed.iter().filter(|(kind, _)| kind.starts_with('5')).map(|(_, times)| times).sum();
    assert!((fives - failed as f64).abs() < f64::EPSILON, "{failed} failed: {typed:?}");
}
