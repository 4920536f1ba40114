//! The threads that relay.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread;

use flowfold_expose::Spans;
use flowfold_fold::Fold;
use flowfold_proxy::{DrainWatch, KafkaKnowledge, Listener, OriginalDestination, Worker, WorkerStatus};
use tokio::sync::mpsc;

use crate::capabilities::{self, Role};
use crate::error::AgentError;
use crate::netns;

/// The threads that relay, one per core.
#[derive(Debug)]
pub(super) struct Workers {
    ended: mpsc::UnboundedReceiver<()>,
    running: usize,
}

/// Says that a worker has ended, however it did.
struct SaysEnded(mpsc::UnboundedSender<()>);

impl Drop for SaysEnded {
    fn drop(&mut self) {
        // An error means that nobody waits any more.
        self.0.send(()).ok();
    }
}

impl Workers {
    /// Starts a worker for each status and its listeners in the steered network namespace, and waits until all have
    /// dropped what they may not do.
    pub(super) fn start<D: OriginalDestination + Send + 'static>(
        namespace: Option<&Path>,
        statuses: &[Arc<WorkerStatus>],
        listeners: Vec<Vec<Listener>>,
        (fold, spans): (&Arc<Fold>, &Spans),
        drain: &DrainWatch,
        destinations: impl Fn() -> D,
    ) -> Result<Self, AgentError> {
        let kafka = KafkaKnowledge::default();
        let (says_ended, ended) = mpsc::unbounded_channel();
        let (says_begun, begun) = std_mpsc::channel();
        for (index, (listeners, status)) in listeners.into_iter().zip(statuses).enumerate() {
            let worker = Worker {
                listeners,
                destinations: destinations(),
                sink: (fold.shard(), spans.sink()),
                kafka: kafka.clone(),
                status: Arc::clone(status),
                drain: drain.clone(),
            };
            let namespace = namespace.map(Path::to_owned);
            let says_begun = says_begun.clone();
            let says_ended = SaysEnded(says_ended.clone());
            let run = move || {
                let _says_ended = says_ended;
                let begun =
                    netns::enter(namespace.as_deref()).and_then(|()| capabilities::keep_only_what(Role::Worker));
                let failed = begun.is_err();
                if says_begun.send(begun).is_err() || failed {
                    return;
                }
                if let Err(error) = worker.run() {
                    tracing::error!(%error, "worker {index} cannot run");
                }
            };
            let thread = thread::Builder::new().name(format!("worker-{index}")).spawn(run);
            thread.map_err(AgentError::system("cannot start a worker"))?;
        }
        drop(says_begun);
        let running = statuses.len();
        for _ in 0..running {
            begun.recv().unwrap_or(Err(AgentError::Died("a worker")))?;
        }
        Ok(Self { ended, running })
    }

    /// A status for each of so many workers.
    pub(super) fn statuses(count: usize) -> Vec<Arc<WorkerStatus>> {
        (0..count).map(|_| Arc::default()).collect()
    }

    /// Waits until a worker has ended.
    pub(super) async fn one_ended(&mut self) {
        if self.running > 0 && self.ended.recv().await.is_some() {
            self.running -= 1;
        }
    }

    /// Waits until no worker runs.
    pub(super) async fn all_ended(&mut self) {
        while self.running > 0 {
            self.one_ended().await;
        }
    }
}
