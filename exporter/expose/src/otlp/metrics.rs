//! Pushes the metrics at intervals.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use flowfold_fold::Snapshot;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::delta::Baselines;
use super::requests::Requests;
use super::transport::{OtlpError, Signal, Transport};
use super::{MetricsOptions, Resource, WorkloadResources, deliver};
use crate::Source;

/// How long the last push may take when the agent stops.
const LAST_PUSH: Duration = Duration::from_secs(5);

/// Pushes the metrics of a source at intervals.
#[derive(Debug)]
pub struct MetricsPusher {
    source: Arc<Source>,
    options: MetricsOptions,
    resources: WorkloadResources,
    transport: Transport,
    baselines: Baselines,
    /// Whether the push before this one failed: one line in the log tells that the receiver went, another that it is
    /// back.
    is_failing: bool,
}

impl MetricsPusher {
    /// A pusher of this source. To be made on the runtime that it will run on.
    pub fn new(source: &Arc<Source>, resource: &Resource, options: MetricsOptions) -> Result<Self, OtlpError> {
        let transport = Transport::new(&options.destination, Signal::Metrics)?;
        let resources = WorkloadResources::new(resource, source.fold().build());
        let source = Arc::clone(source);
        Ok(Self { source, options, resources, transport, baselines: Baselines::new(), is_failing: false })
    }

    /// Pushes until `stop` says true, and then once more.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let interval = self.options.interval;
        let mut ticks = interval_at(Instant::now() + interval, interval);
        // A push that took its whole time must not be followed by one at once.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopping = pin!(async move { drop(stop.wait_for(|stop| *stop).await) });
        loop {
            tokio::select! {
                biased;
                () = &mut stopping => break,
                _ = ticks.tick() => {}
            }
            let snapshot = self.source.snapshot(self.options.detail());
            let mut push = pin!(self.push(&snapshot, Instant::now() + interval));
            let is_over = tokio::select! {
                () = &mut push => false,
                () = &mut stopping => true,
            };
            if is_over {
                // What is under way has a moment to get through, so that it is not sent twice.
                drop(timeout(LAST_PUSH, push).await);
                break;
            }
        }
        let snapshot = self.source.snapshot(self.options.detail());
        if timeout(LAST_PUSH, self.push(&snapshot, Instant::now() + LAST_PUSH)).await.is_err() {
            tracing::warn!("the last push of metrics did not get through in {LAST_PUSH:?}");
        }
    }

    /// Pushes a snapshot. No try begins after the deadline.
    async fn push(&mut self, snapshot: &Snapshot, deadline: Instant) {
        let outcomes = self.source.pushed();
        let mut requests = Requests::new(snapshot, &self.resources, &self.options);
        let mut why = None;
        self.baselines.begin();
        while let Some(request) = requests.next(&mut self.baselines) {
            match deliver(&self.transport, &request.body, deadline).await {
                Ok(answer) => {
                    requests.taken(&request, &mut self.baselines);
                    outcomes.sent(request.points, rejected(&answer));
                }
                Err(failure) => {
                    request.differences.iter().for_each(|(key, _)| self.baselines.failed(*key));
                    outcomes.failed(request.points);
                    why = Some(failure.why);
                }
            }
            // A large push must not keep scrapers and probes waiting.
            tokio::task::yield_now().await;
        }
        outcomes.dropped(self.baselines.end());
        let is_failing = why.is_some();
        if let Some(why) = why.filter(|_| !self.is_failing) {
            tracing::warn!(url = %self.options.destination.url, why, "metrics cannot be pushed; trying on");
        } else if self.is_failing && !is_failing {
            tracing::info!("metrics are pushed again");
        }
        self.is_failing = is_failing;
    }
}

/// How many data points the receiver refused, by its answer. They are lost: the specification forbids to send them again.
fn rejected(answer: &[u8]) -> u64 {
    let Ok(ExportMetricsServiceResponse { partial_success: Some(partial) }) =
        ExportMetricsServiceResponse::decode(answer)
    else {
        return 0;
    };
    if partial.rejected_data_points > 0 || !partial.error_message.is_empty() {
        let (rejected, why) = (partial.rejected_data_points, partial.error_message);
        tracing::warn!(rejected, why, "the receiver of metrics did not take all, or has something to say");
    }
    u64::try_from(partial.rejected_data_points).unwrap_or(0)
}
