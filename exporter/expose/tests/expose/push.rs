//! Metrics pushed to a receiver, over real sockets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flowfold_expose::Source;
use flowfold_expose::otlp::{
    Compression, Destination, Headers, HistogramKind, MetricsOptions, MetricsPusher, Protocol, Resource, Temporality,
    TlsFiles,
};
use flowfold_flow::{FlowSink, Reporters};
use flowfold_fold::names::{self, Kind, otel};
use flowfold_fold::{Detail, Family, Fold, FoldOptions, Labels, Number, Points, Snapshot};
use hyper::header::{HeaderName, HeaderValue};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, number_data_point};
use tokio::sync::watch;

use crate::receiver::{Answer, Receiver, State};
use crate::store::{answered, connection, filled};

pub(crate) fn destination(receiver: &Receiver, protocol: Protocol, path: &str) -> Destination {
    Destination {
        url: format!("http://{}{path}", receiver.address).parse().unwrap(),
        protocol,
        headers: Headers(vec![(HeaderName::from_static("api-key"), HeaderValue::from_static("secret"))]),
        compression: Compression::None,
        timeout: Duration::from_secs(5),
        tls: TlsFiles::default(),
    }
}

fn options(receiver: &Receiver, protocol: Protocol) -> MetricsOptions {
    MetricsOptions {
        destination: destination(receiver, protocol, "/v1/metrics"),
        interval: Duration::from_millis(50),
        temporality: Temporality::Cumulative,
        histograms: HistogramKind::ExplicitBuckets,
        max_request_bytes: MetricsOptions::MAX_REQUEST_BYTES,
    }
}

/// Pushes until told to stop.
fn start(source: &Arc<Source>, options: MetricsOptions) -> (watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    let resource = Resource {
        attributes: vec![("deployment.environment.name".to_owned(), "test".to_owned())],
        instance: "this-host".to_owned(),
    };
    let pusher = MetricsPusher::new(source, &resource, options).unwrap();
    let (stop, stopping) = watch::channel(false);
    (stop, tokio::spawn(pusher.run(stopping)))
}

/// Pushes once.
async fn push(source: &Arc<Source>, options: MetricsOptions) {
    let (stop, pusher) = start(source, MetricsOptions { interval: Duration::from_hours(1), ..options });
    stop.send_replace(true);
    pusher.await.unwrap();
}

/// What a scrape says of data points with this outcome.
pub(crate) fn counted(source: &Source, metric: &names::Metric, outcome: &str) -> u64 {
    let snapshot = source.snapshot(Detail::CLASSIC);
    let family = snapshot.families.iter().find(|family| family.metric == metric).unwrap();
    let Points::Scalars(points) = &family.points else { panic!("{} is a counter", metric.name) };
    let point = points.iter().find(|point| labels(&point.labels).values().any(|value| value == outcome)).unwrap();
    match point.value {
        Number::Whole(whole) => whole,
        Number::Real(_) => panic!("a count is whole"),
    }
}

fn labels(labels: &Labels) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    labels.visit(|name, value| {
        found.insert(name.to_owned(), value.to_owned());
    });
    found
}

pub(crate) fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let value = |value: &Option<AnyValue>| match value.as_ref().and_then(|value| value.value.clone()) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(whole)) => whole.to_string(),
        Some(Value::BoolValue(is_true)) => is_true.to_string(),
        other => panic!("{other:?} is no value of ours"),
    };
    attributes.iter().map(|attribute| (attribute.key.clone(), value(&attribute.value))).collect()
}

/// A series as a receiver knows it: who reports it, its name and its attributes, with dots as underscores.
type Series = (String, String, BTreeMap<String, String>);

/// What a series holds: the counts of its buckets (or one number) and its sum.
type Held = (Vec<f64>, f64);

/// All series, by name and labels.
type All = BTreeMap<(String, BTreeMap<String, String>), Held>;

fn held_by(snapshot: &Snapshot) -> All {
    let mut held = BTreeMap::new();
    // Views are for scrapers: only what has a name of the conventions, or is the agent's own, is pushed.
    let pushed = |family: &&Family| names::ALL.contains(&family.metric);
    for family in snapshot.families.iter().filter(pushed) {
        // The process and the pusher itself go on while a push is read.
        let name = family.metric.name;
        if ["process_", "flowfold_otlp_", "flowfold_scrape"].iter().any(|moving| name.starts_with(moving)) {
            continue;
        }
        let name = otel::of_metric(family.metric).unwrap().name.replace('.', "_");
        match &family.points {
            Points::Scalars(points) => points.iter().for_each(|point| {
                let value = match point.value {
                    Number::Whole(whole) => whole as f64,
                    Number::Real(real) => real,
                };
                held.insert((name.clone(), labels(&point.labels)), (vec![value], 0.0));
            }),
            Points::Histograms(points) => points.iter().for_each(|point| {
                let counts = point.counts.iter().map(|count| *count as f64).collect();
                held.insert((name.clone(), labels(point.labels)), (counts, point.sum_seconds()));
            }),
        }
    }
    held
}

/// Everything that was taken, series by series, in the order in which it came.
fn taken(state: &State) -> BTreeMap<Series, Vec<(Held, u64, u64)>> {
    let mut taken: BTreeMap<Series, Vec<(Held, u64, u64)>> = BTreeMap::new();
    for resource in state.metrics.iter().flat_map(|request| &request.resource_metrics) {
        let reporter = attributes(&resource.resource.as_ref().unwrap().attributes);
        let reporter =
            format!("{}/{}", reporter.get("service.namespace").map_or("", String::as_str), reporter["service.name"]);
        for metric in resource.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
            let name = metric.name.replace('.', "_");
            let mut add = |attributes: &[KeyValue], held: Held, start: u64, at: u64| {
                let attributes = self::attributes(attributes);
                let attributes = attributes.into_iter().map(|(name, value)| (name.replace('.', "_"), value)).collect();
                taken.entry((reporter.clone(), name.clone(), attributes)).or_default().push((held, start, at));
            };
            let numbers = match metric.data.as_ref().unwrap() {
                Data::Gauge(gauge) => &gauge.data_points,
                Data::Sum(sum) => {
                    assert!(sum.is_monotonic);
                    &sum.data_points
                }
                Data::Histogram(histogram) => {
                    for point in &histogram.data_points {
                        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                        assert_eq!(point.count, point.bucket_counts.iter().sum::<u64>());
                        assert!(point.start_time_unix_nano > 0 && point.start_time_unix_nano <= point.time_unix_nano);
                        let counts = point.bucket_counts.iter().map(|count| *count as f64).collect();
                        let held = (counts, point.sum.unwrap());
                        add(&point.attributes, held, point.start_time_unix_nano, point.time_unix_nano);
                    }
                    continue;
                }
                other => panic!("{other:?} is not made of ours"),
            };
            for point in numbers {
                let value = match point.value.unwrap() {
                    number_data_point::Value::AsInt(whole) => whole as f64,
                    number_data_point::Value::AsDouble(real) => real,
                };
                add(&point.attributes, (vec![value], 0.0), point.start_time_unix_nano, point.time_unix_nano);
            }
        }
    }
    taken
}

/// Tells series that differ, and no others.
fn assert_same(one: &All, other: &All) {
    let differ = |key: &&(String, BTreeMap<String, String>)| one.get(*key) != other.get(*key);
    let different: Vec<_> = one.keys().chain(other.keys()).filter(differ).collect();
    let values: Vec<_> = different.iter().map(|key| (key, one.get(*key), other.get(*key))).collect();
    assert!(values.is_empty(), "{values:?}");
}

/// What was taken in one push, by name and labels. No series comes twice.
fn taken_once(state: &State) -> All {
    let mut all = BTreeMap::new();
    for ((_, name, labels), points) in taken(state) {
        assert_eq!(points.len(), 1, "{name} {labels:?}");
        assert_eq!(all.insert((name, labels), points[0].0.clone()), None);
    }
    all.retain(|(name, _), _| {
        !["process_", "flowfold_otlp_", "flowfold_scrape"].iter().any(|moving| name.starts_with(moving))
    });
    all
}

#[tokio::test]
async fn a_push_says_what_the_store_holds() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        for compression in [Compression::None, Compression::Gzip] {
            let receiver = Receiver::start(&[]).await;
            let source = Arc::new(Source::new(filled()));
            let mut options = options(&receiver, protocol);
            options.destination.compression = compression;
            push(&source, options).await;
            let state = receiver.inbox.lock();
            assert_same(&taken_once(&state), &held_by(&source.snapshot(Detail::CLASSIC)));
            assert_eq!(state.headers["api-key"], "secret");
            let encoding = if protocol == Protocol::Grpc { "grpc-encoding" } else { "content-encoding" };
            let told = state.headers.get(encoding).map(|encoding| encoding.to_str().unwrap());
            assert_eq!(told == Some("gzip"), compression == Compression::Gzip, "{told:?}");
            assert!(state.headers["user-agent"].to_str().unwrap().starts_with("flowfold/"));
            assert_eq!(state.path == "/v1/metrics", protocol == Protocol::HttpProtobuf);
            drop(state);
            let points = taken(&receiver.inbox.lock()).len() as u64;
            assert_eq!(counted(&source, &names::OTLP_DATA_POINTS, "sent"), points);
        }
    }
}

#[tokio::test]
async fn each_workload_has_a_resource_of_its_own() {
    let receiver = Receiver::start(&[]).await;
    let source = Arc::new(Source::new(filled()));
    push(&source, options(&receiver, Protocol::Grpc)).await;
    let state = receiver.inbox.lock();
    let mut reporters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for resource in state.metrics.iter().flat_map(|request| &request.resource_metrics) {
        let told = attributes(&resource.resource.as_ref().unwrap().attributes);
        assert_eq!(told["service.instance.id"], "this-host");
        assert_eq!(told["deployment.environment.name"], "test");
        let scope = resource.scope_metrics[0].scope.as_ref().unwrap();
        assert_eq!(scope.name, "flowfold");
        let names = resource.scope_metrics[0].metrics.iter().map(|metric| metric.name.clone());
        assert_eq!(reporters.insert(told["service.name"].clone(), names.collect()), None, "{told:?} comes twice");
        for metric in &resource.scope_metrics[0].metrics {
            let unit = if metric.name.ends_with("duration") { "s" } else { &metric.unit };
            assert_eq!(metric.unit, unit, "{}", metric.name);
        }
    }
    assert!(reporters["details"].contains(&"http.server.request.duration".to_owned()));
    assert!(!reporters["details"].contains(&"http.client.request.duration".to_owned()));
    assert!(reporters["web"].contains(&"http.client.request.duration".to_owned()));
    assert!(reporters["web"].iter().all(|name| name.contains(".client.")));
    assert!(reporters["flowfold"].contains(&"flowfold.exchanges".to_owned()));
}

#[tokio::test]
async fn a_large_push_is_cut_into_requests() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let receiver = Receiver::start(&[]).await;
        let source = Arc::new(Source::new(filled()));
        push(&source, MetricsOptions { max_request_bytes: 4000, ..options(&receiver, protocol) }).await;
        let state = receiver.inbox.lock();
        assert!(state.metrics.len() > 5);
        let largest = state.metrics.iter().map(prost::Message::encoded_len).max().unwrap();
        // One series may be what goes beyond.
        assert!(largest < 4000 + 2000, "{largest}");
        assert_same(&taken_once(&state), &held_by(&source.snapshot(Detail::CLASSIC)));
    }
}

#[tokio::test]
async fn what_a_receiver_cannot_take_now_is_sent_again() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let receiver = Receiver::start(&[Answer::Unavailable(None), Answer::Unavailable(None)]).await;
        let source = Arc::new(Source::new(filled()));
        push(&source, options(&receiver, protocol)).await;
        assert_eq!(receiver.inbox.lock().requests, 3);
        assert_same(&taken_once(&receiver.inbox.lock()), &held_by(&source.snapshot(Detail::CLASSIC)));
        assert_eq!(counted(&source, &names::OTLP_DATA_POINTS, "failed"), 0);

        let named = Duration::from_secs(2);
        let receiver = Receiver::start(&[Answer::Unavailable(Some(named))]).await;
        let begun = std::time::Instant::now();
        push(&source, options(&receiver, protocol)).await;
        assert!(begun.elapsed() >= named, "{protocol:?} came back after {:?}", begun.elapsed());
        assert_eq!(receiver.inbox.counts(), (2, 1));
    }
}

#[tokio::test]
async fn what_a_receiver_will_never_take_is_not_sent_again() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let receiver = Receiver::start(&[Answer::Never]).await;
        let source = Arc::new(Source::new(filled()));
        push(&source, options(&receiver, protocol)).await;
        assert_eq!(receiver.inbox.counts(), (1, 0));
        assert!(counted(&source, &names::OTLP_DATA_POINTS, "failed") > 100);
        assert_eq!(counted(&source, &names::OTLP_DATA_POINTS, "sent"), 0);
    }
}

#[tokio::test]
async fn what_a_receiver_refuses_of_a_request_is_counted() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let receiver = Receiver::start(&[Answer::TakeBut(7)]).await;
        let source = Arc::new(Source::new(filled()));
        push(&source, options(&receiver, protocol)).await;
        assert_eq!(receiver.inbox.lock().requests, 1);
        assert_eq!(counted(&source, &names::OTLP_DATA_POINTS, "rejected"), 7);
        let all = taken(&receiver.inbox.lock()).len() as u64;
        assert_eq!(counted(&source, &names::OTLP_DATA_POINTS, "sent"), all - 7);
    }
}

/// Waits until `is_so`, for a while.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} did not come about in ten seconds");
}

#[tokio::test]
async fn differences_add_up_whatever_the_receiver_does() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "details");
    let mut open = shard.opened(&info);
    let receiver = Receiver::start(&[Answer::Take, Answer::Never, Answer::Never, Answer::Take, Answer::Never]).await;
    let source = Arc::new(Source::new(Arc::clone(&fold)));
    let options = MetricsOptions { temporality: Temporality::Delta, ..options(&receiver, Protocol::HttpProtobuf) };
    let (stop, pusher) = start(&source, options);
    for millis in 0..200 {
        shard.exchange(&mut open, &answered(&info, 200, Duration::from_millis(millis)));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    until("some pushes", || receiver.inbox.lock().requests > 6).await;
    shard.exchange(&mut open, &answered(&info, 200, Duration::from_secs(20)));
    stop.send_replace(true);
    pusher.await.unwrap();

    let state = receiver.inbox.lock();
    for metric in state.metrics.iter().flat_map(|request| &request.resource_metrics) {
        for metric in &metric.scope_metrics[0].metrics {
            let temporality = match metric.data.as_ref().unwrap() {
                Data::Sum(sum) => sum.aggregation_temporality,
                Data::Histogram(histogram) => histogram.aggregation_temporality,
                _ => continue,
            };
            assert_eq!(temporality, AggregationTemporality::Delta as i32);
        }
    }
    let mut sums = BTreeMap::new();
    let mut taken_of_duration = 0;
    for ((_, name, labels), points) in taken(&state) {
        let is_total = names::ALL.iter().any(|metric| {
            let otel = otel::of_metric(metric).map(|otel| otel.name.replace('.', "_"));
            metric.kind == Kind::Counter && otel.as_ref() == Some(&name)
        });
        if !is_total && !name.ends_with("duration") || name.starts_with("process") {
            continue;
        }
        if name == "http_server_request_duration" {
            taken_of_duration = points.len();
        }
        let mut sum: Held = (vec![0.0; points[0].0.0.len()], 0.0);
        let mut end = 0;
        for (held, start, at) in points {
            // Each difference begins where the one that was taken before it ended.
            assert!(end == 0 || start == end, "{name} {labels:?}");
            end = at;
            sum.0.iter_mut().zip(&held.0).for_each(|(sum, more)| *sum += more);
            sum.1 += held.1;
        }
        sums.insert((name, labels), sum);
    }
    assert!(taken_of_duration >= 2, "{taken_of_duration}");
    let mut expected = held_by(&source.snapshot(Detail::CLASSIC));
    expected.retain(|key, (counts, _)| sums.contains_key(key) || counts.iter().any(|count| *count > 0.0));
    for (key, (counts, sum)) in &sums {
        if key.0.starts_with("flowfold_otlp") || key.0.starts_with("flowfold_scrape") {
            continue;
        }
        let (all, whole_sum) = &expected[key];
        assert_eq!(counts, all, "{key:?}");
        assert!((sum - whole_sum).abs() < 1e-6, "{key:?}");
    }
    let duration = sums.iter().find(|((name, _), _)| name == "http_server_request_duration").unwrap();
    assert!((duration.1.0.iter().sum::<f64>() - 201.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_receiver_that_goes_away_and_returns_has_it_all_in_the_end() {
    for (protocol, temporality) in
        [(Protocol::Grpc, Temporality::Delta), (Protocol::HttpProtobuf, Temporality::Cumulative)]
    {
        let receiver = Receiver::start_apart(2).await;
        let address = receiver.address;
        let fold = Fold::new(FoldOptions::default());
        let shard = fold.shard();
        let info = connection(Reporters::SERVER, "details");
        let mut open = shard.opened(&info);
        let source = Arc::new(Source::new(Arc::clone(&fold)));
        let (stop, pusher) = start(&source, MetricsOptions { temporality, ..options(&receiver, protocol) });
        let mut one_more = || shard.exchange(&mut open, &answered(&info, 200, Duration::from_millis(1)));
        one_more();
        until("a first push", || counted(&source, &names::OTLP_DATA_POINTS, "sent") > 0).await;
        let durations = |receiver: &Receiver| -> Vec<f64> {
            let taken = taken(&receiver.inbox.lock());
            let series = taken.into_iter().filter(|((_, name, _), _)| name == "http_server_request_duration");
            series.flat_map(|(_, points)| points).map(|(held, ..)| held.0.iter().sum()).collect()
        };
        until("the first exchange", || !durations(&receiver).is_empty()).await;
        let before = durations(&receiver);
        receiver.stop().await;
        one_more();
        until("failures", || counted(&source, &names::OTLP_DATA_POINTS, "failed") > 0).await;
        one_more();
        let receiver = Receiver::start_at(address, &[], None).await;
        until("the return", || !durations(&receiver).is_empty()).await;
        stop.send_replace(true);
        pusher.await.unwrap();
        let after = durations(&receiver);
        match temporality {
            Temporality::Cumulative => assert_eq!(after.last(), Some(&3.0)),
            _ => assert!((before.iter().chain(&after).sum::<f64>() - 3.0).abs() < f64::EPSILON, "{before:?} {after:?}"),
        }
    }
}
