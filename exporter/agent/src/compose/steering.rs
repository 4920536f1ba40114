//! The programs: attaching them, and keeping them in step with the agent.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use flowfold_flow::Side;
use flowfold_fold::{Health, NotObserved, SteeredDirection};
use flowfold_proxy::{Listener, WorkerStatus};
use flowfold_redirect::{Answer, Listeners, Lookups, Plan, Redirect, RedirectError, Requirement, SteeringStats};

use super::datagrams::Passing;
use super::older;
use super::unreachable::Unreachable;
use crate::config::{Config, Direction};
use crate::error::{AgentError, whole};
use crate::limits::Ceiling;
use crate::netns;

/// The programs while the agent runs, shared by the workers and the thread that watches over them.
#[derive(Debug)]
pub(super) struct Steering {
    /// Written once, at the end. The workers take it to read when they meet the ceiling, and for nothing else.
    redirect: RwLock<Redirect>,
    ceiling: Ceiling,
    starvation: Starvation,
    cgroup: PathBuf,
    workers: Vec<Arc<WorkerStatus>>,
    unread: Unread,
}

/// How many datagrams nobody has read, as it was told last, by [`Side`].
#[derive(Debug, Default)]
struct Unread {
    at_clients: [AtomicU64; Side::ALL.len()],
    at_servers: [AtomicU64; Side::ALL.len()],
}

/// How long steering pauses when local ports have run out. They come back as connections leave TIME-WAIT, a minute after
/// they closed; each try before costs a client its connection.
const WITHOUT_PORTS: Duration = Duration::from_secs(5);

/// A time in which local ports are known to be short. Shared by all workers, without a lock.
#[derive(Debug)]
struct Starvation {
    base: Instant,
    /// Milliseconds after the base; zero before the first time.
    until: AtomicU64,
}

impl Starvation {
    fn new() -> Self {
        Self { base: Instant::now(), until: AtomicU64::new(0) }
    }

    fn begin(&self) {
        self.until.store(self.after_base(WITHOUT_PORTS), Ordering::Relaxed);
    }

    fn lasts(&self) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        until > 0 && self.after_base(Duration::ZERO) < until
    }

    fn after_base(&self, more: Duration) -> u64 {
        u64::try_from((self.base.elapsed() + more).as_millis()).unwrap_or(u64::MAX)
    }
}

impl Unread {
    fn tell(&self, health: &Health, stats: &SteeringStats) {
        for (lasts, totals) in [
            (&self.at_clients, [stats.unread_to_server, stats.unread_to_client]),
            (&self.at_servers, [stats.unread_into_server, stats.unread_out_of_server]),
        ] {
            for ((last, side), total) in lasts.iter().zip(Side::ALL).zip(totals) {
                health.unread_datagrams(side, total.saturating_sub(last.swap(total, Ordering::Relaxed)));
            }
        }
    }

    fn totals(&self) -> [u64; 2] {
        [&self.at_clients, &self.at_servers].map(|lasts| lasts.iter().map(|last| last.load(Ordering::Relaxed)).sum())
    }
}

impl Steering {
    /// Steers connections to these workers, up to the ceiling.
    pub(super) fn new(
        redirect: Redirect,
        cgroup: PathBuf,
        ceiling: Ceiling,
        workers: Vec<Arc<WorkerStatus>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            redirect: RwLock::new(redirect),
            ceiling,
            starvation: Starvation::new(),
            cgroup,
            workers,
            unread: Unread::default(),
        })
    }

    /// A worker's access to what the programs recorded.
    pub(super) fn lookups(&self) -> Lookups {
        self.redirect().lookups()
    }

    /// Tells the programs that the agent is alive. The first time starts steering.
    ///
    /// Whether steering pauses is said again with each beat: two workers that change their mind at the same moment may
    /// write in the wrong order.
    pub(super) fn beat(&self) -> Result<(), RedirectError> {
        let redirect = self.redirect();
        redirect.set_paused(self.ceiling.is_paused())?;
        redirect.beat()
    }

    /// Pauses steering near the ceiling of connections, and ends the pause below it.
    pub(super) fn mind_the_ceiling(&self) {
        let open = self.workers.iter().map(|worker| worker.open_connections()).sum();
        // Without ports nothing more can be held, however little is open.
        let starved = self.starvation.lasts();
        let Some(pause) = self.ceiling.look(if starved { usize::MAX } else { open }) else { return };
        match (pause, starved) {
            (true, true) => tracing::warn!(open, "no local port left: new connections go direct for a while"),
            (true, false) => tracing::warn!(open, "near the ceiling: new connections go direct"),
            (false, _) => tracing::info!(open, "new connections are steered again"),
        }
        if let Err(error) = self.redirect().set_paused(pause) {
            tracing::error!("steering cannot be paused or resumed: {}", whole(&error));
        }
    }

    /// No local port was left to connect to a local server from: pauses steering until some may be free again.
    pub(super) fn out_of_ports(&self) {
        self.starvation.begin();
        self.mind_the_ceiling();
    }

    /// The steered cgroup, if it has been removed: the programs of outgoing connections went with it.
    pub(super) fn lost_cgroup(&self) -> Option<PathBuf> {
        (!self.redirect().has_its_cgroup()).then(|| self.cgroup.clone())
    }

    /// Ends steering for good. What is open stays as it is.
    pub(super) fn stop(&self) {
        self.redirect.write().unwrap_or_else(PoisonError::into_inner).stop_steering();
    }

    /// Hands on what the programs counted.
    pub(super) fn count(&self, health: &Health) -> Result<(), RedirectError> {
        let redirect = self.redirect();
        for program in redirect.programs() {
            health.program(program.name, program.attached);
        }
        let stats = redirect.stats()?;
        health.steered(SteeredDirection::Ingress, stats.steered_ingress);
        health.steered(SteeredDirection::Egress, stats.steered_egress);
        for (reason, total) in [
            (NotObserved::Paused, stats.direct_paused),
            (NotObserved::StaleHeartbeat, stats.direct_stale_heartbeat),
            (NotObserved::MapFull, stats.direct_map_full),
            (NotObserved::NoListener, stats.direct_no_listener),
            (NotObserved::BoundDevice, stats.direct_bound_device),
            (NotObserved::SpecialDestination, stats.direct_special_destination),
            (NotObserved::OtherNamespace, stats.direct_other_namespace),
            (NotObserved::AssignFailed, stats.direct_assign_failed),
            (NotObserved::UdpOtherNamespace, stats.udp_other_namespace),
            (NotObserved::NamedPort, stats.direct_named_port),
        ] {
            health.not_observed(reason, total);
        }
        self.unread.tell(health, &stats);
        Ok(())
    }

    /// How many datagrams nobody has read, at the sockets of local clients and at those of local servers.
    pub(super) fn unread_datagrams(&self) -> [u64; 2] {
        self.unread.totals()
    }

    fn redirect(&self) -> std::sync::RwLockReadGuard<'_, Redirect> {
        self.redirect.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The programs, and what goes with them. Nothing is steered before the first beat.
pub(super) struct Attached {
    pub(super) redirect: Redirect,
    /// The listeners of each worker.
    pub(super) listeners: Vec<Vec<Listener>>,
    /// The datagrams that pass by; absent without rules for datagrams.
    pub(super) datagrams: Option<Passing>,
    /// The cgroup whose processes are steered.
    pub(super) cgroup: PathBuf,
    /// Connections of the rules' ports that were open before.
    pub(super) older: u64,
}

/// Opens the listeners and attaches the programs in the steered network namespace. The calling thread stays in its own.
pub(super) fn attach(config: &Config, worker_count: usize) -> Result<Attached, AgentError> {
    let cgroup = match &config.cgroup {
        Some(cgroup) => cgroup.clone(),
        None => flowfold_redirect::cgroup2_mount()?,
    };
    let plan = Plan {
        cgroup,
        ingress: config.ports(Direction::Ingress),
        egress: config.ports(Direction::Egress),
        egress_udp: config.udp_ports(Direction::Egress),
        ingress_udp: config.udp_ports(Direction::Ingress),
        prompt_answers: config.fold.destination_names.max_names > 0,
        description: format!("flowfold {}", env!("CARGO_PKG_VERSION")),
    };
    netns::within(config.netns.as_deref(), || {
        let listeners =
            Listeners::open(worker_count).map_err(AgentError::system("cannot listen for steered connections"))?;
        if let Some(reason) = listeners.without_ipv6() {
            tracing::warn!(%reason, "no IPv6 in this network namespace: IPv6 connections go direct");
        }
        let older = older::count(&plan);
        let mut redirect = Redirect::attach(&plan, &listeners).map_err(|error| explain(error, &plan))?;
        let is_prompt = plan.prompt_answers;
        let datagrams =
            redirect.take_datagrams().map(|tap| Passing { tap, unreachable: Unreachable::open(), is_prompt });
        let listeners = listeners.into_workers().into_iter().map(|own| {
            let both = [Some(own.v4), own.v6].into_iter().flatten();
            both.map(|socket| Listener { socket }).collect()
        });
        Ok(Attached { redirect, listeners: listeners.collect(), datagrams, cgroup: plan.cgroup.clone(), older })
    })
}

/// Tells everything that steering this cgroup, or any, would lack; attaches nothing.
pub fn can_steer(cgroup: Option<&Path>) -> Result<(), AgentError> {
    let probe = flowfold_redirect::probe(cgroup);
    let missing: Vec<_> = probe.missing().filter_map(tell).collect();
    if missing.is_empty() { Ok(()) } else { Err(AgentError::Missing(missing.join("\n"))) }
}

fn tell(requirement: &Requirement) -> Option<String> {
    match &requirement.answer {
        Answer::MissingPrivilege { found, fix } | Answer::MissingFeature { found, fix } => {
            Some(format!("{}: {found}\nfix: {fix}", requirement.name))
        }
        Answer::Present(_) | Answer::Note(_) => None,
    }
}

/// Puts everything that is missing in place of the first thing that failed for it.
fn explain(error: RedirectError, plan: &Plan) -> AgentError {
    if error.is_missing_privilege() || error.is_missing_feature() {
        can_steer(Some(&plan.cgroup)).err().unwrap_or_else(|| error.into())
    } else {
        error.into()
    }
}
