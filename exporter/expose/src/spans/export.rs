//! Sends batches of spans, each span as one of the workload that reports it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry::Value;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::Source;
use crate::otlp::{Transport, WorkloadResources, deliver};

/// The attribute that every span begins with on its way to the exporter: the workload that reports it. It becomes the
/// resource.
pub(super) const SERVICE_NAME: &str = "service.name";

/// The second one: its namespace, which may be empty.
pub(super) const SERVICE_NAMESPACE: &str = "service.namespace";

/// For how long a batch is tried to be sent, as the specification of the batch processor has it.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a batch may still take once the agent stops.
const LAST_TRY: Duration = Duration::from_secs(2);

/// Sends batches of spans.
#[derive(Debug)]
pub(super) struct Exporter {
    pub(super) runtime: Handle,
    pub(super) transport: Arc<Transport>,
    pub(super) resources: WorkloadResources,
    pub(super) source: Arc<Source>,
    pub(super) queued: Arc<AtomicUsize>,
    pub(super) stopping: watch::Receiver<bool>,
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        self.queued.fetch_sub(count, Ordering::Relaxed);
        let body = Bytes::from(self.request(batch).encode_to_vec());
        let (transport, mut stopping) = (Arc::clone(&self.transport), self.stopping.clone());
        // The thread of the processor has no runtime, and sockets need one.
        let sent = self.runtime.spawn(async move {
            let stopped = async {
                drop(stopping.wait_for(|stop| *stop).await);
                sleep(LAST_TRY).await;
            };
            tokio::select! {
                sent = deliver(&transport, &body, Instant::now() + EXPORT_TIMEOUT) => sent.map_err(|failure| failure.why),
                () = stopped => Err("the agent stopped".to_owned()),
            }
        });
        let outcomes = self.source.spans();
        match sent.await.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(answer) => {
                outcomes.sent(count as u64, rejected(&answer));
                Ok(())
            }
            Err(why) => {
                outcomes.failed(count as u64);
                tracing::warn!(count, why, "spans could not be sent");
                Err(OTelSdkError::InternalFailure(why))
            }
        }
    }
}

impl Exporter {
    /// A batch, by resources.
    fn request(&self, batch: Vec<SpanData>) -> ExportTraceServiceRequest {
        let mut owners: Vec<(Value, Value)> = Vec::new();
        let mut resource_spans: Vec<ResourceSpans> = Vec::new();
        for mut span in batch {
            let mut reporter = span.attributes.drain(..span.attributes.len().min(2)).map(|attribute| attribute.value);
            let owner = (reporter.next().unwrap_or("".into()), reporter.next().unwrap_or("".into()));
            drop(reporter);
            // A batch has few workloads, so they are looked up one by one.
            let place = owners.iter().position(|known| *known == owner).unwrap_or_else(|| {
                let resource = self.resources.workload(&owner.1.as_str(), &owner.0.as_str());
                let scope_spans = ScopeSpans { scope: Some(self.resources.scope()), ..ScopeSpans::default() };
                resource_spans.push(ResourceSpans {
                    resource: Some(resource),
                    scope_spans: vec![scope_spans],
                    ..ResourceSpans::default()
                });
                owners.push(owner);
                owners.len() - 1
            });
            let scope = resource_spans.get_mut(place).and_then(|spans| spans.scope_spans.first_mut());
            if let Some(scope) = scope {
                scope.spans.push(span.into());
            }
        }
        ExportTraceServiceRequest { resource_spans }
    }
}

/// How many spans the receiver refused, by its answer.
fn rejected(answer: &[u8]) -> u64 {
    let Ok(ExportTraceServiceResponse { partial_success: Some(partial) }) = ExportTraceServiceResponse::decode(answer)
    else {
        return 0;
    };
    if partial.rejected_spans > 0 || !partial.error_message.is_empty() {
        let (rejected, why) = (partial.rejected_spans, partial.error_message);
        tracing::warn!(rejected, why, "the receiver of spans did not take all, or has something to say");
    }
    u64::try_from(partial.rejected_spans).unwrap_or(0)
}
