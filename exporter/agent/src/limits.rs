//! How many connections the agent can hold, and when it should stop taking more.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Resource, Rlimit};

use crate::config::Config;
use crate::error::AgentError;

/// Descriptors for everything but workers and their connections: programs and maps, scrapes, files of /proc. Where there
/// are few, half of them, which is still several times what an agent at rest holds.
const RESERVED_DESCRIPTORS: usize = 512;

/// Descriptors of one worker: its runtime's four, and a listener for each address or version of IP.
const DESCRIPTORS_PER_WORKER: usize = 8;

/// The fewest open files to start with. An agent with two workers holds some 45 at rest, and what is left must do for
/// scrapes and for connections in a number that is worth it.
const LEAST_OPEN_FILES: usize = 256;

/// The fewest open files to start with beside those of the workers, where there are so many that they fill the former.
const LEAST_BESIDE_WORKERS: usize = 128;

/// Descriptors of one relayed connection: the client's and the server's socket.
const DESCRIPTORS_PER_CONNECTION: usize = 2;

/// Raises the limit of open files to the hard one, and returns it.
pub fn raise_open_files() -> usize {
    let Rlimit { current, maximum } = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    let limit = match rustix::process::setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "cannot raise the limit of open files");
            current
        }
    };
    // No limit reads as none.
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// The configuration with as many workers as there will be, and with as many connections as the descriptors carry beside
/// them. Refused where that is next to none.
pub fn fit(config: Config) -> Result<Config, AgentError> {
    let workers = worker_count(config.workers);
    let open_files = enough_open_files(Some(workers))?;
    let left = beside_workers(open_files, workers);
    let max_connections = NonZeroUsize::new(max_connections(config.max_connections, left));
    Ok(Config { workers: Some(workers), max_connections, ..config })
}

/// Raises the limit of open files, and refuses one that is too low for so many workers, or one per core.
pub fn enough_open_files(workers: Option<NonZeroUsize>) -> Result<usize, AgentError> {
    let limit = raise_open_files();
    let needed = needed_open_files(worker_count(workers));
    if limit < needed { Err(AgentError::FewOpenFiles { limit, needed }) } else { Ok(limit) }
}

fn worker_count(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    asked.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

fn beside_workers(open_files: usize, workers: NonZeroUsize) -> usize {
    open_files.saturating_sub(workers.get() * DESCRIPTORS_PER_WORKER)
}

fn needed_open_files(workers: NonZeroUsize) -> usize {
    LEAST_OPEN_FILES.max(workers.get() * DESCRIPTORS_PER_WORKER + LEAST_BESIDE_WORKERS)
}

/// The most connections to hold: what was asked for, but no more than the descriptors carry.
pub fn max_connections(asked: Option<NonZeroUsize>, open_files: usize) -> usize {
    let reserved = RESERVED_DESCRIPTORS.min(open_files / 2);
    let carried = ((open_files - reserved) / DESCRIPTORS_PER_CONNECTION).max(1);
    match asked.map(NonZeroUsize::get) {
        Some(asked) if asked > carried => {
            tracing::warn!(
                "max_connections {asked} is more than {open_files} open files carry beside the workers'; using {carried}"
            );
            carried
        }
        asked => asked.unwrap_or(carried),
    }
}

/// The part of what can be held that is left for connections that are on their way when the pause begins: accepting is
/// what counts them, and some wait for that.
const MARGIN: usize = 32;

/// Decides when new connections should go direct: a margin below what can be held, until the number of open ones is two
/// margins below, so that the switch does not flutter. Shared by all workers, without a lock.
#[derive(Debug)]
pub struct Ceiling {
    pause_at: usize,
    resume_at: usize,
    paused: AtomicBool,
}

impl Ceiling {
    /// A ceiling of this many connections.
    pub fn new(max_connections: usize) -> Self {
        let margin = max_connections / MARGIN;
        Self {
            pause_at: max_connections - margin,
            resume_at: max_connections - (2 * margin).max(1),
            paused: AtomicBool::new(false),
        }
    }

    /// Whether new connections go direct, by the last look.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Looks at the number of open connections. A change of mind is returned, to one caller alone: whether to pause now.
    pub fn look(&self, open: usize) -> Option<bool> {
        let paused = self.paused.load(Ordering::Relaxed);
        let pause = if paused { open > self.resume_at } else { open >= self.pause_at };
        if pause == paused {
            return None;
        }
        self.paused.compare_exchange(paused, pause, Ordering::Relaxed, Ordering::Relaxed).ok().map(|_| pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_carry_one_connection_for_two() {
        assert_eq!(max_connections(None, 20_000), (20_000 - 512) / 2);
        assert_eq!(max_connections(NonZeroUsize::new(100), 20_000), 100);
        assert_eq!(max_connections(NonZeroUsize::new(100_000), 20_000), (20_000 - 512) / 2);
        assert_eq!(max_connections(None, 100), 25);
        assert_eq!(max_connections(None, 0), 1);
    }

    #[test]
    fn the_workers_descriptors_are_set_apart() {
        let carried = |open_files, workers| {
            let left = beside_workers(open_files, NonZeroUsize::new(workers).unwrap());
            max_connections(None, left)
        };
        // Eight descriptors for each of 32 more workers are four connections less for each.
        assert_eq!(carried(20_000, 2) - carried(20_000, 34), 4 * 32);
        assert_eq!(carried(256, 2), 60);
    }

    #[test]
    fn the_least_limit_grows_with_the_workers() {
        let needed = |workers| needed_open_files(NonZeroUsize::new(workers).unwrap());
        assert_eq!((needed(1), needed(16), needed(17), needed(256)), (256, 256, 264, 2176));
    }

    #[test]
    fn steering_pauses_near_the_ceiling_and_resumes_well_below() {
        let ceiling = Ceiling::new(320);
        assert_eq!(ceiling.look(309), None);
        assert_eq!(ceiling.look(310), Some(true));
        assert_eq!(ceiling.look(400), None);
        assert_eq!(ceiling.look(301), None);
        assert_eq!(ceiling.look(300), Some(false));
        assert_eq!(ceiling.look(309), None);
    }

    #[test]
    fn the_smallest_ceiling_lets_go_again() {
        let ceiling = Ceiling::new(1);
        assert_eq!(
            (ceiling.look(0), ceiling.look(1), ceiling.look(1), ceiling.look(0)),
            (None, Some(true), None, Some(false))
        );
    }

    #[test]
    fn nine_thousand_idle_connections_fit_below_twenty_thousand_descriptors() {
        let ceiling = Ceiling::new(max_connections(None, 20_000));
        assert_eq!(ceiling.look(9_000), None);
    }

    #[test]
    fn the_limit_is_raised_to_the_hard_one() {
        let limit = raise_open_files();
        let now = rustix::process::getrlimit(Resource::Nofile);
        assert_eq!(now.current, now.maximum);
        assert_eq!(now.current.map_or(usize::MAX, |limit| limit.try_into().unwrap()), limit);
    }
}
