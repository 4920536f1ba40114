//! Watches over the workers: the heartbeat that lets the programs steer, the ceiling of connections, and the numbers
//! that the programs count.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use flowfold_expose::ReadinessToken;
use flowfold_fold::Health;
use flowfold_proxy::WorkerStatus;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::steering::Steering;
use crate::error::{AgentError, whole};
use crate::service_manager::Watchdog;

/// How often it is looked whether steering can go on after a pause.
const LOOK: Duration = Duration::from_millis(50);

/// How often the programs are told that the agent is alive. They stop steering a second after the last time.
const BEAT: Duration = Duration::from_millis(200);

/// After how many beats without a sign of life of its own a worker counts as stuck: a second, in which it shows ten.
/// Beats are counted and not time, so that a process that was stopped for a while does not find itself stuck.
const STUCK_AFTER: u32 = 5;

/// How often the programs' counters are read. They have no reader but the scrapes.
const COUNT: Duration = Duration::from_millis(250);

/// How long the workers may take to their first sign of life.
const START: Duration = Duration::from_secs(10);

/// Watches over the workers.
#[derive(Debug)]
pub(super) struct Supervisor {
    pulses: Vec<Pulse>,
    ready: ReadinessToken,
    steering: Option<Arc<Steering>>,
    /// Who wants to hear that the workers are alive.
    watchdog: Option<Watchdog>,
    /// The service manager has not had a sign of life that was due.
    owes_sign: bool,
    stuck: bool,
}

/// A worker's signs of life.
#[derive(Debug)]
struct Pulse {
    status: Arc<WorkerStatus>,
    still: Stillness,
}

/// How long a count has not moved.
#[derive(Debug, Default)]
struct Stillness {
    last: u64,
    beats: u32,
}

impl Stillness {
    /// Looks at the count, once per beat. True once it has stood still for too long.
    fn is_stuck(&mut self, count: u64) -> bool {
        self.beats = if count == self.last { self.beats.saturating_add(1) } else { 0 };
        self.last = count;
        self.beats >= STUCK_AFTER
    }
}

impl Supervisor {
    /// Watches over these workers. The token tells scrapers and probes whether they work.
    pub(super) fn new(workers: Vec<Arc<WorkerStatus>>, ready: ReadinessToken) -> Self {
        let pulses = workers.into_iter().map(|status| Pulse { status, still: Stillness::default() });
        let watchdog = Watchdog::listening();
        Self { pulses: pulses.collect(), ready, steering: None, watchdog, owes_sign: false, stuck: false }
    }

    /// Steers while the workers are alive.
    pub(super) fn with_steering(self, steering: Arc<Steering>) -> Self {
        Self { steering: Some(steering), ..self }
    }

    /// Waits for each worker's first sign of life, and only then lets traffic in.
    pub(super) async fn begin(&mut self, health: &Health) -> Result<(), AgentError> {
        let all_alive = async {
            let mut looks = interval(Duration::from_millis(2));
            while self.pulses.iter().any(|pulse| pulse.status.ticks() == 0) {
                looks.tick().await;
            }
        };
        tokio::time::timeout(START, all_alive).await.map_err(|_| AgentError::Died("a worker"))?;
        if let Some(steering) = &self.steering {
            steering.beat()?;
        }
        self.count(health);
        self.ready.ready();
        Ok(())
    }

    /// Keeps watch until the agent cannot do any longer what it was started for, and tells why.
    pub(super) async fn watch(&mut self, health: &Health) -> AgentError {
        let mut looks = every(LOOK);
        let mut beats = every(BEAT);
        let mut counts = every(COUNT);
        let mut signs = self.watchdog.as_ref().map(|watchdog| every(watchdog.period()));
        loop {
            tokio::select! {
                _ = beats.tick() => self.beat(),
                () = tick(signs.as_mut()) => self.sign_is_due(),
                _ = looks.tick() => {
                    if let Some(steering) = &self.steering {
                        steering.mind_the_ceiling();
                    }
                }
                _ = counts.tick() => {
                    self.count(health);
                    if let Some(steering) = &self.steering && let Some(gone) = steering.lost_cgroup() {
                        return AgentError::CgroupGone(gone);
                    }
                }
            }
            if self.pulses.is_empty() {
                // No worker, nothing to watch.
                pending::<()>().await;
            }
        }
    }

    /// Ends steering for good. What is open stays as it is.
    pub(super) fn end(&mut self, health: &Health) {
        self.ready.not_ready();
        if let Some(steering) = &self.steering {
            steering.stop();
        }
        self.count(health);
    }

    fn beat(&mut self) {
        let mut stuck = false;
        for pulse in &mut self.pulses {
            stuck |= pulse.still.is_stuck(pulse.status.ticks());
        }
        if stuck != self.stuck {
            self.stuck = stuck;
            if stuck {
                tracing::error!("a worker shows no sign of life: no heartbeat, so new connections go direct");
                self.ready.not_ready();
            } else {
                tracing::info!("all workers are alive again");
                self.ready.ready();
            }
        }
        self.give_sign();
        let beaten = self.steering.as_ref().filter(|_| !stuck).map(|steering| steering.beat());
        if let Some(Err(error)) = beaten {
            tracing::error!("the heartbeat failed, so new connections go direct: {}", whole(&error));
        }
    }

    fn sign_is_due(&mut self) {
        self.owes_sign = true;
        self.give_sign();
    }

    /// Tells the service manager that all is well, if it is: a worker that stays stuck is mended by a new start. What could
    /// not be told when it was due is told as soon as it can be, not a period later.
    fn give_sign(&mut self) {
        if self.owes_sign
            && !self.stuck
            && let Some(watchdog) = &self.watchdog
        {
            self.owes_sign = !watchdog.alive();
        }
    }

    /// Hands on what the programs counted.
    fn count(&self, health: &Health) {
        if let Some(Err(error)) = self.steering.as_ref().map(|steering| steering.count(health)) {
            tracing::warn!("the programs' counters cannot be read: {}", whole(&error));
        }
    }
}

/// Waits for the next tick, for ever where there is none.
async fn tick(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => pending().await,
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    // After a stop of the whole process one late look is enough.
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use flowfold_expose::Readiness;

    use super::*;

    #[test]
    fn a_stuck_worker_ends_the_signs_of_life() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let is_told = || manager.recv(&mut [0; 64]).is_ok();
        let never_ticks = Arc::new(WorkerStatus::default());
        let mut supervisor = Supervisor::new(vec![never_ticks], Readiness::default().require("workers"));
        supervisor.watchdog = Some(Watchdog::at(&path, BEAT).unwrap());
        for _ in 1..STUCK_AFTER {
            supervisor.beat();
            supervisor.sign_is_due();
            assert!(is_told());
        }
        supervisor.beat();
        supervisor.sign_is_due();
        assert!(!is_told());
        supervisor.pulses[0].still.last = u64::MAX;
        supervisor.beat();
        assert!(is_told(), "it moves again, and the manager need not wait for the next time");
        supervisor.beat();
        assert!(!is_told(), "none is due");
    }

    #[test]
    fn a_count_that_stands_still_for_five_beats_is_stuck() {
        let mut still = Stillness::default();
        assert!(!still.is_stuck(7));
        for _ in 1..STUCK_AFTER {
            assert!(!still.is_stuck(7));
        }
        assert!(still.is_stuck(7));
        assert!(!still.is_stuck(8), "it moves again");
        assert!(!still.is_stuck(8));
    }
}
