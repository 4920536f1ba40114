//! Hubble's flags of TCP, as the ways that connections end tell them.

use flowfold_e2e::agent::Agent;
use flowfold_e2e::http;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::world::{Family, World};

use crate::{Test, privileged};

pub(crate) const TESTS: &[Test] =
    &[privileged("hubble_tcp::ends_of_connections_are_flags", ends_of_connections_are_flags)];

const FLAGS: &str = "hubble_tcp_flags_total";

fn ends_of_connections_are_flags() {
    let world = World::new();
    let _nginx = Nginx::start(&world, &[9080]);
    let context = "labelsContext=source_workload,destination_workload";
    let config = format!(
        "visibility: ['<Ingress/9080/TCP/HTTP>', '<Ingress/9081/TCP/HTTP>']\n\
         metrics: {{views: [hubble], hubble: ['tcp:{context}']}}\n\
         workloads: [{{name: pages, match: {{port: [9080]}}}}, {{name: gone, match: {{port: [9081]}}}},\n\
         {{name: office, match: {{ip: ['10.77.0.2', 'fd77::2']}}}}]\n"
    );
    let agent = Agent::configured(&world, &config);
    for (family, times) in [(Family::V4, 3), (Family::V6, 2)] {
        for _ in 0..times {
            world.client.run(|| http::get(world.host_address(family, 9080), "/200")).expect("an answer");
        }
    }
    let nobody = world.client.run(|| http::get(world.host_address(Family::V4, 9081), "/200"));
    assert!(nobody.is_err(), "somebody listens on 9081");
    let scrape = agent.scrape_until("all connections to be over", |scrape| {
        scrape.count("flowfold_connections_total", &[]) == 6 && scrape.count("flowfold_open_connections", &[]) == 0
    });
    for (family, times) in [("IPv4", 3), ("IPv6", 2)] {
        for (flag, source, destination) in [
            ("SYN", "office", "pages"),
            ("SYN-ACK", "pages", "office"),
            ("FIN", "office", "pages"),
            ("FIN", "pages", "office"),
        ] {
            let labels = [
                ("flag", flag),
                ("family", family),
                ("source_workload", source),
                ("destination_workload", destination),
            ];
            scrape.expect(FLAGS, &labels, times);
        }
    }
    scrape.expect(FLAGS, &[("flag", "SYN"), ("destination_workload", "gone")], 1);
    scrape.expect(FLAGS, &[("flag", "SYN-ACK"), ("source_workload", "gone")], 0);
    scrape.expect(FLAGS, &[], 5 * 4 + 1);
    agent.stop();
}
