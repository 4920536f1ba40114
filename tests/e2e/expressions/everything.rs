//! An exporter that has everything to tell: the code's own, over a store that is told of exchanges of every kind.
//!
//! Real peers do not meet each error, reason and view within a test, and what was once recorded of them grows old. What
//! this serves is rendered by the code as it is.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use flowfold_e2e::netns::Netns;
use flowfold_expose::otlp::{
    Compression, Destination, Headers, HistogramKind, MetricsOptions, MetricsPusher, Protocol, Resource, Temporality,
    TlsFiles,
};
use flowfold_expose::{Endpoints, Readiness, Source, SpanOptions, Spans};
use flowfold_fold::{
    DestinationNameLimits, DnsLimits, Fold, FoldOptions, HubbleMetric, KafkaLimits, Methods, RouteTable, View,
};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{oneshot, watch};

use super::traffic::Traffic;

/// How often it is told of one more of everything.
const ROUND: Duration = Duration::from_secs(1);

/// The programs that an agent attaches.
const PROGRAMS: [&str; 3] = ["connect4", "sk_lookup", "sock_ops"];

/// All metrics of Hubble, told by workload.
const HUBBLE: [&str; 5] = ["httpV2", "flow", "tcp", "kafka", "dns"];
const HUBBLE_LABELS: &str = "labelsContext=source_namespace,source_workload,destination_namespace,destination_workload";

/// The exporter, until it is dropped.
pub(super) struct Everything {
    shutdown: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl Everything {
    /// Serves in a namespace.
    pub(super) fn serve(netns: &Netns, address: SocketAddr) -> Self {
        let (shutdown, asked) = oneshot::channel();
        let serving = netns.spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(serve(address, asked));
        });
        Self { shutdown: Some(shutdown), serving: Some(serving) }
    }
}

impl Drop for Everything {
    fn drop(&mut self) {
        drop(self.shutdown.take());
        let ended = self.serving.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))) || std::thread::panicking(), "the exporter panicked");
    }
}

async fn serve(address: SocketAddr, shutdown: oneshot::Receiver<()>) {
    let fold = Fold::new(options());
    let resource =
        Resource { attributes: vec![("deployment.environment.name".into(), "test".into())], ..Resource::default() };
    let source = Arc::new(Source::new(Arc::clone(&fold)).with_target_info(&resource.attributes));
    let spans = Spans::start(span_options(), &resource, &source, &Handle::current()).expect("spans can be sent");
    let pusher = MetricsPusher::new(&source, &resource, metrics_options()).expect("metrics can be pushed");
    let endpoints = Endpoints::new(Arc::clone(&source), Readiness::default());
    let listener = TcpListener::bind(address).expect("the address is free");
    listener.set_nonblocking(true).expect("a listener");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    for program in PROGRAMS {
        fold.health().program(program, true);
    }
    let feed = async {
        let sink = (fold.shard(), spans.sink());
        let mut traffic = Traffic::new();
        loop {
            // a pause in any case: whoever scrapes is answered meanwhile
            tokio::time::sleep(ROUND).await;
            traffic.tell(&sink, fold.health());
        }
    };
    let (_stop, stopping) = watch::channel(false);
    tokio::select! {
        () = flowfold_expose::serve(listener, Arc::new(endpoints), async { drop(shutdown.await) }) => {}
        () = feed => {}
        () = pusher.run(stopping) => {}
    }
    // it waits for the runtime to send what is left
    tokio::task::spawn_blocking(move || spans.stop()).await.expect("spans end");
}

fn options() -> FoldOptions {
    let hubble = HUBBLE.map(|name| format!("{name}:{HUBBLE_LABELS}"));
    FoldOptions {
        routes: RouteTable::parse(["/users/{id}"]).expect("a template"),
        max_url_templates: 10,
        kafka: KafkaLimits { max_client_ids: 10, ..KafkaLimits::default() },
        dns: DnsLimits { question_labels: 2, ..DnsLimits::default() },
        destination_names: DestinationNameLimits { max_names: 10, ..DestinationNameLimits::default() },
        views: View::ALL.to_vec(),
        hubble: HubbleMetric::parse_all(hubble).expect("metrics of Hubble"),
        ..FoldOptions::default()
    }
}

/// Nobody takes what is pushed: it fails, and is counted.
fn destination(path: &str) -> Destination {
    Destination {
        url: format!("http://127.0.0.1:9{path}").parse().expect("an address"),
        protocol: Protocol::HttpProtobuf,
        headers: Headers::default(),
        compression: Compression::None,
        timeout: Duration::from_secs(1),
        tls: TlsFiles::default(),
    }
}

fn metrics_options() -> MetricsOptions {
    MetricsOptions {
        destination: destination("/v1/metrics"),
        interval: Duration::from_secs(1),
        temporality: Temporality::Cumulative,
        histograms: HistogramKind::ExplicitBuckets,
        max_request_bytes: MetricsOptions::MAX_REQUEST_BYTES,
    }
}

fn span_options() -> SpanOptions {
    SpanOptions {
        destination: destination("/v1/traces"),
        ratio: 0.1,
        errors: true,
        slower_than: None,
        max_queued: 100,
        routes: RouteTable::default(),
        methods: Methods::default(),
    }
}
