//! DNS clients that are in use, in front of a server that counts: nothing changes for them, and the counts are equal.

use std::collections::BTreeMap;
use std::fs;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::dns::{Dnsmasq, GONE, LONG_NAME, NAME, dig};
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::world::{Family, World};

use crate::{PEER, Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("dns_clients::dig_by_both_transports", dig_by_both_transports),
    privileged("dns_clients::a_truncated_answer_is_asked_for_again", a_truncated_answer_is_asked_for_again),
    privileged("dns_clients::getaddrinfo", getaddrinfo),
    privileged("dns_clients::a_busy_stub", a_busy_stub),
];

pub(crate) const RULES: &str = "<Egress/53/UDP/DNS>,<Egress/53/TCP/DNS>";

/// The family that lookups feed.
pub(crate) const LOOKUPS: &str = "dns_lookup_duration_seconds_count";

/// How many lookups of each type were told.
fn told(scrape: &Scrape) -> BTreeMap<String, u64> {
    let of = |kind: &String| scrape.count(LOOKUPS, &[("dns_question_type", kind)]);
    let kinds = scrape.by_label(LOOKUPS, "dns_question_type", &[]);
    kinds.keys().map(|kind| (kind.clone(), of(kind))).collect()
}

/// Waits until as many lookups were told as the server was asked, of each type.
fn told_as_asked(agent: &Agent<'_>, server: &Dnsmasq) -> Scrape {
    let scrape = agent.scrape_until("every lookup to be told", |scrape| told(scrape) == server.asked());
    scrape.expect("flowfold_bytes_total", &[("class", "unparsed")], 0);
    scrape
}

fn dig_by_both_transports() {
    let world = World::new();
    let server = Dnsmasq::start(&world);
    let agent = Agent::steering(&world, RULES);
    for family in Family::BOTH {
        let address = world.client_address(family, 53);
        for transport in ["+notcp", "+tcp"] {
            let answer = dig(world.steered("dig"), address, &[NAME, "A", transport]);
            assert!(
                answer.contains("192.0.2.7") && answer.contains(&format!("SERVER: {}#53", address.ip())),
                "{answer}"
            );
            let answer = dig(world.steered("dig"), address, &[NAME, "AAAA", transport]);
            assert!(answer.contains("2001:db8::7"), "{answer}");
            let answer = dig(world.steered("dig"), address, &[GONE, "A", transport]);
            assert!(answer.contains("status: NXDOMAIN"), "{answer}");
        }
    }
    let scrape = told_as_asked(&agent, &server);
    for transport in ["udp", "tcp"] {
        let of = |kind, rcode| {
            let labels = [
                ("network_transport", transport),
                ("dns_question_type", kind),
                ("dns_response_code", rcode),
                ("source_workload", "dig"),
                ("server_port", "53"),
                ("reporter", "client"),
            ];
            scrape.count(LOOKUPS, &labels)
        };
        assert_eq!((of("A", "NOERROR"), of("AAAA", "NOERROR"), of("A", "NXDOMAIN")), (2, 2, 2));
    }
    // The programs' counters are read a few times per second.
    agent.scrape_until("the programs to have counted", |scrape| {
        scrape.count("flowfold_steered_connections_total", &[("direction", "egress")]) == 6
    });
    agent.stop();
}

fn a_truncated_answer_is_asked_for_again() {
    let world = World::new();
    let server = Dnsmasq::start(&world);
    let agent = Agent::steering(&world, RULES);
    let address = world.client_address(Family::V4, 53);
    let small = dig(world.steered("dig"), address, &[LONG_NAME, "TXT", "+bufsize=1232"]);
    assert!(small.contains("Truncated, retrying in TCP mode") && small.contains("(TCP)"), "{small}");
    let large = dig(world.steered("dig"), address, &[LONG_NAME, "TXT", "+bufsize=4096"]);
    assert!(large.contains("(UDP)") && large.contains(&"7".repeat(250)), "{large}");
    let scrape = told_as_asked(&agent, &server);
    let of = |transport| scrape.count(LOOKUPS, &[("dns_question_type", "TXT"), ("network_transport", transport)]);
    assert_eq!((of("udp"), of("tcp")), (2, 1));
    agent.stop();
}

/// glibc asks for both kinds of addresses over one connected socket.
fn getaddrinfo() {
    let world = World::new();
    let server = Dnsmasq::start(&world);
    let agent = Agent::steering(&world, RULES);
    for family in Family::BOTH {
        let resolv_conf = world.directory().join("resolv.conf");
        fs::write(&resolv_conf, format!("nameserver {}\n", world.client_address(family, 53).ip())).expect("a file");
        let script = r#"mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && exec getent ahosts "$2""#;
        let getent = world.steered("unshare").args(["--mount", "sh", "-c", script, "sh"]).arg(&resolv_conf).arg(NAME);
        let found = getent.stdout();
        assert!(found.contains("192.0.2.7") && found.contains("2001:db8::7"), "{found}");
    }
    let scrape = told_as_asked(&agent, &server);
    let of = |kind| scrape.count(LOOKUPS, &[("dns_question_type", kind), ("source_workload", "getent")]);
    assert_eq!((of("A"), of("AAAA")), (2, 2));
    agent.stop();
}

fn a_busy_stub() {
    const QUESTIONS: u64 = 1000;
    let world = World::new();
    let server = Dnsmasq::start(&world);
    let agent = Agent::steering(&world, RULES);
    for family in Family::BOTH {
        for mode in ["connected", "unconnected"] {
            let address = world.client_address(family, 53).to_string();
            let answered =
                world.steered(PEER).args(["dns-stub", &address, mode, &QUESTIONS.to_string(), "50"]).stdout();
            assert_eq!(answered.trim(), QUESTIONS.to_string());
        }
    }
    let scrape = told_as_asked(&agent, &server);
    for kind in ["A", "AAAA"] {
        let answered = [("dns_question_type", kind), ("dns_response_code", "NOERROR"), ("source_workload", "peer")];
        scrape.expect(LOOKUPS, &answered, 2 * QUESTIONS);
    }
    agent.stop();
}
