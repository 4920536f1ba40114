//! The thread that keeps the directory of workloads up to date, apart from the workers.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::capabilities::{self, Role};
use crate::error::AgentError;
use crate::identity::Directory;
use crate::{netns, priority};

/// How often this host is looked at anew: as long as a server that has just been started may go by its address. A look
/// that finds nothing new takes a fraction of a millisecond.
const PERIOD: Duration = Duration::from_millis(250);

/// The thread that keeps the directory up to date.
#[derive(Debug)]
pub(super) struct IdentityThread {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl IdentityThread {
    /// Starts it in the steered network namespace, and waits for its first look.
    pub(super) fn start(namespace: Option<&Path>, directory: Arc<Directory>) -> Result<Self, AgentError> {
        let (stop, asked_to_stop) = mpsc::channel();
        let (looked, first_look) = mpsc::channel();
        let namespace = namespace.map(Path::to_owned);
        let keep_looking = move || {
            priority::behind_traffic();
            let settled =
                netns::enter(namespace.as_deref()).and_then(|()| capabilities::keep_only_what(Role::Identity));
            directory.refresh();
            let failed = settled.is_err();
            if looked.send(settled).is_err() || failed {
                return;
            }
            while asked_to_stop.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                directory.refresh();
            }
        };
        let thread = thread::Builder::new().name("identity".to_owned()).spawn(keep_looking);
        let thread = thread.map_err(AgentError::system("cannot start a thread"))?;
        first_look.recv().unwrap_or(Err(AgentError::Died("the thread that names workloads")))?;
        Ok(Self { stop, thread })
    }

    /// Ends it.
    pub(super) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::warn!("the thread that names workloads panicked");
        }
    }
}
