//! The protobuf format, decoded by messages that are derived from `metrics.proto`'s field numbers.

use std::time::Duration;

use flowfold_expose::{Encoder, Format, encode};
use flowfold_flow::{Exchange, FlowSink, Reporters, TraceContext};
use flowfold_fold::{Fold, FoldOptions, Snapshot};

use crate::client_model::{BucketSpan, LabelPair, MetricType, decode};
use crate::store::{answered, connection, filled};

fn protobuf(snapshot: &Snapshot) -> Vec<u8> {
    let mut out = Vec::new();
    encode(snapshot, Format::Protobuf, &mut out);
    out
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

/// A store with traced exchanges: at the bounds of buckets, between them, and at once.
fn traced() -> Snapshot {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "details");
    let mut open = shard.opened(&info);
    for (byte, nanos) in [(1, 0), (2, 1_000_000), (3, 1_000_001), (4, 3_000_000_000), (5, 3_000_000_000), (6, 40_000)] {
        let trace = Some(TraceContext { trace_id: [byte; 16], parent_span_id: [byte + 100; 8], sampled: true });
        let exchange = Exchange { trace, ..answered(&info, 200, Duration::from_nanos(nanos)) };
        shard.exchange(&mut open, &exchange);
    }
    fold.snapshot()
}

#[test]
fn native_histograms_have_what_the_classic_ones_have() {
    let snapshot = traced();
    let families = decode(&protobuf(&snapshot));
    let duration = families.iter().find(|family| family.name() == "http_server_request_duration_seconds").unwrap();
    let histogram = duration.metric[0].histogram.as_ref().unwrap();
    let schema = histogram.schema.unwrap();
    assert!((-4..=8).contains(&schema));
    assert_eq!(histogram.zero_count, Some(1));
    assert!(histogram.zero_threshold.unwrap() > 0.0);
    // The buckets of Prometheus: index i takes what is more than base^(i-1) and at most base^i.
    let base = 2_f64.powf(2_f64.powi(-schema));
    let (mut index, mut count) = (0, 0_i64);
    let mut deltas = histogram.positive_delta.iter();
    let mut found = Vec::new();
    for span in &histogram.positive_span {
        index += span.offset();
        for _ in 0..span.length() {
            count += deltas.next().unwrap();
            if count > 0 {
                found.push((base.powi(index - 1), base.powi(index), count));
            }
            index += 1;
        }
    }
    assert_eq!(deltas.next(), None);
    let values = [0.000_04, 0.001, 0.001_000_001, 3.0, 3.0];
    let within =
        |(low, high, _): &(f64, f64, i64)| values.iter().filter(|value| low < *value && *value <= high).count();
    for bucket in &found {
        assert_eq!(i64::try_from(within(bucket)).unwrap(), bucket.2, "{bucket:?}");
    }
    assert_eq!(found.iter().map(|(.., count)| *count).sum::<i64>(), 5);

    assert!(!histogram.exemplars.is_empty() && histogram.exemplars.iter().all(|one| one.timestamp.is_some()));
    let of_bucket: Vec<_> = histogram.bucket.iter().filter_map(|bucket| bucket.exemplar.clone()).collect();
    assert_eq!(of_bucket, histogram.exemplars);
    for bucket in histogram.bucket.iter().filter(|bucket| bucket.exemplar.is_some()) {
        let exemplar = bucket.exemplar.as_ref().unwrap();
        assert!(exemplar.value() <= bucket.upper_bound());
        let names: Vec<_> = exemplar.label.iter().map(LabelPair::name).collect();
        assert_eq!(names, ["trace_id", "span_id"]);
        assert_eq!(exemplar.label[0].value().len(), 32);
    }
}

#[test]
fn a_native_histogram_without_values_can_be_told_from_a_classic_one() {
    let mut out = Vec::new();
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "details");
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &answered(&info, 200, Duration::ZERO));
    encode(&fold.snapshot(), Format::Protobuf, &mut out);
    let families = decode(&out);
    let duration = families.iter().find(|family| family.name() == "http_server_request_duration_seconds").unwrap();
    let histogram = duration.metric[0].histogram.as_ref().unwrap();
    assert_eq!((histogram.zero_count, histogram.positive_delta.len()), (Some(1), 0));
    assert_eq!(histogram.positive_span, [BucketSpan { offset: Some(0), length: Some(0) }]);
}

#[test]
fn open_metrics_has_the_exemplars_of_the_buckets() {
    let mut out = Vec::new();
    encode(&traced(), Format::OpenMetrics100, &mut out);
    let text = String::from_utf8(out).unwrap();
    let line = text.lines().find(|line| line.starts_with("http_server") && line.contains("le=\"5.0\"")).unwrap();
    let (sample, exemplar) = line.split_once(" # ").unwrap();
    assert!(sample.ends_with(" 6"), "{sample}");
    let labels = format!("{{trace_id=\"{}\",span_id=\"{}\"}} 3 ", "05".repeat(16), "69".repeat(8));
    assert!(exemplar.starts_with(&labels), "{exemplar}");
    let mut out = Vec::new();
    encode(&traced(), Format::Text004, &mut out);
    assert!(!String::from_utf8(out).unwrap().contains(" # {"));
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
