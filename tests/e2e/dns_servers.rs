//! A DNS server of this host, whose questions and answers are read at its own sockets.

use std::collections::BTreeMap;
use std::net::UdpSocket;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::dns::{Dnsmasq, GONE, NAME, dig};
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::world::{Family, World};

use crate::dns_clients::LOOKUPS;
use crate::{PEER, Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("dns_servers::clients_elsewhere_have_their_addresses", clients_elsewhere_have_their_addresses),
    privileged("dns_servers::each_side_of_a_lookup_is_reported_once", each_side_of_a_lookup_is_reported_once),
    privileged("dns_servers::a_busy_server", a_busy_server),
    privileged("dns_servers::a_server_that_does_not_answer", a_server_that_does_not_answer),
    privileged("dns_servers::a_server_elsewhere_is_another_hosts", a_server_elsewhere_is_another_hosts),
];

/// How many lookups of each type one side has reported.
fn told_by(scrape: &Scrape, reporter: &str) -> BTreeMap<String, u64> {
    let of = |kind: &String| scrape.count(LOOKUPS, &[("reporter", reporter), ("dns_question_type", kind)]);
    let kinds = scrape.by_label(LOOKUPS, "dns_question_type", &[("reporter", reporter)]);
    kinds.keys().map(|kind| (kind.clone(), of(kind))).collect()
}

/// Waits until these sides have reported as many lookups of each type as the server was asked.
fn told_as_asked(agent: &Agent<'_>, server: &Dnsmasq, reporters: &[&str]) -> Scrape {
    let scrape = agent.scrape_until("every lookup to be told", |scrape| {
        reporters.iter().all(|reporter| told_by(scrape, reporter) == server.asked())
    });
    scrape.expect("flowfold_bytes_total", &[("class", "unparsed")], 0);
    scrape
}

fn clients_elsewhere_have_their_addresses() {
    let world = World::new();
    let server = Dnsmasq::start_on_host(&world);
    let agent = Agent::steering(&world, "<Ingress/53/UDP/DNS>,<Ingress/53/TCP/DNS>");
    for family in Family::BOTH {
        let address = world.host_address(family, 53);
        for transport in ["+notcp", "+tcp"] {
            let answer = dig(world.remote("dig"), address, &[NAME, "A", transport]);
            assert!(
                answer.contains("192.0.2.7") && answer.contains(&format!("SERVER: {}#53", address.ip())),
                "{answer}"
            );
            let answer = dig(world.remote("dig"), address, &[GONE, "AAAA", transport]);
            assert!(answer.contains("status: NXDOMAIN"), "{answer}");
        }
    }
    let scrape = told_as_asked(&agent, &server, &["server"]);
    for family in Family::BOTH {
        let source = world.client_address(family, 0).ip().to_string();
        for transport in ["udp", "tcp"] {
            for (kind, rcode) in [("A", "NOERROR"), ("AAAA", "NXDOMAIN")] {
                let labels = [
                    ("network_transport", transport),
                    ("dns_question_type", kind),
                    ("dns_response_code", rcode),
                    ("source_workload", &source),
                    ("destination_workload", "dnsmasq"),
                    ("server_port", "53"),
                    ("reporter", "server"),
                ];
                scrape.expect(LOOKUPS, &labels, 1);
            }
        }
    }
    scrape.expect(LOOKUPS, &[], 8);
    scrape.expect("flowfold_exchanges_total", &[("direction", "ingress"), ("outcome", "answered")], 8);
    // Each family's two by UDP came from two ports.
    scrape.expect("flowfold_connections_opened_total", &[("direction", "ingress")], 4 + 2);
    agent.stop();
}

fn each_side_of_a_lookup_is_reported_once() {
    let world = World::new();
    let server = Dnsmasq::start_on_host(&world);
    let agent = Agent::steering(&world, "<Egress/53/UDP/DNS>,<Ingress/53/UDP/DNS>");
    for family in Family::BOTH {
        for address in [world.loopback(family, 53), world.host_address(family, 53)] {
            let answer = dig(world.steered("dig"), address, &[NAME, "A", "+notcp"]);
            assert!(answer.contains("192.0.2.7"), "{answer}");
        }
        // Of this one's lookup there is the server's side alone.
        let answer = dig(world.remote("dig"), world.host_address(family, 53), &[NAME, "AAAA", "+notcp"]);
        assert!(answer.contains("2001:db8::7"), "{answer}");
    }
    let scrape = told_as_asked(&agent, &server, &["server"]);
    let both = [("destination_workload", "dnsmasq"), ("dns_response_code", "NOERROR")];
    scrape.expect(LOOKUPS, &both, 6 + 4);
    scrape.expect(LOOKUPS, &[("reporter", "client"), ("source_workload", "dig")], 4);
    scrape.expect(LOOKUPS, &[("reporter", "client")], 4);
    for source in ["127.0.0.1", "::1", "10.77.0.1", "fd77::1", "10.77.0.2", "fd77::2"] {
        scrape.expect(LOOKUPS, &[("reporter", "server"), ("source_workload", source)], 1);
    }
    agent.stop();
}

fn a_busy_server() {
    const QUESTIONS: u64 = 1000;
    let world = World::new();
    let server = Dnsmasq::start_on_host(&world);
    let agent = Agent::steering(&world, "<Egress/53/UDP/DNS>,<Ingress/53/UDP/DNS>");
    for family in Family::BOTH {
        for mode in ["connected", "unconnected"] {
            let address = world.host_address(family, 53).to_string();
            for peer in [world.steered(PEER), world.remote(PEER)] {
                let answered = peer.args(["dns-stub", &address, mode, &QUESTIONS.to_string(), "50"]).stdout();
                assert_eq!(answered.trim(), QUESTIONS.to_string());
            }
        }
    }
    let scrape = told_as_asked(&agent, &server, &["server"]);
    for kind in ["A", "AAAA"] {
        let answered = [("dns_question_type", kind), ("dns_response_code", "NOERROR")];
        scrape.expect(LOOKUPS, &[&answered[..], &[("reporter", "server")]].concat(), 4 * QUESTIONS);
        scrape.expect(LOOKUPS, &[&answered[..], &[("reporter", "client")]].concat(), 2 * QUESTIONS);
    }
    scrape.expect("flowfold_datagrams_unread_total", &[], 0);
    agent.stop();
}

fn a_server_that_does_not_answer() {
    let world = World::new();
    let _silent = world.host.run(|| UdpSocket::bind("0.0.0.0:53").expect("the port is free"));
    let agent = Agent::steering(&world, "<Ingress/53/UDP/DNS>");
    let answer = dig(world.remote("dig"), world.host_address(Family::V4, 53), &[NAME, "A"]);
    assert!(answer.contains("timed out"), "{answer}");
    let lost = [("error_type", "timeout"), ("reporter", "server"), ("source_workload", "10.77.0.2")];
    let scrape = agent.scrape_until("the lookup to be given up", |scrape| scrape.count(LOOKUPS, &lost) == 1);
    scrape.expect(LOOKUPS, &[], 1);
    agent.stop();
}

/// What passes by a socket of another namespace is seen by the same programs.
fn a_server_elsewhere_is_another_hosts() {
    let world = World::new();
    let _elsewhere = Dnsmasq::start(&world);
    let agent = Agent::steering(&world, "<Ingress/53/UDP/DNS>");
    for family in Family::BOTH {
        for address in [world.client_address(family, 53), world.loopback(family, 53)] {
            let answer = dig(world.remote("dig"), address, &[NAME, "A"]);
            assert!(answer.contains("192.0.2.7"), "{answer}");
        }
    }
    let here = Dnsmasq::start_on_host(&world);
    let answer = dig(world.remote("dig"), world.host_address(Family::V4, 53), &[NAME, "A"]);
    assert!(answer.contains("192.0.2.7"), "{answer}");
    // Those by which it was waited for are told as well, before this one.
    let asked = [("reporter", "server"), ("dns_question_type", "A")];
    let scrape = agent.scrape_until("the lookup here to be told", |scrape| scrape.count(LOOKUPS, &asked) == 1);
    scrape.expect(LOOKUPS, &[("source_workload", "10.77.0.2")], 1);
    scrape.expect(LOOKUPS, &[("dns_question_type", "A")], 1);
    drop(here);
    agent.stop();
}
