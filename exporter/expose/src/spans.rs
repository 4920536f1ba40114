//! A span for each exchange that is worth one, through the batch processor of the OpenTelemetry SDK.
//!
//! Whether an exchange is worth one is decided on its worker, out of what it says itself; only then is a span made. From
//! there on it is the processor's: a queue of a fixed length, a thread of the SDK's own, and the admin thread's runtime.

mod attributes;
mod export;
mod sample;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flowfold_flow::{
    ByteTally, ConnectionEnd, ConnectionInfo, Exchange, FlowSink, Protocol, Refusal, Side, TraceContext, Workload,
};
use flowfold_fold::{Methods, RouteTable};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};
use tokio::runtime::Handle;
use tokio::sync::watch;

use self::attributes::describe;
use self::export::{Exporter, SERVICE_NAME, SERVICE_NAMESPACE};
use self::sample::Sampling;
use crate::Source;
use crate::otlp::{Destination, OtlpError, Resource, Signal, Transport, WorkloadResources};

/// How long what is queued may take when the agent stops.
const LAST_EXPORT: Duration = Duration::from_secs(5);

/// Which exchanges become spans.
#[derive(Clone, Debug)]
pub struct SpanOptions {
    /// Where spans go.
    pub destination: Destination,
    /// The part of the exchanges without a trace of their own that begins one, from 0 to 1. An exchange whose request
    /// belongs to a trace is a part of it where its sender records it.
    pub ratio: f64,
    /// Whether every failed exchange becomes a span, sampled or not.
    pub errors: bool,
    /// From which duration on every exchange becomes a span, sampled or not.
    pub slower_than: Option<Duration>,
    /// How many spans may wait to be sent. Further ones are dropped, and counted.
    pub max_queued: usize,
    /// The templates that become `http.route`.
    pub routes: RouteTable,
    /// The methods that are told by name.
    pub methods: Methods,
}

/// The spans of the agent. Off unless started.
#[derive(Clone, Debug, Default)]
pub struct Spans(Option<Arc<Recorder>>);

/// Hears the exchanges of one worker.
#[derive(Clone, Debug)]
pub struct SpanSink(Option<Arc<Recorder>>);

/// What all workers share.
#[derive(Debug)]
struct Recorder {
    sampling: Sampling,
    routes: RouteTable,
    methods: Methods,
    scope: InstrumentationScope,
    processor: BatchSpanProcessor,
    /// How many spans the processor has that it has not begun to send.
    queued: Arc<AtomicUsize>,
    max_queued: usize,
    source: Arc<Source>,
    stop: watch::Sender<bool>,
}

impl Spans {
    /// Starts to take spans and send them on this runtime. The SDK starts a thread, with the capabilities of the one
    /// that calls this.
    pub fn start(
        options: SpanOptions,
        resource: &Resource,
        source: &Arc<Source>,
        runtime: &Handle,
    ) -> Result<Self, OtlpError> {
        let transport = {
            let _on_runtime = runtime.enter();
            Transport::new(&options.destination, Signal::Traces)?
        };
        let (stop, stopping) = watch::channel(false);
        let queued = Arc::new(AtomicUsize::new(0));
        let exporter = Exporter {
            runtime: runtime.clone(),
            transport: Arc::new(transport),
            resources: WorkloadResources::new(resource, source.fold().build()),
            source: Arc::clone(source),
            queued: Arc::clone(&queued),
            stopping,
        };
        let config = BatchConfigBuilder::default().with_max_queue_size(options.max_queued).build();
        let version = source.fold().build().version.clone();
        Ok(Self(Some(Arc::new(Recorder {
            sampling: Sampling::new(&options),
            routes: options.routes,
            methods: options.methods,
            scope: InstrumentationScope::builder("flowfold").with_version(version).build(),
            processor: BatchSpanProcessor::builder(exporter).with_batch_config(config).build(),
            queued,
            max_queued: options.max_queued,
            source: Arc::clone(source),
            stop,
        }))))
    }

    /// A sink for one worker.
    pub fn sink(&self) -> SpanSink {
        SpanSink(self.0.clone())
    }

    /// Sends what is queued, within a few seconds. It blocks, and needs the runtime to go on meanwhile.
    pub fn stop(&self) {
        let Some(recorder) = &self.0 else { return };
        recorder.stop.send_replace(true);
        if let Err(error) = recorder.processor.shutdown_with_timeout(LAST_EXPORT) {
            tracing::warn!(%error, "not all spans got through before the stop");
        }
        recorder.source.spans().dropped(recorder.queued.swap(0, Ordering::Relaxed) as u64);
    }
}

impl FlowSink for SpanSink {
    type Connection = ();

    fn opened(&self, _: &Arc<ConnectionInfo>) {}

    fn protocol(&self, (): &mut (), _: Protocol) {}

    fn bytes(&self, (): &mut (), _: Side, _: &ByteTally) {}

    fn relayed(&self, (): &mut (), _: Side, _: Duration) {}

    #[inline]
    fn exchange(&self, (): &mut (), exchange: &Exchange<'_>) {
        if let Some(recorder) = &self.0
            && recorder.sampling.wants(exchange)
        {
            recorder.record(exchange);
        }
    }

    fn closed(&self, (): (), _: &ConnectionEnd) {}

    fn refused(&self, _: Refusal) {}
}

impl Recorder {
    /// Makes the spans of an exchange: one for each side that it is reported for. Where those are both, the server's is
    /// the child of the client's, as it would be if they reported themselves.
    #[cold]
    fn record(&self, exchange: &Exchange<'_>) {
        let info = exchange.connection;
        let mut parent = exchange.trace.map(|trace| (trace, true));
        if info.reporters.client {
            let span = self.span(exchange, SpanKind::Client, &info.source, parent);
            let context = &span.span_context;
            let trace = TraceContext {
                trace_id: context.trace_id().to_bytes(),
                parent_span_id: context.span_id().to_bytes(),
                sampled: true,
            };
            parent = Some((trace, false));
            self.offer(span);
        }
        if info.reporters.server {
            self.offer(self.span(exchange, SpanKind::Server, &info.destination, parent));
        }
    }

    /// The span of one side. The parent comes with whether it is somebody else's.
    fn span(
        &self,
        exchange: &Exchange<'_>,
        span_kind: SpanKind,
        reporter: &Workload,
        parent: Option<(TraceContext, bool)>,
    ) -> SpanData {
        let trace_id =
            parent.map_or_else(|| TraceId::from(fastrand::u128(1..)), |(trace, _)| TraceId::from_bytes(trace.trace_id));
        let span_id = SpanId::from(fastrand::u64(1..));
        let flags = TraceFlags::SAMPLED;
        let mut attributes = vec![
            KeyValue::new(SERVICE_NAME, Arc::clone(&reporter.name)),
            KeyValue::new(SERVICE_NAMESPACE, Arc::clone(&reporter.namespace)),
        ];
        let described = describe(exchange, &span_kind, &self.routes, &self.methods, &mut attributes);
        SpanData {
            span_context: SpanContext::new(trace_id, span_id, flags, false, TraceState::default()),
            parent_span_id: parent.map_or(SpanId::INVALID, |(trace, _)| SpanId::from_bytes(trace.parent_span_id)),
            parent_span_is_remote: parent.is_some_and(|(_, is_remote)| is_remote),
            span_kind,
            name: described.name.into(),
            start_time: exchange.started,
            end_time: exchange.started.checked_add(exchange.duration).unwrap_or(exchange.started),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if described.is_error { Status::error("") } else { Status::Unset },
            instrumentation_scope: self.scope.clone(),
        }
    }

    /// Queues a span, or drops it where the queue is full. The processor would drop it, too, but tells nobody.
    fn offer(&self, span: SpanData) {
        if self.queued.fetch_add(1, Ordering::Relaxed) < self.max_queued {
            self.processor.on_end(span);
        } else {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            self.source.spans().dropped(1);
        }
    }
}
