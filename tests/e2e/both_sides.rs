//! A connection with both ends on this host, named by an ingress and an egress rule.

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::world::{Family, World};

use crate::{PEER, Test, privileged};

pub(crate) const TESTS: &[Test] =
    &[privileged("both_sides::one_hop_is_reported_for_client_and_server", one_hop_is_reported_for_client_and_server)];

fn one_hop_is_reported_for_client_and_server() {
    let world = World::new();
    let nginx = Nginx::start(&world, &[9080]);
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>,<Egress/9080/TCP/HTTP>");
    for family in Family::BOTH {
        for server in [world.loopback(family, 9080), world.host_address(family, 9080)] {
            let said = world.steered(PEER).args(["names", &server.to_string()]).stdout();
            assert_eq!(said.lines().nth(1), Some(server.to_string().as_str()), "whom the client sees");
        }
    }
    assert_eq!(nginx.logged(4).len(), 4);
    let scrape =
        agent.scrape_until("all exchanges to be read", |scrape| scrape.count("flowfold_exchanges_total", &[]) >= 4);
    scrape.expect("flowfold_exchanges_total", &[("direction", "both")], 4);
    scrape.expect("flowfold_connections_opened_total", &[], 4);
    for side in ["server", "client"] {
        let name = format!("http_{side}_request_duration_seconds_count");
        scrape.expect(&name, &[("server_port", "9080"), ("http_response_status_code", "200")], 4);
    }
    agent.stop();
}
