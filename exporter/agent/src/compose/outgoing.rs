//! What goes out of the agent: answers to scrapers, pushes of metrics, spans. All of it on the admin thread's runtime.

use std::sync::Arc;
use std::thread;

use flowfold_expose::otlp::MetricsPusher;
use flowfold_expose::{Source, Spans};
use flowfold_fold::Fold;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::capabilities::{self, Role};
use crate::config::Telemetry;
use crate::error::AgentError;

/// What goes out, before it does.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) runtime: Runtime,
    pub(super) source: Arc<Source>,
    pub(super) spans: Spans,
    pub(super) pusher: Option<MetricsPusher>,
}

impl Outgoing {
    /// Reads certificates and makes ready to send; nothing is sent yet. To be called by a thread that may still read the
    /// operator's files.
    pub(super) fn prepare(fold: &Arc<Fold>, telemetry: &Telemetry) -> Result<Self, AgentError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(AgentError::system("cannot start a runtime"))?;
        let resource = &telemetry.resource;
        let source = Arc::new(Source::new(Arc::clone(fold)).with_target_info(&resource.attributes));
        let spans = match telemetry.spans.clone() {
            None => Spans::default(),
            Some(options) => {
                // The thread that the SDK starts has the capabilities of the one that it is started by: none.
                let start = || {
                    capabilities::keep_only_what(Role::Admin)?;
                    Ok(Spans::start(options, resource, &source, runtime.handle())?)
                };
                let started = thread::scope(|scope| scope.spawn(start).join());
                started.unwrap_or(Err(AgentError::Died("the start of spans")))?
            }
        };
        let pusher = match telemetry.metrics.clone() {
            None => None,
            Some(options) => {
                let _on_runtime = runtime.enter();
                Some(MetricsPusher::new(&source, resource, options)?)
            }
        };
        Ok(Self { runtime, source, spans, pusher })
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
