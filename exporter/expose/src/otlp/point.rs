//! The data points of OTLP.

use std::time::SystemTime;

use flowfold_fold::names::otel::{self, OtelType};
use flowfold_fold::{BucketExemplar, Labels, Number};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, exemplar, number_data_point,
};

use super::reading::ExponentialBuckets;
use crate::time::since_epoch;

/// A moment in nanoseconds since 1970, which fit until 2554.
pub(super) fn nanos(time: SystemTime) -> u64 {
    u64::try_from(since_epoch(time).as_nanos()).unwrap_or(u64::MAX)
}

/// The time that a point is about. Only what counts has a start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) since: Option<SystemTime>,
    pub(super) at: SystemTime,
}

/// The point of a counter or gauge.
pub(super) fn number(labels: &Labels, number: Number, span: Span) -> NumberDataPoint {
    let value = match number {
        Number::Whole(whole) => i64::try_from(whole)
            .map_or(number_data_point::Value::AsDouble(whole as f64), number_data_point::Value::AsInt),
        Number::Real(real) => number_data_point::Value::AsDouble(real),
    };
    NumberDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: span.since.map_or(0, nanos),
        time_unix_nano: nanos(span.at),
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

/// The point of a histogram with these bounds in seconds.
pub(super) fn histogram(
    labels: &Labels,
    counts: &[u64],
    sum_nanos: f64,
    bounds: &[f64],
    span: Span,
) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: span.since.map_or(0, nanos),
        time_unix_nano: nanos(span.at),
        count: counts.iter().sum(),
        sum: Some(sum_nanos / 1e9),
        bucket_counts: counts.to_vec(),
        explicit_bounds: bounds.to_vec(),
        ..HistogramDataPoint::default()
    }
}

/// The point of a histogram with exponential buckets.
pub(super) fn exponential(
    labels: &Labels,
    buckets: ExponentialBuckets,
    sum_nanos: f64,
    span: Span,
) -> ExponentialHistogramDataPoint {
    let ExponentialBuckets { scale, zero_count, offset, counts } = buckets;
    ExponentialHistogramDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: span.since.map_or(0, nanos),
        time_unix_nano: nanos(span.at),
        count: zero_count + counts.iter().sum::<u64>(),
        sum: Some(sum_nanos / 1e9),
        scale,
        zero_count,
        positive: Some(Buckets { offset, bucket_counts: counts }),
        ..ExponentialHistogramDataPoint::default()
    }
}

/// The exemplars of a point that is about this time.
pub(super) fn exemplars(exemplars: &[BucketExemplar], span: Span) -> Vec<Exemplar> {
    let exemplars = exemplars.iter().map(|placed| &placed.exemplar);
    let exemplars = exemplars.filter(|exemplar| span.since.is_none_or(|since| exemplar.at >= since));
    exemplars
        .map(|exemplar| Exemplar {
            time_unix_nano: nanos(exemplar.at),
            span_id: exemplar.span_id.to_vec(),
            trace_id: exemplar.trace_id.to_vec(),
            value: Some(exemplar::Value::AsDouble(exemplar.value_seconds())),
            ..Exemplar::default()
        })
        .collect()
}

fn attributes(labels: &Labels) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    labels.visit(|label, text| {
        let (name, kind) = otel::of_label(label);
        let value = match kind {
            OtelType::Text => None,
            OtelType::Int => text.parse().ok().map(Value::IntValue),
            OtelType::Bool => text.parse().ok().map(Value::BoolValue),
        };
        let value = value.unwrap_or_else(|| Value::StringValue(text.to_owned()));
        let value = Some(AnyValue { value: Some(value) });
        attributes.push(KeyValue { key: name.to_owned(), value, ..KeyValue::default() });
    });
    attributes
}
