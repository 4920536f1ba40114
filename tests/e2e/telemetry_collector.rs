//! What an OpenTelemetry collector receives, and what becomes of it all while the collector is away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::eventually::until;
use flowfold_e2e::peers::collector::{Collector, GRPC, HTTP};
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::peers::{curl, without_content, wrk};
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::world::{Family, World};

use crate::{Test, with_go};

pub(crate) const TESTS: &[Test] = &[
    with_go("telemetry_collector::receives_by_grpc", receives_by_grpc),
    with_go("telemetry_collector::receives_by_http", receives_by_http),
    with_go("telemetry_collector::may_be_away", may_be_away),
];

const DURATION: &str = "http.server.request.duration";
const POINTS: &str = "flowfold_otlp_data_points_total";
const SPANS: &str = "flowfold_spans_total";

fn receives_by_grpc() {
    receives("grpc", GRPC);
}

fn receives_by_http() {
    receives("http/protobuf", HTTP);
}

fn config(protocol: &str, address: &str, max_queued: usize) -> String {
    format!(
        "visibility: ['<Ingress/9080/TCP/HTTP>']\n\
         workloads: [{{name: shop, namespace: town, match: {{port: [9080]}}}}]\n\
         otlp: {{endpoint: 'http://{address}', protocol: {protocol}, compression: gzip, interval: 500ms}}\n\
         spans: {{ratio: 1, max_queued: {max_queued}}}\n"
    )
}

fn receives(protocol: &str, address: &str) {
    const EACH: usize = 3;
    let world = World::new();
    let _nginx = Nginx::start(&world, &[9080]);
    let collector = Collector::start(&world, "collector");
    let agent = Agent::configured(&world, &config(protocol, address, 1000));
    let mut requests = 0;
    for kind in without_content() {
        let server = world.host_address(Family::V4, 9080);
        requests += curl::load(world.remote("curl"), server, kind, EACH).requests();
    }
    until("the collector to have all counts", || collector.last_count(DURATION) == requests);
    // the collector writes down what came before it answers, and only the answer makes it sent
    let scrape =
        agent.scrape_until("data points to be sent", |scrape| scrape.count(POINTS, &[("outcome", "sent")]) > 0);
    for (metric, outcome) in [(POINTS, "rejected"), (POINTS, "failed"), (SPANS, "rejected"), (SPANS, "dropped")] {
        scrape.expect(metric, &[("outcome", outcome)], 0);
    }
    // what is queued goes out at the end
    agent.stop();
    until("the collector to have all spans", || collector.spans() == requests);
    assert_eq!(collector.last_count(DURATION), requests);
    assert_eq!(collector.last_value("flowfold.exchanges"), requests);
    let said = collector.said();
    for line in [
        "     -> service.name: Str(shop)",
        "     -> service.namespace: Str(town)",
        "     -> service.name: Str(flowfold)",
        // one of the methods is nobody else's
        "     -> http.request.method: Str(_OTHER)",
        "     -> http.response.status_code: Int(418)",
        "     -> Unit: s",
        "     -> AggregationTemporality: Cumulative",
    ] {
        assert!(said.lines().any(|told| told == line), "the collector was not told {line}");
    }
}

fn may_be_away() {
    const ROUND: u64 = 2000;
    const MOST_MEMORY: f64 = 48.0 * 1024.0 * 1024.0;
    const AWAY: Duration = Duration::from_secs(4);
    let world = World::new();
    let _nginx = Nginx::start(&world, &[9080]);
    let server = world.host_address(Family::V4, 9080);
    let collector = Collector::start(&world, "collector");
    let agent = Agent::configured(&world, &config("grpc", GRPC, 512));
    let outcome = |scrape: &Scrape, metric: &str, outcome: &str| scrape.count(metric, &[("outcome", outcome)]);
    let is_enough = AtomicBool::new(false);
    let (requests, collector) = thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut requests = 0;
            while !is_enough.load(Ordering::Relaxed) {
                requests += wrk::load(&world, world.remote("wrk"), server, 20, ROUND).requests();
            }
            requests
        });
        // whatever fails below, the load has to end for the test to
        let _ends = Ends(&is_enough);
        agent.scrape_until("metrics and spans to arrive", |scrape| {
            outcome(scrape, POINTS, "sent") > 0 && outcome(scrape, SPANS, "sent") > 0
        });
        let before = agent.scrape();
        drop(collector);
        thread::sleep(AWAY);
        let away = agent.scrape_until("losses to be told", |scrape| {
            outcome(scrape, POINTS, "failed") > 0
                && outcome(scrape, SPANS, "dropped") > outcome(&before, SPANS, "dropped")
        });
        let memory = "process_resident_memory_bytes";
        let grown = away.sum(memory, &[]) - before.sum(memory, &[]);
        assert!(grown < MOST_MEMORY, "the agent grew by {grown} bytes");
        let went_on = away.count("flowfold_exchanges_total", &[]) - before.count("flowfold_exchanges_total", &[]);
        assert!(went_on > ROUND, "{went_on} exchanges without a collector");
        let collector = Collector::start(&world, "collector-again");
        agent.scrape_until("metrics and spans to arrive again", |scrape| {
            outcome(scrape, POINTS, "sent") > outcome(&away, POINTS, "sent")
                && outcome(scrape, SPANS, "sent") > outcome(&away, SPANS, "sent")
        });
        is_enough.store(true, Ordering::Relaxed);
        (load.join().expect("the load has no trouble"), collector)
    });
    until("the collector to have all counts", || collector.last_count(DURATION) == requests);
    // each of the exchanges was sampled: its span is in exactly one of the counts
    let scrape = agent.scrape_until("all spans to be accounted for", |scrape| scrape.count(SPANS, &[]) == requests);
    scrape.expect("flowfold_exchanges_total", &[], requests);
    scrape.expect(SPANS, &[("outcome", "rejected")], 0);
    assert!(collector.spans() > 0, "spans arrive again");
    agent.stop();
}

/// Tells the load to end on the way out.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
