//! The command line.

mod text;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::config::{Environment, LogFormat, Overrides, defaults, read_drain_timeout};
use crate::demo::ServiceArgs;

/// L7 metrics of every service on a Linux host, steered by eBPF, with no change to the services.
#[derive(Debug, Parser)]
#[command(name = "flowfold", version, about, after_help = text::TOP, after_long_help = text::TOP)]
#[command(max_term_width = 110, disable_help_subcommand = true, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Steer the named traffic into the agent and turn it into metrics, until SIGTERM or SIGINT
    ///
    /// eBPF programs steer new TCP connections of the named ports into this process, which relays every byte unchanged
    /// and reads along. When the process stops, hangs or dies, new connections go direct.
    #[command(after_long_help = text::RUN)]
    Run(RunArgs),
    /// Relay one address to another and read along, without eBPF or privilege
    ///
    /// The explicit form of `run`: clients are pointed at --listen by hand, and the server sees this process as its
    /// client.
    #[command(after_long_help = text::PROXY)]
    Proxy(ProxyArgs),
    /// Check the configuration, and that this host and user can run it; attach nothing
    #[command(after_long_help = text::CHECK)]
    Check(CheckArgs),
    /// Watch a small shop of services, under steady traffic, turn into metrics
    ///
    /// Starts four HTTP services and a client in child processes and a child cgroup, runs the real agent around them,
    /// and prints who calls whom, how often, with which errors and latency.
    #[command(after_long_help = text::DEMO)]
    Demo(DemoArgs),
    /// Work on route templates, which give paths a label that is bounded
    #[command(subcommand)]
    Routes(RoutesCommand),
    /// One process of the demo.
    #[command(hide = true)]
    DemoService(ServiceArgs),
}

/// What can be done about route templates.
#[derive(Debug, Subcommand)]
pub enum RoutesCommand {
    /// Print what a running agent learned of paths, as templates for its configuration
    ///
    /// An agent whose configuration has `max_url_templates` learns patterns of the paths that no template matches:
    /// numbers, UUIDs, hashes and long tokens become {id}. What is printed can be pasted into the configuration, where
    /// they are templates for the label `http_route`.
    #[command(after_long_help = text::SUGGEST)]
    Suggest(SuggestArgs),
}

/// `flowfold routes suggest`
#[derive(Clone, Debug, Args)]
pub struct SuggestArgs {
    /// Where the agent serves /metrics, as IP:PORT
    #[arg(long, value_name = "ADDR", default_value_t = defaults::METRICS_LISTEN)]
    pub agent: SocketAddr,
}

/// Which traffic is steered: what `run` and `check` share.
#[derive(Clone, Debug, Default, Args)]
pub struct SteeringArgs {
    /// The configuration file (YAML); each flag wins over the file's key of the same name
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The traffic to steer: rules <direction/port/TCP/L7> with commas between them, as in
    /// '<Ingress/9080/TCP/HTTP>,<Egress/80/TCP/HTTP>'
    ///
    /// Ingress is to local servers on the port, Egress from local clients to any server on the port. L7 is HTTP, GRPC,
    /// KAFKA, or AUTO for whatever the first bytes tell, in any case. DNS (over TCP) is steered too, but this release
    /// counts only its connections and bytes.
    #[arg(long, value_name = "RULES")]
    pub visibility: Option<String>,
    /// The cgroup2 directory whose processes egress rules hold for [default: the root, which is every process]. Ingress
    /// rules hold for every server of the network namespace
    #[arg(long, value_name = "DIR")]
    pub cgroup: Option<PathBuf>,
    /// The network namespace that is steered, such as /run/netns/NAME or /proc/PID/ns/net [default: the current one]
    #[arg(long, value_name = "PATH")]
    pub netns: Option<PathBuf>,
    /// Where /metrics, /healthz and /readyz are served, in the current namespace whatever --netns says
    /// [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = workers)]
    pub workers: Option<NonZeroUsize>,
    /// Connections that are relayed at once; near it, new ones go direct, counted
    /// [default: (limit of open files - reserve) / 2]
    #[arg(long, value_name = "N")]
    pub max_connections: Option<NonZeroUsize>,
    /// How long open exchanges may go on after SIGTERM or SIGINT, as in 10s, 500ms or 2m, up to 1h [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = drain_timeout)]
    pub drain_timeout: Option<Duration>,
    #[command(flatten)]
    /// How to log.
    pub log: LogArgs,
}

/// How to log: what all commands share.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct LogArgs {
    /// The log on stderr: for people, or one JSON object per line [default: human]
    #[arg(long, value_name = "FORMAT", hide_default_value = true)]
    pub log_format: Option<LogFormat>,
}

/// `flowfold run`
#[derive(Clone, Debug, Default, Args)]
pub struct RunArgs {
    #[command(flatten)]
    /// Which traffic is steered.
    pub steering: SteeringArgs,
}

/// `flowfold check`
#[derive(Clone, Debug, Default, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    /// Which traffic would be steered.
    pub steering: SteeringArgs,
    /// Print a configuration file that explains every key, and check nothing
    #[arg(long)]
    pub print_example: bool,
}

/// `flowfold proxy`
#[derive(Clone, Debug, Args)]
pub struct ProxyArgs {
    /// Where to accept connections, as IP:PORT
    #[arg(long, value_name = "ADDR")]
    pub listen: SocketAddr,
    /// The server to relay them to, as IP:PORT
    #[arg(long, value_name = "ADDR", value_parser = upstream)]
    pub upstream: SocketAddr,
    /// Where /metrics, /healthz and /readyz are served
    #[arg(long, value_name = "ADDR", default_value_t = defaults::METRICS_LISTEN)]
    pub metrics: SocketAddr,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = workers)]
    pub workers: Option<NonZeroUsize>,
    /// How long open exchanges may go on after SIGTERM or SIGINT, as in 10s, 500ms or 2m, up to 1h [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = drain_timeout)]
    pub drain_timeout: Option<Duration>,
    #[command(flatten)]
    /// How to log.
    pub log: LogArgs,
}

/// `flowfold demo`
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// How long to run, as in 10s or 2m [default: until Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = demo_time)]
    pub duration: Option<Duration>,
    /// Where /metrics is served; a free port is taken where the default's is in use [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
    #[command(flatten)]
    /// How to log.
    pub log: LogArgs,
}

impl SteeringArgs {
    /// The flags as they are laid over the file.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            visibility: self.visibility.clone(),
            metrics: self.metrics,
            cgroup: self.cgroup.clone(),
            netns: self.netns.clone(),
            workers: self.workers,
            max_connections: self.max_connections,
            drain_timeout: self.drain_timeout,
            log_format: self.log.log_format,
            environment: Environment::of_process(),
        }
    }
}

fn workers(text: &str) -> Result<NonZeroUsize, String> {
    let in_range = |count: &NonZeroUsize| count.get() <= defaults::MAX_WORKERS;
    text.parse()
        .ok()
        .filter(in_range)
        .ok_or_else(|| format!("write a whole number from 1 to {}", defaults::MAX_WORKERS))
}

fn upstream(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => {
            Err("no server listens on port 0; give the server's port, a number from 1 to 65535".to_owned())
        }
        Ok(address) => Ok(address),
        Err(_) => Err("write IP:PORT, as in 127.0.0.1:8080 or [::1]:8080".to_owned()),
    }
}

fn drain_timeout(text: &str) -> Result<Duration, String> {
    read_drain_timeout(text).ok_or_else(|| "write a number and a unit, as in 10s, 500ms or 2m, up to 1h".to_owned())
}

fn demo_time(text: &str) -> Result<Duration, String> {
    let read = humantime::parse_duration(text).ok().filter(|time| !time.is_zero());
    read.ok_or_else(|| "write a number and a unit, as in 10s or 2m, of more than nothing".to_owned())
}

#[cfg(test)]
mod tests;
