//! One store, any store: every format tells the same counts, sums and buckets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowfold_expose::otlp::{HistogramKind, MetricsOptions, Protocol};
use flowfold_expose::{Format, Source, encode};
use flowfold_flow::{Exchange, FailureReason, FlowSink, GrpcStatus, Outcome, Reporters, TraceContext};
use flowfold_fold::names::{self, Kind, Metric, otel};
use flowfold_fold::{Detail, Fold, FoldOptions, Number, Points, Snapshot, View};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::{Builder, Runtime};

use crate::client_model::{self, LabelPair, decode};
use crate::pushed::{assert_same, attributes, held_by, labels, options, push, taken_once};
use crate::receiver::{Receiver, State};
use crate::store::{answered, called, connection};

/// What a series says, in terms that all formats have: its value, or count, sum and cumulative buckets.
type Said = BTreeMap<(String, Vec<(String, String)>), (f64, Vec<(f64, u64)>)>;

fn said_by(snapshot: &Snapshot) -> Said {
    let mut said = Said::new();
    for family in &snapshot.families {
        let mut labels_of = |labels: &flowfold_fold::Labels, value| {
            let mut pairs = Vec::new();
            labels.visit(|name, value| pairs.push((name.to_owned(), value.to_owned())));
            assert_eq!(said.insert((family.metric.name.to_owned(), pairs), value), None);
        };
        match &family.points {
            Points::Scalars(points) => points.iter().for_each(|point| {
                let value = match point.value {
                    Number::Whole(whole) => whole as f64,
                    Number::Real(real) => real,
                };
                labels_of(&point.labels, (value, Vec::new()));
            }),
            Points::Histograms(points) => points.iter().for_each(|point| {
                let mut count = 0;
                let buckets = bounds(family.metric).into_iter().zip(point.counts).map(|(bound, more)| {
                    count += more;
                    (bound, count)
                });
                labels_of(point.labels, (point.sum_seconds(), buckets.collect()));
            }),
        }
    }
    said
}

fn bounds(metric: &Metric) -> Vec<f64> {
    let Kind::Histogram(buckets) = metric.kind else { panic!("{} has buckets", metric.name) };
    buckets.le.iter().map(|le| le.parse().unwrap()).chain([f64::INFINITY]).collect()
}

fn said_in_protobuf(scrape: &[u8]) -> Said {
    let pair = |pair: LabelPair| (pair.name.unwrap(), pair.value.unwrap());
    let mut said = Said::new();
    for family in decode(scrape) {
        for metric in family.metric {
            let labels = metric.label.into_iter().map(pair).collect();
            let value = match (metric.gauge, metric.counter, metric.histogram) {
                (Some(gauge), None, None) => (gauge.value.unwrap(), Vec::new()),
                (None, Some(counter), None) => (counter.value.unwrap(), Vec::new()),
                (None, None, Some(histogram)) => {
                    let buckets: Vec<_> = histogram
                        .bucket
                        .iter()
                        .map(|bucket| (bucket.upper_bound.unwrap(), bucket.cumulative_count.unwrap()))
                        .collect();
                    assert_eq!(histogram.sample_count, buckets.last().map(|(_, count)| *count));
                    (histogram.sample_sum.unwrap(), buckets)
                }
                other => panic!("one kind of value, not {other:?}"),
            };
            assert_eq!(said.insert((family.name.clone().unwrap(), labels), value), None);
        }
    }
    said
}

/// The same, of a text: lines of a sample each, whose order within a family is the format's.
fn said_in_text(text: &str) -> Said {
    let is_histogram = |line: &str| line.strip_prefix("# TYPE ")?.strip_suffix(" histogram").map(str::to_owned);
    let histograms: BTreeSet<String> = text.lines().filter_map(is_histogram).collect();
    let mut said = Said::new();
    let mut counts = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, mut labels, value) = sample(line);
        let part = |suffix: &str| name.strip_suffix(suffix).filter(|family| histograms.contains(*family));
        if let Some(family) = part("_bucket") {
            let (le, bound) = labels.pop().unwrap();
            assert_eq!(le, "le", "{line}");
            let bucket = (bound.parse().unwrap(), value.parse().unwrap());
            said.entry((family.to_owned(), labels)).or_default().1.push(bucket);
        } else if let Some(family) = part("_sum") {
            said.get_mut(&(family.to_owned(), labels)).unwrap().0 = value.parse().unwrap();
        } else if let Some(family) = part("_count") {
            assert_eq!(counts.insert((family.to_owned(), labels), value.parse::<u64>().unwrap()), None);
        } else {
            assert_eq!(said.insert((name, labels), (value.parse().unwrap(), Vec::new())), None, "{line}");
        }
    }
    for (series, count) in counts {
        assert_eq!(said[&series].1.last().unwrap().1, count, "{series:?}");
    }
    said
}

/// Name, labels and value of a sample, without its exemplar.
fn sample(line: &str) -> (String, Vec<(String, String)>, &str) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").unwrap();
            let (value, after) = quoted(after);
            labels.push((label.to_owned(), value));
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    (name.to_owned(), labels, rest.split(' ').nth(1).unwrap())
}

/// A text up to its closing quote, and what follows that.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[at + 1..]),
            '\\' => match letters.next().unwrap().1 {
                'n' => value.push('\n'),
                plain => value.push(plain),
            },
            plain => value.push(plain),
        }
    }
    panic!("no end: {text}");
}

/// Exponential buckets: scale, zeroes, and the values of each bucket that has some, by its index in OTLP; and the sum.
type Exponentials = BTreeMap<(String, BTreeMap<String, String>), (i32, u64, BTreeMap<i32, u64>, f64)>;

/// What has exponential buckets and a name in OTLP.
fn exponentials_of(snapshot: &Snapshot) -> Exponentials {
    let mut all = Exponentials::new();
    for family in &snapshot.families {
        let (Points::Histograms(points), Some(name)) = (&family.points, otel::of_metric(family.metric)) else {
            continue;
        };
        for point in points.iter() {
            let Some(exponential) = point.exponential() else { continue };
            let filled = (exponential.offset..).zip(exponential.counts.iter().copied()).filter(|(_, count)| *count > 0);
            let series = (name.name.replace('.', "_"), labels(point.labels));
            let held = (exponential.scale, exponential.zero_count, filled.collect(), point.sum_seconds());
            assert_eq!(all.insert(series, held), None);
        }
    }
    all
}

/// The same in a push.
fn exponentials_taken(state: &State) -> Exponentials {
    let mut all = Exponentials::new();
    let resources = state.metrics.iter().flat_map(|request| &request.resource_metrics);
    for metric in resources.flat_map(|resource| &resource.scope_metrics).flat_map(|scope| &scope.metrics) {
        let Some(Data::ExponentialHistogram(histogram)) = &metric.data else { continue };
        for point in &histogram.data_points {
            let buckets = point.positive.as_ref().unwrap();
            let filled = (buckets.offset..).zip(buckets.bucket_counts.iter().copied()).filter(|(_, count)| *count > 0);
            let filled: BTreeMap<_, _> = filled.collect();
            assert_eq!(point.count, point.zero_count + filled.values().sum::<u64>());
            let attributes = attributes(&point.attributes).into_iter();
            let labels = attributes.map(|(name, value)| (name.replace('.', "_"), value)).collect();
            let held = (point.scale, point.zero_count, filled, point.sum.unwrap());
            assert_eq!(all.insert((metric.name.replace('.', "_"), labels), held), None);
        }
    }
    all
}

/// The same in native histograms, as far as they have a name in OTLP.
fn natives(scrape: &[u8]) -> Exponentials {
    let mut all = Exponentials::new();
    for family in decode(scrape) {
        let metric = names::ALL.into_iter().find(|metric| metric.name == family.name());
        let Some(name) = metric.and_then(otel::of_metric) else { continue };
        for metric in family.metric {
            let Some(histogram) = metric.histogram.filter(|histogram| histogram.schema.is_some()) else { continue };
            let pair = |pair: LabelPair| (pair.name.unwrap(), pair.value.unwrap());
            let series = (name.name.replace('.', "_"), metric.label.into_iter().map(pair).collect());
            let held = (histogram.schema(), histogram.zero_count(), native(&histogram), histogram.sample_sum());
            assert_eq!(all.insert(series, held), None);
        }
    }
    all
}

/// The buckets of a native histogram, by their index in OTLP, which is one less than in Prometheus.
fn native(histogram: &client_model::Histogram) -> BTreeMap<i32, u64> {
    let (mut index, mut count, mut filled) = (0, 0_i64, BTreeMap::new());
    let mut deltas = histogram.positive_delta.iter();
    for span in &histogram.positive_span {
        index += span.offset();
        for _ in 0..span.length() {
            count += deltas.next().unwrap();
            if count > 0 {
                filled.insert(index - 1, u64::try_from(count).unwrap());
            }
            index += 1;
        }
    }
    assert_eq!(deltas.next(), None);
    filled
}

/// Something that happened: at which server and worker, how it ended, how long it took, and whether it was traced.
type Event = (usize, bool, u16, u64, bool);

fn events() -> impl Strategy<Value = (Vec<Event>, Vec<String>)> {
    let nanos = prop_oneof![0..3_u64, 0..20_000_000_000_u64, Just(5_000_000), Just(u64::MAX / 4)];
    let event = (0..5_usize, any::<bool>(), 100..600_u16, nanos, any::<bool>());
    (prop::collection::vec(event, 0..60), prop::collection::vec(".{1,200}", 5))
}

/// A store in which this happened, and then half of it again after what had become idle has expired.
fn store(events: &[Event], names: &[String]) -> Arc<Fold> {
    let options = FoldOptions { max_series: 24, views: View::ALL.to_vec(), ..FoldOptions::default() };
    let fold = Fold::new(options);
    let shards = [fold.shard(), fold.shard()];
    let infos: Vec<_> = names.iter().map(|name| connection(Reporters::BOTH, name)).collect();
    let start = Instant::now();
    let feed = |events: &[Event]| {
        for &(server, second, status, nanos, is_traced) in events {
            let (info, duration) = (&infos[server], Duration::from_nanos(nanos));
            let shard = &shards[usize::from(second)];
            let trace = TraceContext { trace_id: [7; 16], parent_span_id: [8; 8], sampled: true };
            let exchange = match status {
                100..150 => called(info, GrpcStatus::NotFound, duration),
                150..200 => {
                    Exchange { outcome: Outcome::Failed(FailureReason::ServerReset), ..answered(info, 200, duration) }
                }
                _ => answered(info, status, duration),
            };
            let mut open = shard.opened(info);
            shard.exchange(&mut open, &Exchange { trace: is_traced.then_some(trace), ..exchange });
        }
    };
    feed(events);
    for minutes in [0, 10] {
        fold.expire(start + Duration::from_mins(minutes));
    }
    feed(&events[..events.len() / 3]);
    fold.expire(start + Duration::from_mins(20));
    feed(&events[..events.len() / 2]);
    fold
}

fn encoded(snapshot: &Snapshot, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    encode(snapshot, format, &mut out);
    out
}

/// Pushes a store to a receiver of its own, and lets `read` look at what came.
fn pushed<T>(runtime: &Runtime, source: &Arc<Source>, histograms: HistogramKind, read: impl FnOnce(&State) -> T) -> T {
    runtime.block_on(async {
        let receiver = Receiver::start(&[]).await;
        push(source, MetricsOptions { histograms, ..options(&receiver, Protocol::HttpProtobuf) }).await;
        read(&receiver.inbox.lock())
    })
}

#[test]
fn any_store_says_the_same_in_every_format() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 32, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&events(), |(events, names)| {
        let fold = store(&events, &names);
        let snapshot = fold.snapshot();
        let said = said_by(&snapshot);
        let binary = encoded(&snapshot, Format::Protobuf);
        prop_assert_eq!(&said_in_protobuf(&binary), &said);
        for format in [Format::Text004, Format::Text100, Format::OpenMetrics100] {
            let text = String::from_utf8(encoded(&snapshot, format)).unwrap();
            prop_assert_eq!(&said_in_text(&text), &said, "{:?}", format);
        }
        let exponentials = exponentials_of(&snapshot);
        prop_assert_eq!(&natives(&binary), &exponentials);

        let source = Arc::new(Source::new(fold));
        let explicit = pushed(&runtime, &source, HistogramKind::ExplicitBuckets, taken_once);
        assert_same(&explicit, &held_by(&source.snapshot(Detail::CLASSIC)));
        let taken = pushed(&runtime, &source, HistogramKind::Base2Exponential, exponentials_taken);
        prop_assert_eq!(taken, exponentials);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
