//! What an agent learned of paths becomes its configuration.

use std::fs;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::world::{Family, World};
use flowfold_e2e::{binary, http};

use crate::{Test, privileged};

pub(crate) const TESTS: &[Test] =
    &[privileged("routes_suggest::what_was_learned_can_be_pasted", what_was_learned_can_be_pasted)];

const REQUESTS: &str = "http_server_request_duration_seconds_count";
const CONFIG: &str = "visibility: ['<Ingress/9080/TCP/HTTP>', '<Ingress/9081/TCP/HTTP>']\n\
                      max_url_templates: 20\n\
                      workloads:\n  \
                      - {name: pages, namespace: shop, match: {port: [9081]}}\n";
const ASKED: [(u16, &str); 5] =
    [(9080, "/200"), (9080, "/204"), (9080, "/index.html"), (9080, "/no/such/page"), (9081, "/index.html")];

fn what_was_learned_can_be_pasted() {
    let world = World::new();
    let _nginx = Nginx::start(&world, &[9080, 9081]);
    let suggest = || world.beside(binary::flowfold()).args(["routes", "suggest"]);

    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>");
    let refused = suggest().output();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && told.contains("set `max_url_templates: 50`"), "{told}");
    agent.stop();

    let agent = Agent::configured(&world, CONFIG);
    ask(&world, &agent);
    let learned = agent.scrape().by_label(REQUESTS, "url_template", &[]);
    assert_eq!(learned.keys().collect::<Vec<_>>(), ["", "/index.html", "/{id}"]);
    let yaml = suggest().stdout();
    agent.stop();

    // As a user pastes it: the entries at the end of the list that is there.
    let (_, entries) = yaml.split_once("workloads:\n").unwrap_or_else(|| panic!("no list:\n{yaml}"));
    let config = format!("{CONFIG}{entries}");
    let path = world.directory().join("pasted.yaml");
    fs::write(&path, &config).expect("a file");
    world.beside(binary::flowfold()).args(["check", "--config"]).arg(&path).stdout();
    let agent = Agent::configured(&world, &config);
    ask(&world, &agent);
    let scrape = agent.scrape();
    let routes =
        |port| scrape.by_label(REQUESTS, "http_route", &[("server_port", port)]).into_iter().collect::<Vec<_>>();
    let named = |route: &str, times| (route.to_owned(), times);
    assert_eq!(routes("9080"), [named("", 1.0), named("/index.html", 1.0), named("/{id}", 2.0)], "{scrape}");
    assert_eq!(routes("9081"), [named("/index.html", 1.0)], "{scrape}");
    scrape.expect(REQUESTS, &[("destination_workload", "pages"), ("destination_namespace", "shop")], 1);
    scrape.expect(REQUESTS, &[("destination_workload", "nginx")], 4);
    let learned = scrape.by_label(REQUESTS, "url_template", &[]);
    assert_eq!(learned.keys().collect::<Vec<_>>(), [""], "what has a route is not learned");
    agent.stop();
}

fn ask(world: &World, agent: &Agent<'_>) {
    for (port, path) in ASKED {
        let server = world.host_address(Family::V4, port);
        world.client.run(|| http::get(server, path)).expect("an answer");
    }
    let all = u64::try_from(ASKED.len()).expect("few");
    agent.scrape_until("all to be counted", |scrape| scrape.count(REQUESTS, &[]) == all);
}
