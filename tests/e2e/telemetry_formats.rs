//! One snapshot reads the same in every format: the texts by the official Python parsers, protobuf by generated code.

use std::collections::BTreeMap;
use std::fs;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::peers::rpc::{self, Server};
use flowfold_e2e::peers::{curl, without_content};
use flowfold_e2e::process::Launch;
use flowfold_e2e::python;
use flowfold_e2e::world::{Family, World};
use serde_json::Value;

use crate::{Test, privileged};

#[path = "../../exporter/expose/tests/expose/client_model.rs"]
#[expect(dead_code, reason = "the tests of the formats themselves read more of it")]
mod client_model;

pub(crate) const TESTS: &[Test] = &[privileged("telemetry_formats::all_tell_the_same", all_tell_the_same)];

/// What a scrape says: values by name and labels, both sorted. Bounds of buckets are as numbers are written in Rust.
type Said = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Prints the samples of an exposition as the parser reads it.
const PARSE: &str = "import json, sys\n\
                     kind, path = sys.argv[1:]\n\
                     if kind == 'openmetrics':\n\
                     \x20   from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n\
                     else:\n\
                     \x20   from prometheus_client.parser import text_string_to_metric_families as parse\n\
                     families = parse(open(path, encoding='utf-8').read())\n\
                     print(json.dumps([[s.name, s.labels, float(s.value)] for f in families for s in f.samples]))\n";

/// What a scrape changes by itself, or the time does.
const OF_THE_MOMENT: [&str; 2] = ["process_", "flowfold_scrape"];

#[expect(clippy::float_cmp, reason = "counts are whole numbers")]
fn all_tell_the_same() {
    let world = World::new();
    let _nginx = Nginx::start(&world, &[9080]);
    let config = "visibility: ['<Ingress/9080/TCP/HTTP>', '<Ingress/9090/TCP/GRPC>']\n\
                  metrics: {views: [opentelemetry, go-grpc-prometheus]}\n\
                  workloads: [{name: 'a \"quoted\" \\\\ näme', match: {port: [9080]}}]\n";
    let agent = Agent::configured(&world, config);
    let mut requests = 0;
    for kind in without_content() {
        requests += curl::load(world.remote("curl"), world.host_address(Family::V4, 9080), kind, 3).requests();
    }
    let address = world.host_address(Family::V4, 9090);
    let peer = Server::start(&world, |python| world.steered(python), "grpcio_server", address);
    let calls = rpc::client(|python| world.remote(python), "grpcio_client", address, 5).total();
    peer.stop();
    agent.scrape_until("all to be over", |scrape| {
        scrape.count("flowfold_exchanges_total", &[]) == requests + calls
            && scrape.count("flowfold_open_connections", &[]) == 0
    });

    // nothing goes on any more: three scrapes are of one state
    let classic = agent.get("/metrics", &[]).body;
    let open = agent.get("/metrics", &["Accept: application/openmetrics-text; version=1.0.0"]).body;
    let accept = "Accept: application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
    let binary = by_generated_code(&agent.get("/metrics", &[accept]).body);
    let count = |metric: &str| -> f64 {
        let name = format!("{metric}_count");
        binary.iter().filter(|((found, _), _)| *found == name).map(|(_, value)| value).sum()
    };
    let found = [count("http_server_request_duration_seconds"), count("rpc_server_call_duration_seconds")];
    assert_eq!(found, [exact(requests), exact(calls)]);
    for (kind, text) in [("classic", classic), ("openmetrics", open)] {
        let path = world.directory().join(kind);
        fs::write(&path, text).expect("a file");
        let said = by_parser(kind, &path);
        let differing = |(key, value): &(&(String, BTreeMap<String, String>), &f64)| said.get(*key) != Some(*value);
        assert_eq!(binary.iter().find(differing), None, "{kind} does not say this");
        assert_eq!(said.len(), binary.len(), "{kind} says more");
    }
    agent.stop();
}

fn by_parser(kind: &str, path: &std::path::Path) -> Said {
    let printed = Launch::new(python::interpreter()).args(["-c", PARSE, kind]).arg(path).stdout();
    let samples: Value = serde_json::from_str(&printed).expect("samples in JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let sample = |sample: &Value| {
        let labels = sample[1].as_object().expect("labels").iter().map(|(name, value)| match name.as_str() {
            "le" => (name.clone(), text(value).parse::<f64>().expect("a bound").to_string()),
            _ => (name.clone(), text(value)),
        });
        ((text(&sample[0]), labels.collect()), sample[2].as_f64().expect("a value"))
    };
    kept(samples.as_array().expect("samples").iter().map(sample))
}

fn by_generated_code(scrape: &[u8]) -> Said {
    let mut samples = Vec::new();
    for family in client_model::decode(scrape) {
        let name = family.name.expect("a family has a name");
        for metric in family.metric {
            let labels: BTreeMap<String, String> = metric
                .label
                .into_iter()
                .map(|pair| (pair.name.unwrap_or_default(), pair.value.unwrap_or_default()))
                .collect();
            let mut say = |suffix: &str, labels: BTreeMap<String, String>, value: f64| {
                samples.push(((format!("{name}{suffix}"), labels), value));
            };
            let scalar =
                metric.gauge.and_then(|gauge| gauge.value).or(metric.counter.and_then(|counter| counter.value));
            if let Some(value) = scalar {
                say("", labels.clone(), value);
            }
            let Some(histogram) = metric.histogram else { continue };
            for bucket in histogram.bucket {
                let mut labels = labels.clone();
                labels.insert("le".to_owned(), bucket.upper_bound.expect("a bound").to_string());
                say("_bucket", labels, exact(bucket.cumulative_count.expect("a count")));
            }
            say("_count", labels.clone(), exact(histogram.sample_count.expect("a count")));
            say("_sum", labels, histogram.sample_sum.expect("a sum"));
        }
    }
    kept(samples)
}

fn exact(count: u64) -> f64 {
    f64::from(u32::try_from(count).expect("few"))
}

fn kept(samples: impl IntoIterator<Item = ((String, BTreeMap<String, String>), f64)>) -> Said {
    let of_the_moment = |name: &str| OF_THE_MOMENT.iter().any(|prefix| name.starts_with(prefix));
    let mut said = Said::new();
    for (key, value) in samples {
        if !of_the_moment(&key.0) {
            let twice = said.insert(key.clone(), value);
            assert_eq!(twice, None, "told twice: {key:?}");
        }
    }
    said
}
