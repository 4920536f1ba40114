//! Joins the layers: with the files below it the only part of the agent that knows the proxy, the fold, the exporters
//! and the programs.

mod admin;
mod datagrams;
mod expiry;
mod explicit;
mod identity;
mod older;
mod outgoing;
mod steered;
mod steering;
mod supervisor;
mod unreachable;
mod workers;

use std::future::pending;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use flowfold_expose::{Endpoints, Readiness};
use flowfold_fold::{BuildInfo, Fold, FoldOptions, NotObserved};
use flowfold_proxy::{DrainTrigger, drain_channel};

use self::admin::Admin;
use self::datagrams::DatagramThread;
use self::explicit::Explicit;
use self::identity::IdentityThread;
use self::outgoing::Outgoing;
use self::steered::{Ports, Steered};
use self::steering::Steering;
use self::supervisor::Supervisor;
use self::workers::Workers;
use crate::capabilities::{self, Role};
use crate::config::{Config, Direction, Telemetry};
use crate::error::AgentError;
use crate::identity::{Directory, Options, Table};
use crate::limits::{self, Ceiling};
use crate::service_manager;

pub use self::explicit::Edge;
pub use self::steering::can_steer;

/// An agent whose threads run. Traffic comes in from [`Agent::begin`] on.
#[derive(Debug)]
pub struct Agent {
    fold: Arc<Fold>,
    supervisor: Supervisor,
    workers: Workers,
    /// Absent without rules for datagrams.
    datagrams: Option<DatagramThread>,
    drain: DrainTrigger,
    drain_timeout: Duration,
    identity: IdentityThread,
    admin: Admin,
    edges: Arc<[Edge]>,
    /// What the log says once traffic comes in.
    does: String,
}

/// What an agent without eBPF is told: which addresses it stands between.
#[derive(Debug)]
pub struct RelayOptions {
    /// Where it listens, and where to it relays.
    pub edges: Vec<Edge>,
    /// Where `/metrics` is served.
    pub metrics: SocketAddr,
    /// Worker threads; absent: one per core.
    pub workers: Option<NonZeroUsize>,
    /// How long open exchanges may go on after a stop was asked for.
    pub drain_timeout: Duration,
    /// What is sent.
    pub telemetry: Telemetry,
}

impl Agent {
    /// Loads and attaches the programs, starts the threads, and drops what running does not take. What fails leaves
    /// nothing behind.
    pub fn steer(config: &Config) -> Result<Self, AgentError> {
        capabilities::gain_no_more()?;
        let max_connections = limits::max_connections(config.max_connections, limits::raise_open_files());
        let worker_count = worker_count(config.workers);
        let metrics = admin::bind(config.metrics)?;
        let fold = Fold::new(FoldOptions { build: build_info(), ..config.fold.clone() });
        let outgoing = Outgoing::prepare(&fold, &config.telemetry)?;
        let ports = Ports::of(config);
        let directory = Directory::new(Options {
            table: Table::new(config.workloads.clone()),
            show_ips: config.show_ips,
            ports: config.rules.iter().map(|rule| rule.port.get()).collect(),
            udp_ports: config.udp_ports(Direction::Ingress),
            cgroup2: flowfold_redirect::cgroup2_mount().ok(),
        });
        let attached = steering::attach(config, worker_count)?;
        fold.health().not_observed(NotObserved::OlderThanAgent, attached.older);
        let namespace = config.netns.as_deref();
        let identity = IdentityThread::start(namespace, Arc::clone(&directory))?;
        let statuses = Workers::statuses(worker_count);
        let steering =
            Steering::new(attached.redirect, attached.cgroup.clone(), Ceiling::new(max_connections), statuses.clone());
        let (drain, watch) = drain_channel();
        let sinks = (&fold, &outgoing.spans);
        let workers = Workers::start(namespace, &statuses, attached.listeners, sinks, &watch, || {
            Steered::new(&steering, directory.resolver(), ports.clone())
        })?;
        let datagrams = match attached.datagrams {
            Some(source) => Some(DatagramThread::start(source, &steering, directory.resolver(), sinks, &watch)?),
            None => None,
        };
        let readiness = Readiness::default();
        let supervisor = Supervisor::new(statuses, readiness.require("steering")).with_steering(steering);
        let endpoints = Endpoints::new(Arc::clone(&outgoing.source), readiness);
        let admin = Admin::start(metrics, outgoing, endpoints.with_created_lines(config.created_lines))?;
        capabilities::keep_only_what(Role::Supervisor)?;
        let rules: Vec<_> = config.rules.iter().map(ToString::to_string).collect();
        let does = format!(
            "steering {} of {} to {worker_count} workers, up to {max_connections} connections",
            rules.join(","),
            attached.cgroup.display()
        );
        let drain_timeout = config.drain_timeout;
        let edges = Arc::default();
        Ok(Self { fold, supervisor, workers, datagrams, drain, drain_timeout, identity, admin, edges, does })
    }

    /// Starts the threads of an agent that relays between explicit addresses.
    pub fn relay(options: RelayOptions) -> Result<Self, AgentError> {
        capabilities::gain_no_more()?;
        limits::raise_open_files();
        let metrics = admin::bind(options.metrics)?;
        let fold = Fold::new(FoldOptions { build: build_info(), ..FoldOptions::default() });
        let outgoing = Outgoing::prepare(&fold, &options.telemetry)?;
        let worker_count = worker_count(options.workers);
        let (explicit, listeners) = Explicit::open(options.edges, worker_count)?;
        let directory =
            Directory::new(Options { show_ips: true, ports: explicit.server_ports(), ..Options::default() });
        let identity = IdentityThread::start(None, Arc::clone(&directory))?;
        let (drain, watch) = drain_channel();
        let statuses = Workers::statuses(worker_count);
        let workers = Workers::start(None, &statuses, listeners, (&fold, &outgoing.spans), &watch, || {
            explicit.destinations(directory.resolver())
        })?;
        let readiness = Readiness::default();
        let supervisor = Supervisor::new(statuses, readiness.require("relaying"));
        let endpoints = Endpoints::new(Arc::clone(&outgoing.source), readiness);
        let admin = Admin::start(metrics, outgoing, endpoints)?;
        capabilities::keep_only_what(Role::Supervisor)?;
        let edges = explicit.edges();
        let shown: Vec<_> = edges.iter().map(|edge| format!("{} to {}", edge.listen, edge.upstream)).collect();
        let does = format!("relaying {} with {worker_count} workers", shown.join(", "));
        Ok(Self {
            fold,
            supervisor,
            workers,
            datagrams: None,
            drain,
            drain_timeout: options.drain_timeout,
            identity,
            admin,
            edges,
            does,
        })
    }

    /// Where `/metrics` is served.
    pub fn metrics(&self) -> SocketAddr {
        self.admin.address()
    }

    /// The numbers.
    pub fn fold(&self) -> &Arc<Fold> {
        &self.fold
    }

    /// Where the edges of a relaying agent listen, in the order in which they were given.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Lets traffic in, once every worker has shown that it is alive.
    pub async fn begin(&mut self) -> Result<(), AgentError> {
        self.supervisor.begin(self.fold.health()).await?;
        tracing::info!("{}", self.does);
        tracing::info!("ready; metrics at http://{}/metrics", self.metrics());
        service_manager::ready(&self.does);
        Ok(())
    }

    /// Watches over the traffic until `stop` is done and has told the reason.
    pub async fn watch(&mut self, stop: impl Future<Output = &'static str>) -> Result<(), AgentError> {
        tokio::select! {
            reason = stop => {
                tracing::info!("stopping ({reason}): open exchanges have {:?} to finish", self.drain_timeout);
                Ok(())
            }
            () = self.workers.one_ended() => Err(AgentError::Died("a worker")),
            () = ended(self.datagrams.as_mut()) => Err(AgentError::Died("the thread that reads datagrams")),
            () = self.admin.one_ended() => Err(AgentError::Died("the thread of /metrics")),
            ended = self.supervisor.watch(self.fold.health()) => Err(ended),
            ended = expiry::keep_on(&self.fold) => Err(ended),
        }
    }

    /// Goes down in order: steering ends, accepting ends, open exchanges finish within the drain timeout, and only then
    /// the exporters go. `hurry`, which tells by what, cuts that short.
    pub async fn finish(mut self, hurry: impl Future<Output = &'static str>) -> Result<(), AgentError> {
        self.supervisor.end(self.fold.health());
        service_manager::stopping(self.drain_timeout);
        self.drain.start(self.drain_timeout);
        let end = async {
            self.workers.all_ended().await;
            if let Some(datagrams) = &mut self.datagrams {
                datagrams.ended().await;
            }
            self.identity.stop();
            self.admin.stop().await;
        };
        tokio::select! {
            () = end => {}
            signal = hurry => return Err(AgentError::Hurried(signal)),
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// Waits for the end of a thread, for ever where there is none.
async fn ended(thread: Option<&mut DatagramThread>) {
    match thread {
        Some(thread) => thread.ended().await,
        None => pending().await,
    }
}

fn worker_count(asked: Option<NonZeroUsize>) -> usize {
    asked.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

fn build_info() -> BuildInfo {
    BuildInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        // Set by whoever packages a release.
        revision: option_env!("FLOWFOLD_REVISION").unwrap_or_default().to_owned(),
    }
}
