//! What goes out of the agent: answers to scrapers, pushes of metrics, spans. All of it on the admin thread's runtime.

use std::sync::Arc;
use std::thread;

use flowfold_expose::otlp::MetricsPusher;
use flowfold_expose::{Source, Spans};
use flowfold_fold::Fold;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use crate::capabilities::{self, Role};
use crate::config::Telemetry;
use crate::error::AgentError;

/// What goes out, before it does.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) runtime: AdminRuntime,
    pub(super) source: Arc<Source>,
    pub(super) spans: Spans,
    pub(super) pusher: Option<MetricsPusher>,
}

impl Outgoing {
    /// Reads certificates and makes ready to send; nothing is sent yet. To be called by a thread that may still read the
    /// operator's files.
    pub(super) fn prepare(fold: &Arc<Fold>, telemetry: &Telemetry) -> Result<Self, AgentError> {
        let runtime = AdminRuntime::new()?;
        let resource = &telemetry.resource;
        let source = Arc::new(Source::new(Arc::clone(fold)).with_target_info(&resource.attributes));
        let spans = match telemetry.spans.clone() {
            None => Spans::default(),
            Some(options) => {
                // The thread that the SDK starts has the capabilities of the one that it is started by: none.
                let start = || {
                    capabilities::keep_only_what(Role::Admin)?;
                    Ok(Spans::start(options, resource, &source, &runtime.handle)?)
                };
                let started = thread::scope(|scope| scope.spawn(start).join());
                started.unwrap_or(Err(AgentError::Died("the start of spans")))?
            }
        };
        let pusher = match telemetry.metrics.clone() {
            None => None,
            Some(options) => {
                let _on_runtime = runtime.handle.enter();
                Some(MetricsPusher::new(&source, resource, options)?)
            }
        };
        Ok(Self { runtime, source, spans, pusher })
    }
}

/// The runtime of the admin thread. It is made by a thread that is within a runtime of its own, and where the agent
/// can't be built it is dropped there: without waiting, which is forbidden there.
#[derive(Debug)]
pub(super) struct AdminRuntime {
    handle: Handle,
    /// Absent only while it is dropped.
    runtime: Option<Runtime>,
}

impl AdminRuntime {
    fn new() -> Result<Self, AgentError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(AgentError::system("cannot start a runtime"))?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Runs a future to its end on this thread, and then what is left of the runtime.
    pub(super) fn run(mut self, future: impl Future<Output = ()>) {
        if let Some(runtime) = self.runtime.take() {
            runtime.block_on(future);
        }
    }
}

impl Drop for AdminRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Pushes while `serve` goes on, and then sends what is left.
pub(super) async fn push_beside(serve: impl Future<Output = ()>, pusher: Option<MetricsPusher>, spans: Spans) {
    let (stop, stopping) = watch::channel(false);
    let pushing = pusher.map(|pusher| tokio::spawn(pusher.run(stopping)));
    serve.await;
    stop.send_replace(true);
    let metrics = async {
        if let Some(pushing) = pushing
            && pushing.await.is_err()
        {
            tracing::error!("the push of metrics panicked");
        }
    };
    // It blocks, and needs this runtime meanwhile.
    let spans = tokio::task::spawn_blocking(move || spans.stop());
    let ((), spans) = tokio::join!(metrics, spans);
    if spans.is_err() {
        tracing::error!("the end of spans panicked");
    }
}
