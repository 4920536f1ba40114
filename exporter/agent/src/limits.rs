//! How many connections the agent can hold, and when it should stop taking more.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Resource, Rlimit};

/// Descriptors for everything but connections: listeners, runtimes, programs and maps, scrapes, files of /proc.
const RESERVED_DESCRIPTORS: usize = 512;

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

/// The most connections to hold: what was asked for, but no more than the descriptors carry.
pub fn max_connections(asked: Option<NonZeroUsize>, open_files: usize) -> usize {
    let reserved = RESERVED_DESCRIPTORS.min(open_files / 2);
    let carried = ((open_files - reserved) / DESCRIPTORS_PER_CONNECTION).max(1);
    match asked.map(NonZeroUsize::get) {
        Some(asked) if asked > carried => {
            tracing::warn!(
                "max_connections {asked} is more than the limit of {open_files} open files carries; using {carried}"
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
