//! What the agent is asked to do: read from a file and flags, and valid once it exists.

mod build;
pub mod defaults;
mod environment;
mod example;
mod problem;
mod raw;
mod rule;
mod shape;
mod telemetry;
mod workload;

use std::fs::File;
use std::io::Read as _;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flowfold_fold::FoldOptions;

pub(crate) use build::{FIX_OF_CGROUP, flaw_of_cgroup, read_drain_timeout};
pub use environment::Environment;
pub use example::EXAMPLE;
pub use problem::{ConfigError, Problem};
pub use rule::{Direction, L4, L7, Rule};
pub use telemetry::Telemetry;
pub use workload::WorkloadEntry;

/// A configuration that can be run: every value is in range, and no two contradict each other.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which traffic is steered. At least one rule, and no two of one direction, port and transport.
    pub rules: Vec<Rule>,
    /// The cgroup2 directory whose processes are steered; absent: the root of the cgroup2 tree, which is every process.
    pub cgroup: Option<PathBuf>,
    /// The network namespace that is steered, as a path such as `/run/netns/NAME`; absent: the agent's own.
    pub netns: Option<PathBuf>,
    /// Where `/metrics` is served. In the namespace that the agent was started in, whatever `netns` says.
    pub metrics: SocketAddr,
    /// Worker threads; absent: one per core that the agent may run on.
    pub workers: Option<NonZeroUsize>,
    /// Connections that are relayed at once before new ones go direct; absent: what the descriptor limit carries.
    pub max_connections: Option<NonZeroUsize>,
    /// How long open exchanges may go on after a stop was asked for.
    pub drain_timeout: Duration,
    /// The workloads table, in its order.
    pub workloads: Vec<WorkloadEntry>,
    /// Whether a peer that nothing else tells is shown as its IP address, instead of as `unknown`.
    pub show_ips: bool,
    /// Whether OpenMetrics shows when counters and histograms began.
    pub created_lines: bool,
    /// What the agent sends of its own accord.
    pub telemetry: Telemetry,
    /// What is kept of exchanges, and how it is shown; all but the build.
    pub fold: FoldOptions,
    /// How the agent logs.
    pub log: LogOptions,
}

/// How the agent logs to stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// For people or for machines.
    pub format: LogFormat,
    /// A level, or directives per module, as `tracing` understands them.
    pub filter: String,
}

/// Who reads the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// People: one line per event, coloured on a terminal.
    #[default]
    Human,
    /// Machines: one JSON object per line.
    Json,
}

/// What flags and the environment say; each of them wins over the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--visibility`: compact rules with commas between them. They replace the file's.
    pub visibility: Option<String>,
    /// `--metrics`
    pub metrics: Option<SocketAddr>,
    /// `--cgroup`
    pub cgroup: Option<PathBuf>,
    /// `--netns`
    pub netns: Option<PathBuf>,
    /// `--workers`
    pub workers: Option<NonZeroUsize>,
    /// `--max-connections`
    pub max_connections: Option<NonZeroUsize>,
    /// `--drain-timeout`
    pub drain_timeout: Option<Duration>,
    /// `--log-format`
    pub log_format: Option<LogFormat>,
    /// The variables of OpenTelemetry.
    pub environment: Environment,
}

impl Config {
    /// Reads the file, if one is named, and lays the flags over it.
    pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigError> {
        let Some(path) = file else {
            return Self::from_text("flags", "", overrides);
        };
        let source = path.display().to_string();
        let text = read_file(path).map_err(|(what, fix)| {
            ConfigError::one(Problem { source: source.clone(), line: None, path: String::new(), what, fix })
        })?;
        Self::from_text(&source, &text, overrides)
    }

    /// Reads a configuration from its text. `source` names it in errors.
    pub fn from_text(source: &str, text: &str, overrides: &Overrides) -> Result<Self, ConfigError> {
        let raw = shape::read(source, text)?;
        build::config(source, raw, overrides)
    }

    /// The ports of the rules of one direction for TCP, in their order.
    pub fn ports(&self, direction: Direction) -> Vec<u16> {
        self.ports_by(direction, L4::Tcp)
    }

    /// The ports of the rules of one direction for datagrams, in their order.
    pub fn udp_ports(&self, direction: Direction) -> Vec<u16> {
        self.ports_by(direction, L4::Udp)
    }

    fn ports_by(&self, direction: Direction, l4: L4) -> Vec<u16> {
        let named = self.rules.iter().filter(|rule| (rule.direction, rule.l4) == (direction, l4));
        named.map(|rule| rule.port.get()).collect()
    }

    /// The ports of those rules of one direction that expect this.
    pub fn ports_of(&self, direction: Direction, l7: L7) -> Vec<u16> {
        let is_it = |rule: &&Rule| rule.direction == direction && rule.l7 == l7;
        self.rules.iter().filter(is_it).map(|rule| rule.port.get()).collect()
    }
}

fn read_file(path: &Path) -> Result<String, (String, String)> {
    let unreadable = |error: std::io::Error| {
        (format!("cannot be read: {error}"), "give --config a file that exists and that this user may read".to_owned())
    };
    // The size that the system tells beforehand is 0 for pipes and devices, so what counts is what comes. One byte more
    // than may be there tells that there is more.
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(defaults::MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > defaults::MAX_FILE_BYTES {
        let limit = defaults::MAX_FILE_BYTES / (1024 * 1024);
        let what = format!("is longer than {limit} MiB, which is no configuration");
        return Err((what, format!("give --config a YAML file of at most {limit} MiB")));
    }
    String::from_utf8(bytes).map_err(|_| ("is not text".to_owned(), "give --config a YAML file in UTF-8".to_owned()))
}

#[cfg(test)]
mod tests;
