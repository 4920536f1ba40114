//! Pushes to a receiver, and what came of them, series by series.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flowfold_expose::Source;
use flowfold_expose::otlp::{
    Compression, Destination, Headers, HistogramKind, MetricsOptions, MetricsPusher, Protocol, Resource, Temporality,
    TlsFiles,
};
use flowfold_fold::names::{self, otel};
use flowfold_fold::{Detail, Family, Labels, Number, Points, Snapshot};
use hyper::header::{HeaderName, HeaderValue};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use tokio::sync::watch;

use crate::receiver::{Receiver, State};

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

pub(crate) fn options(receiver: &Receiver, protocol: Protocol) -> MetricsOptions {
    MetricsOptions {
        destination: destination(receiver, protocol, "/v1/metrics"),
        interval: Duration::from_millis(50),
        temporality: Temporality::Cumulative,
        histograms: HistogramKind::ExplicitBuckets,
        max_request_bytes: MetricsOptions::MAX_REQUEST_BYTES,
    }
}

/// Pushes until told to stop.
pub(crate) fn start(
    source: &Arc<Source>,
    options: MetricsOptions,
) -> (watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    let resource = Resource {
        attributes: vec![("deployment.environment.name".to_owned(), "test".to_owned())],
        instance: "this-host".to_owned(),
    };
    let pusher = MetricsPusher::new(source, &resource, options).unwrap();
    let (stop, stopping) = watch::channel(false);
    (stop, tokio::spawn(pusher.run(stopping)))
}

/// Pushes once.
pub(crate) async fn push(source: &Arc<Source>, options: MetricsOptions) {
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

pub(crate) fn labels(labels: &Labels) -> BTreeMap<String, String> {
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
pub(crate) type Held = (Vec<f64>, f64);

/// All series, by name and labels.
pub(crate) type All = BTreeMap<(String, BTreeMap<String, String>), Held>;

pub(crate) fn held_by(snapshot: &Snapshot) -> All {
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
pub(crate) fn taken(state: &State) -> BTreeMap<Series, Vec<(Held, u64, u64)>> {
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
pub(crate) fn assert_same(one: &All, other: &All) {
    let differ = |key: &&(String, BTreeMap<String, String>)| one.get(*key) != other.get(*key);
    let different: Vec<_> = one.keys().chain(other.keys()).filter(differ).collect();
    let values: Vec<_> = different.iter().map(|key| (key, one.get(*key), other.get(*key))).collect();
    assert!(values.is_empty(), "{values:?}");
}

/// What was taken in one push, by name and labels. No series comes twice.
pub(crate) fn taken_once(state: &State) -> All {
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
