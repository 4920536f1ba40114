//! The protobuf format, decoded by messages that are derived from `metrics.proto`'s field numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use flowfold_expose::{Encoder, Format, encode};
use flowfold_flow::{FlowSink, Reporters};
use flowfold_fold::names::{Kind, Metric};
use flowfold_fold::{Fold, FoldOptions, Number, Points, Snapshot};
use proptest::prelude::*;

use crate::client_model::{LabelPair, MetricType, decode};
use crate::store::{answered, connection, filled};

fn protobuf(snapshot: &Snapshot) -> Vec<u8> {
    let mut out = Vec::new();
    encode(snapshot, Format::Protobuf, &mut out);
    out
}

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

#[test]
fn families_say_what_they_are() {
    let snapshot = filled().snapshot();
    let families = decode(&protobuf(&snapshot));
    let family = |name: &str| families.iter().find(|family| family.name.as_deref() == Some(name)).unwrap();
    let duration = family("http_server_request_duration_seconds");
    assert_eq!(duration.kind, Some(MetricType::Histogram as i32));
    assert_eq!(duration.unit.as_deref(), Some("seconds"));
    assert!(duration.help.as_ref().unwrap().starts_with("Duration of HTTP requests to local servers"));
    let started = snapshot.started.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let exchanges = family("flowfold_exchanges_total");
    assert_eq!((exchanges.kind, exchanges.unit.as_deref()), (Some(MetricType::Counter as i32), None));
    let start = exchanges.metric[0].counter.as_ref().unwrap().start.unwrap();
    assert_eq!(start.after_epoch(), started);
    assert_eq!(family("flowfold_build_info").kind, Some(MetricType::Gauge as i32));
    let since = duration.metric[0].histogram.as_ref().unwrap().start.unwrap();
    let since = since.after_epoch();
    assert!(since.abs_diff(started) < Duration::from_secs(1), "{since:?} is long after {started:?}");
    assert!(families.iter().all(|family| !family.metric.is_empty()));
}

#[test]
fn pieces_of_any_size_make_the_same_messages() {
    let snapshot = filled().snapshot();
    let whole = protobuf(&snapshot);
    for enough in [1, 100, 5000] {
        let mut encoder = Encoder::new(&snapshot, Format::Protobuf);
        let mut pieces = Vec::new();
        loop {
            let mut piece = Vec::new();
            let has_more = encoder.write(&mut piece, enough);
            pieces.extend_from_slice(&piece);
            if !has_more {
                break;
            }
        }
        assert!(whole == pieces, "in pieces of {enough}");
    }
}

proptest! {
    #[test]
    fn any_store_says_the_same(
        exchanges in prop::collection::vec((0..5_usize, 100..600_u16, 0..20_000_000_u64), 0..60),
        names in prop::collection::vec(".{1,200}", 5),
    ) {
        let fold = Fold::new(FoldOptions { max_series: 10, ..FoldOptions::default() });
        let shard = fold.shard();
        for (server, status, micros) in exchanges {
            let info = connection(Reporters::BOTH, &names[server]);
            let mut open = shard.opened(&info);
            shard.exchange(&mut open, &answered(&info, status, Duration::from_micros(micros)));
        }
        let snapshot = fold.snapshot();
        prop_assert_eq!(said_in_protobuf(&protobuf(&snapshot)), said_by(&snapshot));
    }
}
