//! What Prometheus 3 makes of native histograms, exemplars and pushed metrics: all ways to it tell the same.

use std::collections::{BTreeMap, BTreeSet};

use flowfold_e2e::agent::Agent;
use flowfold_e2e::eventually::{PATIENCE, until};
use flowfold_e2e::http;
use flowfold_e2e::peers::prometheus::{OTLP, Prometheus};
use flowfold_e2e::peers::waiting::WaitingServer;
use flowfold_e2e::world::{Family, World};

use crate::{Test, with_go};

pub(crate) const TESTS: &[Test] = &[
    with_go("telemetry_prometheus::scraped_and_pushed_agree", scraped_and_pushed_agree),
    with_go("telemetry_prometheus::pushed_native_histograms_agree", pushed_native_histograms_agree),
];

/// How long the answers take, in milliseconds: most buckets below a second get some.
const WAITS: [u64; 10] = [0, 1, 3, 7, 12, 20, 40, 70, 120, 300];

const ROUNDS: usize = 3;

const REQUESTS: usize = ROUNDS * WAITS.len();

/// Their ranks lie among requests that took equally long: none is at the edge of a bucket.
const QUANTILES: [f64; 4] = [0.22, 0.48, 0.84, 0.99];

/// A native bucket is narrower than this, as the quotient of its bounds.
const NATIVE_WIDTH: f64 = 1.1;

const DURATION: &str = "http_server_request_duration_seconds";

const SCRAPED: &str = "{job=\"flowfold\"}";

/// A workload's metrics are pushed as its own.
const PUSHED: &str = "{job=\"shop\"}";

/// Prometheus with an agent that is scraped and pushes, after traffic that both ways have told of.
fn told_twice(histograms: &str, test: impl FnOnce(&Prometheus<'_>, &BTreeSet<String>)) {
    let world = World::new();
    let prometheus = Prometheus::start_newest(&world);
    let config = format!(
        "visibility: ['<Ingress/9080/TCP/HTTP>']\n\
         workloads: [{{name: shop, match: {{port: [9080]}}}}]\n\
         otlp: {{endpoint: '{OTLP}', compression: gzip, interval: 500ms, histograms: {histograms}}}\n"
    );
    let agent = Agent::configured(&world, &config);
    let address = world.host_address(Family::V4, 9080);
    let server = WaitingServer::start(&world.host, address, REQUESTS);
    let mut traces = BTreeSet::new();
    for (number, wait) in WAITS.iter().cycle().take(REQUESTS).enumerate() {
        let trace = format!("5f0a{number:028x}");
        let parent = format!("traceparent: 00-{trace}-00f067aa0ba902b7-01");
        let ask = || http::request(address, &format!("/{wait}ms"), &[parent.as_str()], PATIENCE);
        assert_eq!(world.client.run(ask).expect("an answer").status, 200);
        traces.insert(trace);
    }
    assert_eq!(server.finish().len(), REQUESTS);
    agent
        .scrape_until("all to be counted", |scrape| scrape.count(&format!("{DURATION}_count"), &[]) == REQUESTS as u64);
    let native = |labels: &str| format!("sum(histogram_count({DURATION}{labels}))");
    let classic = |labels: &str| format!("sum({DURATION}_count{labels})");
    let mut queries = vec![native(SCRAPED), classic(SCRAPED)];
    queries.push(if histograms.starts_with("base2") { native(PUSHED) } else { classic(PUSHED) });
    until("all ways to tell of all requests", || {
        queries.iter().all(|query| prometheus.query(query) == [f64::from(u32::try_from(REQUESTS).expect("few"))])
    });
    test(&prometheus, &traces);
    // Prometheus tells what came before it answers, and only the answer makes it sent
    let pushed = "flowfold_otlp_data_points_total";
    let scrape =
        agent.scrape_until("data points to be sent", |scrape| scrape.count(pushed, &[("outcome", "sent")]) > 0);
    for outcome in ["rejected", "failed", "dropped"] {
        scrape.expect(pushed, &[("outcome", outcome)], 0);
    }
    agent.stop();
}

fn scraped_and_pushed_agree() {
    told_twice("explicit_bucket_histogram", |prometheus, traces| {
        let buckets = cumulative(prometheus, SCRAPED);
        assert!(buckets.len() > 10, "the bounds of the conventions: {buckets:?}");
        assert_eq!(buckets, cumulative(prometheus, PUSHED));
        let sum = |labels: &str| one(prometheus, &format!("sum({DURATION}_sum{labels})"));
        same(sum(SCRAPED), sum(PUSHED));
        same(sum(SCRAPED), one(prometheus, &format!("histogram_sum(sum({DURATION}{SCRAPED}))")));
        for quantile in QUANTILES {
            let classic = |labels| {
                let query = format!("histogram_quantile({quantile}, sum by (le) ({DURATION}_bucket{labels}))");
                one(prometheus, &query)
            };
            same(classic(SCRAPED), classic(PUSHED));
            let native = one(prometheus, &format!("histogram_quantile({quantile}, sum({DURATION}{SCRAPED}))"));
            let (lower, upper) = bucket_of(&buckets, classic(SCRAPED));
            let around = lower / NATIVE_WIDTH..=upper * NATIVE_WIDTH;
            assert!(around.contains(&native), "{quantile}: {native} is not in the bucket {lower} to {upper}");
        }
        for series in [format!("{DURATION}_bucket{SCRAPED}"), format!("{DURATION}{SCRAPED}")] {
            exemplars_are_of(traces, prometheus, &series);
        }
        exemplars_are_of(traces, prometheus, &format!("{DURATION}_bucket{PUSHED}"));
    });
}

fn pushed_native_histograms_agree() {
    told_twice("base2_exponential_bucket_histogram", |prometheus, traces| {
        for quantile in QUANTILES {
            let of = |labels| one(prometheus, &format!("histogram_quantile({quantile}, sum({DURATION}{labels}))"));
            same(of(SCRAPED), of(PUSHED));
        }
        let sum = |labels| one(prometheus, &format!("histogram_sum(sum({DURATION}{labels}))"));
        same(sum(SCRAPED), sum(PUSHED));
        exemplars_are_of(traces, prometheus, &format!("{DURATION}{PUSHED}"));
    });
}

fn one(prometheus: &Prometheus<'_>, query: &str) -> f64 {
    let values = prometheus.query(query);
    assert_eq!(values.len(), 1, "{query}: {values:?}");
    values[0]
}

#[expect(clippy::float_cmp, reason = "two renderings of one number")]
fn same(one: f64, other: f64) {
    assert_eq!(one, other);
}

/// The classic buckets in their order: upper bound and cumulative count.
fn cumulative(prometheus: &Prometheus<'_>, labels: &str) -> Vec<(f64, f64)> {
    let series = prometheus.series(&format!("sum by (le) ({DURATION}_bucket{labels})"));
    let bound = |labels: &BTreeMap<String, String>| labels["le"].parse().expect("a bound");
    let mut buckets: Vec<(f64, f64)> = series.iter().map(|(labels, count)| (bound(labels), *count)).collect();
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    buckets
}

/// The bounds of the bucket that a value falls into.
fn bucket_of(buckets: &[(f64, f64)], value: f64) -> (f64, f64) {
    let at = buckets.iter().position(|(upper, _)| value <= *upper).expect("the last bound is infinite");
    (at.checked_sub(1).map_or(0.0, |before| buckets[before].0), buckets[at].0)
}

/// The exemplars that Prometheus has are of requests that were made, from more buckets than one.
fn exemplars_are_of(traces: &BTreeSet<String>, prometheus: &Prometheus<'_>, series: &str) {
    let exemplars = prometheus.exemplars(series);
    let found: BTreeSet<&str> =
        exemplars.iter().filter_map(|(labels, _)| Some(labels.get("trace_id")?.as_str())).collect();
    assert!(found.len() > 3, "{series} has {exemplars:?}");
    for (labels, value) in &exemplars {
        assert!(traces.contains(&labels["trace_id"]), "nobody sent this trace: {labels:?}");
        assert_eq!(labels["span_id"], "00f067aa0ba902b7");
        // the number in the trace's id tells which request it was, and so how long that took at least
        let number = usize::from_str_radix(&labels["trace_id"][4..], 16).expect("a number of ours");
        let wait = std::time::Duration::from_millis(WAITS[number % WAITS.len()]).as_secs_f64();
        assert!((wait..wait + 1.0).contains(value), "{labels:?} took {value} s, the server {wait} s");
    }
}
