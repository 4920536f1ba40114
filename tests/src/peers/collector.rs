//! An OpenTelemetry collector that prints what it receives.

use std::fs;
use std::net::{SocketAddr, TcpStream};

use crate::eventually::eventually;
use crate::go;
use crate::process::Process;
use crate::world::World;

/// Where it takes OTLP by gRPC.
pub const GRPC: &str = "127.0.0.1:4317";

/// Where it takes OTLP by HTTP.
pub const HTTP: &str = "127.0.0.1:4318";

/// A collector that runs.
#[derive(Debug)]
pub struct Collector {
    process: Process,
}

impl Collector {
    /// Starts it on the world's host and waits until it listens. The name tells the log of one from that of another.
    pub fn start(world: &World, name: &str) -> Self {
        let config = world.directory().join("collector.yaml");
        let text = format!(
            "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '{GRPC}'}}, http: {{endpoint: '{HTTP}'}}}}}}}}\n\
             exporters:\n\
             \x20 debug/metrics: {{verbosity: detailed, use_internal_logger: false}}\n\
             \x20 debug/spans: {{verbosity: basic, use_internal_logger: false}}\n\
             service:\n\
             \x20 telemetry: {{metrics: {{level: none}}}}\n\
             \x20 pipelines:\n\
             \x20   metrics: {{receivers: [otlp], exporters: [debug/metrics]}}\n\
             \x20   traces: {{receivers: [otlp], exporters: [debug/spans]}}\n"
        );
        fs::write(&config, text).expect("a configuration for the collector");
        let program = world.beside(go::program("collector")).arg("--config").arg(&config);
        let mut process = program.start(world.directory(), name);
        world.host.run(|| {
            for address in [GRPC, HTTP] {
                let address: SocketAddr = address.parse().expect("a socket address");
                eventually("the collector to listen", || {
                    assert!(process.ended().is_none(), "the collector ended:\n{}", process.stderr());
                    TcpStream::connect(address).ok()
                });
            }
        });
        Self { process }
    }

    /// The count of all points of a histogram in the last request that told it; zero where none has.
    pub fn last_count(&self, metric: &str) -> u64 {
        self.last_sum(metric, "Count: ")
    }

    /// The sum of the values of a counter in the last request that told it.
    pub fn last_value(&self, metric: &str) -> u64 {
        self.last_sum(metric, "Value: ")
    }

    fn last_sum(&self, metric: &str, field: &str) -> u64 {
        let said = self.process.stdout();
        let name = format!("     -> Name: {metric}");
        // the text of a request begins with its first resource
        let requests = said.split("ResourceMetrics #0").filter(|request| request.lines().any(|line| line == name));
        let Some(last) = requests.last() else { return 0 };
        let mut is_ours = false;
        let mut sum = 0;
        for line in last.lines() {
            if line.starts_with("     -> Name: ") {
                is_ours = line == name;
            } else if let Some(text) = line.strip_prefix(field).filter(|_| is_ours) {
                sum += text.trim().parse::<u64>().unwrap_or_else(|_| panic!("no count: {line}"));
            }
        }
        sum
    }

    /// How many spans it has received.
    pub fn spans(&self) -> u64 {
        let said = self.process.stdout();
        let counts = said.split("\"spans\": ").skip(1);
        counts.filter_map(|rest| rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse::<u64>().ok()).sum()
    }

    /// What it has printed.
    pub fn said(&self) -> String {
        self.process.stdout()
    }
}
