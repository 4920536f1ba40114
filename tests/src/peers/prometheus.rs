//! A Prometheus that scrapes the agent.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;

use serde_json::Value;

use crate::agent::METRICS;
use crate::eventually::eventually;
use crate::process::{Launch, Process};
use crate::world::World;
use crate::{go, http};

const ADDRESS: &str = "127.0.0.1:9090";

/// Where the one with everything new takes OTLP.
pub const OTLP: &str = "http://127.0.0.1:9090/api/v1/otlp";

/// Labels and values.
pub type Labels = BTreeMap<String, String>;

/// A server that scrapes once a second.
#[derive(Debug)]
pub struct Prometheus<'a> {
    world: &'a World,
    address: SocketAddr,
    _process: Process,
}

impl<'a> Prometheus<'a> {
    /// Starts Debian's on the world's host and waits until it is ready.
    pub fn start(world: &'a World) -> Self {
        Self::start_as(world, world.beside("prometheus"), "")
    }

    /// The same for Prometheus 3 with what it has since learnt: it reads protobuf and keeps native histograms beside the
    /// classic ones, keeps exemplars, and takes OTLP.
    pub fn start_newest(world: &'a World) -> Self {
        let scrape = "scrape_native_histograms: true, always_scrape_classic_histograms: true, \
                      scrape_protocols: [PrometheusProto], ";
        let flags = ["--enable-feature=exemplar-storage", "--web.enable-otlp-receiver"];
        Self::start_as(world, world.beside(go::program("prometheus")).args(flags), scrape)
    }

    fn start_as(world: &'a World, launch: Launch, scrape: &str) -> Self {
        let directory = world.directory().join("prometheus");
        fs::create_dir_all(&directory).expect("a directory for Prometheus");
        let config = directory.join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s}}\n\
             scrape_configs: [{{job_name: flowfold, {scrape}static_configs: [{{targets: ['{METRICS}']}}]}}]\n"
        );
        fs::write(&config, text).expect("a configuration for Prometheus");
        let process = launch
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address={ADDRESS}"))
            .start(world.directory(), "prometheus");
        let address = ADDRESS.parse().expect("a socket address");
        let started = Self { world, address, _process: process };
        eventually("Prometheus to be ready", || started.get("/-/ready").filter(|answer| answer.status == 200));
        started
    }

    fn get(&self, path: &str) -> Option<http::Answer> {
        self.world.host.run(|| http::get(self.address, path)).ok()
    }

    fn ask(&self, api: &str, expression: &str) -> Value {
        let escaped: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = self.get(&format!("/api/v1/{api}?query={escaped}")).expect("Prometheus answers");
        let answer: Value = serde_json::from_slice(&answer.body).expect("Prometheus answers in JSON");
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"].clone()
    }

    /// The values that a query has now, one for each series.
    pub fn query(&self, expression: &str) -> Vec<f64> {
        self.series(expression).into_iter().map(|(_, value)| value).collect()
    }

    /// The series that a query has now, each with its value.
    pub fn series(&self, expression: &str) -> Vec<(Labels, f64)> {
        let answer = self.ask("query", expression);
        let series = answer["result"].as_array().cloned().unwrap_or_default();
        series
            .iter()
            .filter_map(|one| Some((labels(&one["metric"]), one["value"][1].as_str()?.parse().ok()?)))
            .collect()
    }

    /// Labels and values of the exemplars that the series of a query have.
    pub fn exemplars(&self, expression: &str) -> Vec<(Labels, f64)> {
        let answer = self.ask("query_exemplars", expression);
        let series = answer.as_array().cloned().unwrap_or_default();
        let exemplars = series.iter().filter_map(|one| one["exemplars"].as_array()).flatten();
        exemplars.filter_map(|one| Some((labels(&one["labels"]), one["value"].as_str()?.parse().ok()?))).collect()
    }
}

fn labels(object: &Value) -> Labels {
    let pairs = object.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}
