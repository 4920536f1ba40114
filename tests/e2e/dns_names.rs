//! Names that clients look up name the servers that they then connect to.

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::dns::{ALIAS, Dnsmasq, SERVED, dig};
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::world::{Family, World};

use crate::{Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged(
        "dns_names::servers_have_the_names_that_clients_asked_for",
        servers_have_the_names_that_clients_asked_for,
    ),
    privileged("dns_names::names_are_off_unless_asked_for", names_are_off_unless_asked_for),
];

const RULES: &str = "visibility: [<Egress/53/UDP/DNS>, <Egress/53/TCP/DNS>, <Egress/80/TCP/HTTP>]\n";

/// The family that curl's requests feed.
const REQUESTS: &str = "http_client_request_duration_seconds_count";

/// How many connections curl makes to each name.
const TIMES: u64 = 50;

/// Lets curl ask for pages of this name, with its own lookup and connection for each, by both versions of IP.
fn fetch(world: &World, name: &str) {
    let resolv_conf = world.directory().join("resolv.conf");
    let server = world.client_address(Family::V4, 53).ip();
    std::fs::write(&resolv_conf, format!("nameserver {server}\n")).expect("a file");
    let script = format!(
        r#"mount --bind "$1" "$(readlink -f /etc/resolv.conf)" || exit
        for i in $(seq {}); do
            for version in -4 -6; do curl $version -sS --max-time 20 -o /dev/null "http://$2/200" || exit; done
        done; echo done"#,
        TIMES / 2
    );
    let shell = world.steered("unshare").args(["--mount", "sh", "-c", &script, "sh"]);
    assert_eq!(shell.arg(&resolv_conf).arg(name).stdout().trim(), "done");
}

fn requests(scrape: &Scrape) -> u64 {
    scrape.count(REQUESTS, &[])
}

fn servers_have_the_names_that_clients_asked_for() {
    let world = World::new();
    let _server = Dnsmasq::start(&world);
    let _nginx = Nginx::start_remote(&world, &[80]);
    let agent = Agent::configured(&world, &format!("{RULES}max_destination_names: 2"));
    fetch(&world, SERVED);
    // Somebody else's lookups name nothing of curl's.
    for family in Family::BOTH {
        let kind = if family == Family::V4 { "A" } else { "AAAA" };
        let answer = dig(world.steered("dig"), world.client_address(family, 53), &[ALIAS, kind]);
        assert!(answer.contains(&world.client_address(family, 53).ip().to_string()), "{answer}");
    }
    fetch(&world, SERVED);
    let scrape = agent.scrape_until("every request to be told", |scrape| requests(scrape) == 2 * TIMES);
    for family in Family::BOTH {
        let ip = world.client_address(family, 80).ip().to_string();
        let labels = [("destination_workload", &*ip), ("source_workload", "curl"), ("destination_name", SERVED)];
        scrape.expect(REQUESTS, &labels, TIMES);
    }
    // curl and dig know two addresses each.
    scrape.expect("flowfold_destination_addresses", &[], 4);

    // An alias is what was asked for, and what it stands for is not.
    fetch(&world, ALIAS);
    let scrape = agent.scrape_until("every request to be told", |scrape| requests(scrape) == 3 * TIMES);
    scrape.expect(REQUESTS, &[("destination_name", ALIAS)], TIMES);
    scrape.expect(REQUESTS, &[("destination_name", SERVED)], 2 * TIMES);
    agent.stop();
}

fn names_are_off_unless_asked_for() {
    let world = World::new();
    let _server = Dnsmasq::start(&world);
    let _nginx = Nginx::start_remote(&world, &[80]);
    let agent = Agent::configured(&world, RULES);
    fetch(&world, SERVED);
    let scrape = agent.scrape_until("every request to be told", |scrape| requests(scrape) == TIMES);
    assert!(!scrape.text().contains("destination_name="), "{scrape}");
    scrape.expect("flowfold_destination_addresses", &[], 0);
    scrape.expect("flowfold_destination_addresses_limit", &[], 0);
    agent.stop();
}
