//! DNS lookups that go wrong, and agents that go away.

use std::net::UdpSocket;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::dns::{Dnsmasq, NAME, dig};
use flowfold_e2e::world::{Family, World};

use crate::dns_clients::{LOOKUPS, RULES};
use crate::{Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("dns_ends::a_refused_port_is_refused", a_refused_port_is_refused),
    privileged("dns_ends::an_answer_that_never_comes", an_answer_that_never_comes),
    privileged("dns_ends::what_is_no_dns_passes", what_is_no_dns_passes),
    privileged("dns_ends::without_an_agent_lookups_go_direct", without_an_agent_lookups_go_direct),
];

fn a_refused_port_is_refused() {
    let world = World::new();
    let ask = |family| dig(world.steered("dig"), world.client_address(family, 53), &[NAME, "A"]);
    let refused = |answer: &str| answer.contains("connection refused");
    assert!(Family::BOTH.into_iter().all(|family| refused(&ask(family))), "it is so without an agent");
    let agent = Agent::steering(&world, RULES);
    for family in Family::BOTH {
        let answer = ask(family);
        assert!(refused(&answer), "{answer}");
    }
    let failed = [("error_type", "connect_failed"), ("network_transport", "udp"), ("dns_question_type", "A")];
    agent.scrape_until("both to be told", |scrape| scrape.count(LOOKUPS, &failed) == 2);
    agent.stop();
}

fn an_answer_that_never_comes() {
    let world = World::new();
    let _silent = world.client.run(|| UdpSocket::bind("0.0.0.0:53").expect("the port is free"));
    let agent = Agent::steering(&world, RULES);
    let answer = dig(world.steered("dig"), world.client_address(Family::V4, 53), &[NAME, "A"]);
    assert!(answer.contains("timed out"), "{answer}");
    let lost = [("error_type", "timeout"), ("network_transport", "udp"), ("source_workload", "dig")];
    let scrape = agent.scrape_until("the lookup to be given up", |scrape| scrape.count(LOOKUPS, &lost) == 1);
    scrape.expect(LOOKUPS, &[], 1);
    scrape.expect("flowfold_exchanges_total", &[("outcome", "failed")], 1);
    agent.stop();
}

/// Whatever datagrams say, they pass unchanged, and each byte is counted.
fn what_is_no_dns_passes() {
    let world = World::new();
    let address = world.client_address(Family::V4, 53);
    let server = world.client.run(|| UdpSocket::bind(address).expect("the port is free"));
    let agent = Agent::steering(&world, RULES);
    let script = "import socket,sys\n\
                  s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n\
                  s.settimeout(20)\n\
                  s.connect((sys.argv[1],53))\n\
                  for n in (0,1,11,12,600,9000,65507):\n\
                  \x20   s.send(bytes(i%251 for i in range(n)))\n\
                  \x20   assert s.recv(65536)==bytes(n%256 for _ in range(n)),n\n\
                  print('all')";
    let echo = std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        for length in [0, 1, 11, 12, 600, 9000, 65_507] {
            let (got, client) = server.recv_from(&mut buffer).expect("a datagram comes");
            assert!(got == length && buffer[..got].iter().enumerate().all(|(at, byte)| usize::from(*byte) == at % 251));
            server.send_to(&vec![u8::try_from(length % 256).expect("a byte"); length], client).expect("it can be sent");
        }
    });
    let said = world.steered("python3").args(["-c", script, &address.ip().to_string()]).stdout();
    assert_eq!(said.trim(), "all");
    echo.join().expect("the server saw each as it was sent");
    let sent = 1 + 11 + 12 + 600 + 9000 + 65_507;
    let scrape = agent.scrape_until("all bytes to be counted", |scrape| {
        ["client_to_server", "server_to_client"]
            .into_iter()
            .all(|side| scrape.count("flowfold_bytes_total", &[("side", side)]) == sent)
    });
    scrape.expect(LOOKUPS, &[("dns_response_code", "NOERROR")], 0);
    agent.stop();
}

fn without_an_agent_lookups_go_direct() {
    let world = World::new();
    let server = Dnsmasq::start(&world);
    let ask = || {
        let answer = dig(world.steered("dig"), world.client_address(Family::V4, 53), &[NAME, "A"]);
        assert!(answer.contains("192.0.2.7"), "{answer}");
    };
    let agent = Agent::steering(&world, RULES);
    ask();
    agent.kill();
    ask();
    let agent = Agent::steering(&world, RULES);
    ask();
    agent.stop();
    ask();
    assert_eq!(server.asked()["A"], 4);
}
