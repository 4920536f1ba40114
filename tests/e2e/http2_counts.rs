//! Every request of HTTP/2 is counted once, and every byte.

use flowfold_e2e::account::Account;
use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::curl::{self, Version};
use flowfold_e2e::peers::nghttpx::Nghttpx;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::peers::{KINDS, h2load, without_content};
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::world::{Family, World};

use crate::{Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("http2_counts::of_load_generators", of_load_generators),
    privileged("http2_counts::of_egress", of_egress),
    privileged("http2_counts::after_an_upgrade", after_an_upgrade),
];

const COUNT: &str = "http_server_request_duration_seconds_count";

fn of_load_generators() {
    let world = World::new();
    let nginx = Nginx::start_http2(&world, &[9080]);
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/AUTO>");
    let paths = ["/200", "/404", "/503", "/302", "/204", "/500", "/index.html"];
    let mut received = 0;
    let mut by_class = [0; 4];
    // one connection with many streams, many with some, and more requests than streams on each
    for (family, shape) in [(Family::V4, [1, 100, 20_003]), (Family::V6, [16, 16, 40_000])] {
        let server = world.host_address(family, 9080);
        let load = h2load::load(world.remote("h2load"), server, &paths, shape);
        received += load.received;
        by_class.iter_mut().zip(load.by_class).for_each(|(sum, count)| *sum += count);
    }
    let account = nginx.account(60_003);
    let classes = [2, 3, 4, 5].map(|class| {
        let of_class = account.answered.iter().filter(|((_, status), _)| status / 100 == class);
        of_class.map(|(_, times)| times).sum::<u64>()
    });
    assert_eq!(classes, by_class, "nginx and h2load agree");
    let all_bytes = |scrape: &Scrape| {
        scrape.count("flowfold_bytes_total", &[("side", "server_to_client")]) == received
            && scrape.count(COUNT, &[]) == 60_003
    };
    agree(&agent.scrape_until("all answers to be counted", all_bytes), COUNT, &account);
    agent.stop();
}

fn of_egress() {
    let world = World::new();
    let nginx = Nginx::start_http2(&world, &[9080]);
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>,<Egress/9080/TCP/HTTP>");
    let server = world.host_address(Family::V4, 9080);
    let mut account = Account::default();
    for kind in without_content().chain(without_content()) {
        account += &curl::load_by(Version::Http2, world.steered("curl"), server, kind, 1);
    }
    assert_eq!(nginx.account(20).answered, account.answered, "nginx has seen what curl sent");
    let client = "http_client_request_duration_seconds_count";
    let scrape = agent.scrape_until("all to be counted", |scrape| scrape.count(client, &[]) == 20);
    agree(&scrape, client, &account);
    agree(&scrape, COUNT, &account);
    agent.stop();
}

/// The first request of each connection is one of HTTP/1.1, whose answer comes as that of stream 1 (RFC 7540, section 3.2).
fn after_an_upgrade() {
    let world = World::new();
    let _nginx = Nginx::start(&world, &[9081]);
    let _nghttpx = Nghttpx::start(&world, 9080, 9081);
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>");
    let server = world.host_address(Family::V4, 9080);
    let mut account = Account::default();
    for kind in KINDS.into_iter().filter(|kind| kind.method == "GET" || kind.method == "DELETE") {
        account += &curl::load_by(Version::Upgrade, world.remote("curl"), server, kind, 4);
    }
    let total = account.requests();
    let scrape = agent.scrape_until("all to be counted", |scrape| scrape.count(COUNT, &[]) == total);
    agree(&scrape, COUNT, &account);
    agent.stop();
}

fn agree(scrape: &Scrape, count: &str, account: &Account) {
    let mut other = 0;
    for ((method, status), times) in &account.answered {
        if method == "BREW" {
            other += times;
            continue;
        }
        let status = status.to_string();
        let labels = [
            ("http_request_method", method.as_str()),
            ("http_response_status_code", status.as_str()),
            ("network_protocol_version", "2"),
        ];
        scrape.expect(count, &labels, *times);
    }
    scrape.expect(count, &[("http_request_method", "_OTHER"), ("network_protocol_version", "2")], other);
    scrape.expect(count, &[], account.requests());
    for class in ["opaque", "unparsed"] {
        scrape.expect("flowfold_bytes_total", &[("class", class)], 0);
    }
}
