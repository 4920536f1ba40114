//! A Prometheus that scrapes the agent.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

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

    /// The same as most run it, with these rules (a pattern of files), which it evaluates once a second. It scrapes
    /// less often, as an exporter that is not optimised needs its time on a machine that has much to do.
    pub fn start_with_rules(world: &'a World, rules: &Path) -> Self {
        let settings = format!("rule_files: ['{}']\n", rules.display());
        Self::start_with(world, world.beside(go::program("prometheus")), "scrape_interval: 4s, ", &settings)
    }

    fn start_as(world: &'a World, launch: Launch, scrape: &str) -> Self {
        Self::start_with(world, launch, scrape, "")
    }

    fn start_with(world: &'a World, launch: Launch, scrape: &str, settings: &str) -> Self {
        let directory = world.directory().join("prometheus");
        fs::create_dir_all(&directory).expect("a directory for Prometheus");
        let config = directory.join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n{settings}\
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

    fn try_ask(&self, api: &str, expression: &str) -> Result<Value, String> {
        let escaped: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = self.get(&format!("/api/v1/{api}?query={escaped}")).expect("Prometheus answers");
        let answer: Value = serde_json::from_slice(&answer.body).expect("Prometheus answers in JSON");
        if answer["status"] == "success" { Ok(answer["data"].clone()) } else { Err(answer["error"].to_string()) }
    }

    fn ask(&self, api: &str, expression: &str) -> Value {
        self.try_ask(api, expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// The values that a query has now, one for each series.
    pub fn query(&self, expression: &str) -> Vec<f64> {
        self.series(expression).into_iter().map(|(_, value)| value).collect()
    }

    /// The same, or what Prometheus has against the query.
    pub fn try_query(&self, expression: &str) -> Result<Vec<f64>, String> {
        let answer = self.try_ask("query", expression)?;
        if answer["resultType"] == "scalar" {
            return Ok(answer["result"][1].as_str().and_then(|value| value.parse().ok()).into_iter().collect());
        }
        Ok(series(&answer).into_iter().map(|(_, value)| value).collect())
    }

    /// The series that a query has now, each with its value.
    pub fn series(&self, expression: &str) -> Vec<(Labels, f64)> {
        series(&self.ask("query", expression))
    }

    /// Labels and values of the exemplars that the series of a query have.
    pub fn exemplars(&self, expression: &str) -> Vec<(Labels, f64)> {
        let answer = self.ask("query_exemplars", expression);
        let series = answer.as_array().cloned().unwrap_or_default();
        let exemplars = series.iter().filter_map(|one| one["exemplars"].as_array()).flatten();
        exemplars.filter_map(|one| Some((labels(&one["labels"]), one["value"].as_str()?.parse().ok()?))).collect()
    }
}

/// The series of an answer, each with its value; none for a kind of answer that has no values of now.
fn series(answer: &Value) -> Vec<(Labels, f64)> {
    let series = answer["result"].as_array().into_iter().flatten();
    series.filter_map(|one| Some((labels(&one["metric"]), one["value"][1].as_str()?.parse().ok()?))).collect()
}

fn labels(object: &Value) -> Labels {
    let pairs = object.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}
