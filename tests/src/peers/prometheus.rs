//! A Prometheus that scrapes the agent.

use std::fs;
use std::net::SocketAddr;

use serde_json::Value;

use crate::agent::METRICS;
use crate::eventually::eventually;
use crate::http;
use crate::process::Process;
use crate::world::World;

const ADDRESS: &str = "127.0.0.1:9090";

/// A server that scrapes once a second.
#[derive(Debug)]
pub struct Prometheus<'a> {
    world: &'a World,
    address: SocketAddr,
    _process: Process,
}

impl<'a> Prometheus<'a> {
    /// Starts it on the world's host and waits until it is ready.
    pub fn start(world: &'a World) -> Self {
        let directory = world.directory().join("prometheus");
        fs::create_dir_all(&directory).expect("a directory for Prometheus");
        let config = directory.join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: flowfold, static_configs: [{{targets: ['{METRICS}']}}]}}]\n"
        );
        fs::write(&config, text).expect("a configuration for Prometheus");
        let process = world
            .beside("prometheus")
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

    /// The values that a query has now, one for each series.
    pub fn query(&self, expression: &str) -> Vec<f64> {
        let escaped: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = self.get(&format!("/api/v1/query?query={escaped}")).expect("Prometheus answers");
        let answer: Value = serde_json::from_slice(&answer.body).expect("Prometheus answers in JSON");
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let series = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        series.iter().filter_map(|one| one["value"][1].as_str()?.parse().ok()).collect()
    }
}
