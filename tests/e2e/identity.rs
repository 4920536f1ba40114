//! Who is who, and which path belongs to which route, as the configuration tells.

use flowfold_e2e::agent::Agent;
use flowfold_e2e::http;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::world::{Family, World};

use crate::{PEER, Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("identity::the_table_names_workloads_and_routes", the_table_names_workloads_and_routes),
    privileged("identity::local_processes_have_names", local_processes_have_names),
];

const REQUESTS: &str = "http_server_request_duration_seconds_count";

fn the_table_names_workloads_and_routes() {
    let world = World::new();
    let _nginx = Nginx::start(&world, &[9080]);
    let config = "visibility: ['<Ingress/9080/TCP/HTTP>']\n\
                  workloads:\n\
                  - {name: pages, namespace: shop, match: {port: [9080]}}\n\
                  - {name: office, namespace: people, match: {ip: [10.77.0.0/24]}}\n\
                  routes: ['/items/{id}', '/files/{path...}']\n";
    let agent = Agent::configured(&world, config);
    let server = world.host_address(Family::V4, 9080);
    for path in ["/items/17?colour=red", "/items/18", "/files/a/b/c", "/200", "/items/1/2"] {
        world.client.run(|| http::get(server, path)).expect("an answer");
    }
    let scrape = agent.scrape_until("all to be counted", |scrape| scrape.count(REQUESTS, &[]) == 5);
    let names = [
        ("source_workload", "office"),
        ("source_namespace", "people"),
        ("destination_workload", "pages"),
        ("destination_namespace", "shop"),
        ("server_port", "9080"),
        ("url_scheme", "http"),
        ("network_protocol_version", "1.1"),
        ("http_request_method", "GET"),
    ];
    scrape.expect(REQUESTS, &names, 5);
    let routes = scrape.by_label(REQUESTS, "http_route", &[]);
    let wanted = [("", 2.0), ("/files/{path...}", 1.0), ("/items/{id}", 2.0)];
    assert_eq!(routes.iter().map(|(route, times)| (route.as_str(), *times)).collect::<Vec<_>>(), wanted);
    agent.stop();
}

fn local_processes_have_names() {
    let world = World::new();
    let _nginx = Nginx::start(&world, &[9080]);
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>,<Egress/9080/TCP/HTTP>");
    world.steered(PEER).args(["names", &world.loopback(Family::V4, 9080).to_string()]).stdout();
    world.client.run(|| http::get(world.host_address(Family::V4, 9080), "/200")).expect("an answer");
    let scrape = agent.scrape_until("both to be counted", |scrape| scrape.count(REQUESTS, &[]) == 2);
    scrape.expect(REQUESTS, &[("destination_workload", "nginx")], 2);
    scrape.expect(REQUESTS, &[("source_workload", "peer")], 1);
    scrape.expect(REQUESTS, &[("source_workload", "10.77.0.2")], 1);
    agent.stop();
}
