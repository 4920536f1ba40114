//! The protobuf format of Prometheus: `io.prometheus.client.MetricFamily` messages, each behind its length.
//!
//! The messages are those of `metrics.proto` in Prometheus' `client_model`, written straight from a snapshot: a message in
//! memory for each of a hundred thousand series would cost more than the series themselves. A family's length stands in
//! front of it, so its series are written twice, at first only to be measured; a series never leaves the processor's
//! cache, and no more than one is ever in memory.

mod fields;
mod native;

use std::time::SystemTime;

use flowfold_fold::names::{Kind, Metric};
use flowfold_fold::{Exemplar, Family, HistogramPoint, Labels, Number, Points, Scalar, Snapshot};
use prost::encoding::encode_varint;

use fields::{bytes, double, nested, string, time, varint};

use crate::hex::write_hex;

/// The field numbers of the messages.
mod tag {
    pub(super) mod family {
        pub(crate) const NAME: u32 = 1;
        pub(crate) const HELP: u32 = 2;
        pub(crate) const TYPE: u32 = 3;
        pub(crate) const METRIC: u32 = 4;
        pub(crate) const UNIT: u32 = 5;
    }
    pub(super) mod metric {
        pub(crate) const LABEL: u32 = 1;
        pub(crate) const GAUGE: u32 = 2;
        pub(crate) const COUNTER: u32 = 3;
        pub(crate) const HISTOGRAM: u32 = 7;
    }
    pub(super) mod label {
        pub(crate) const NAME: u32 = 1;
        pub(crate) const VALUE: u32 = 2;
    }
    pub(super) mod scalar {
        pub(crate) const VALUE: u32 = 1;
        /// Of counters alone.
        pub(crate) const START: u32 = 3;
    }
    pub(super) mod histogram {
        pub(crate) const COUNT: u32 = 1;
        pub(crate) const SUM: u32 = 2;
        pub(crate) const BUCKET: u32 = 3;
        pub(crate) const SCHEMA: u32 = 5;
        pub(crate) const ZERO_THRESHOLD: u32 = 6;
        pub(crate) const ZERO_COUNT: u32 = 7;
        pub(crate) const POSITIVE_SPAN: u32 = 12;
        pub(crate) const POSITIVE_DELTA: u32 = 13;
        pub(crate) const START: u32 = 15;
        pub(crate) const EXEMPLAR: u32 = 16;
    }
    pub(super) mod bucket {
        pub(crate) const CUMULATIVE_COUNT: u32 = 1;
        pub(crate) const UPPER_BOUND: u32 = 2;
        pub(crate) const EXEMPLAR: u32 = 3;
    }
    pub(super) mod span {
        pub(crate) const OFFSET: u32 = 1;
        pub(crate) const LENGTH: u32 = 2;
    }
    pub(super) mod exemplar {
        pub(crate) const LABEL: u32 = 1;
        pub(crate) const VALUE: u32 = 2;
        pub(crate) const TIME: u32 = 3;
    }
}

/// The numbers of the enumeration `MetricType`.
const fn type_number(kind: Kind) -> u64 {
    match kind {
        Kind::Counter => 0,
        Kind::Gauge | Kind::Info => 1,
        Kind::Histogram(_) => 4,
    }
}

/// Writes the series of one family.
#[derive(Debug)]
pub(crate) struct ProtobufWriter {
    kind: Kind,
    /// The upper bounds of the buckets in seconds, the infinite one last.
    bounds: Vec<f64>,
    /// The start of counters.
    started: SystemTime,
    /// The `Metric` message being written.
    message: Vec<u8>,
}

impl ProtobufWriter {
    /// Writes a family's length and what stands in front of its series.
    pub(crate) fn begin(family: &Family, snapshot: &Snapshot, out: &mut Vec<u8>) -> Self {
        let metric = family.metric;
        let bounds = match metric.kind {
            Kind::Histogram(buckets) => {
                let bounds = buckets.le.iter().filter_map(|bound| bound.parse().ok());
                bounds.chain([f64::INFINITY]).collect()
            }
            Kind::Counter | Kind::Gauge | Kind::Info => Vec::new(),
        };
        let mut writer = Self { kind: metric.kind, bounds, started: snapshot.started, message: Vec::new() };
        let head = head(metric);
        let series = writer.measure(&family.points);
        encode_varint(head.len() as u64 + series, out);
        out.extend_from_slice(&head);
        writer
    }

    pub(crate) fn scalar(&mut self, point: &Scalar, out: &mut Vec<u8>) {
        self.take_scalar(point);
        self.write(out);
    }

    pub(crate) fn histogram(&mut self, point: &HistogramPoint<'_>, out: &mut Vec<u8>) {
        self.take_histogram(point);
        self.write(out);
    }

    /// The length of all series of a family.
    fn measure(&mut self, points: &Points) -> u64 {
        let mut length = 0;
        match points {
            Points::Scalars(points) => {
                for point in points {
                    self.take_scalar(point);
                    length += self.length();
                }
            }
            Points::Histograms(points) => {
                for point in points.iter() {
                    self.take_histogram(&point);
                    length += self.length();
                }
            }
        }
        length
    }

    /// The length of the message with its key and length in front.
    fn length(&self) -> u64 {
        let length = self.message.len();
        (prost::encoding::key_len(tag::family::METRIC) + prost::length_delimiter_len(length) + length) as u64
    }

    fn write(&self, out: &mut Vec<u8>) {
        bytes(out, tag::family::METRIC, &self.message);
    }

    fn take_scalar(&mut self, point: &Scalar) {
        let (kind, started, out) = (self.kind, self.started, &mut self.message);
        out.clear();
        labels(out, &point.labels);
        let value = match point.value {
            Number::Whole(whole) => whole as f64,
            Number::Real(real) => real,
        };
        let is_counter = kind == Kind::Counter;
        nested(out, if is_counter { tag::metric::COUNTER } else { tag::metric::GAUGE }, |out| {
            double(out, tag::scalar::VALUE, value);
            if is_counter {
                time(out, tag::scalar::START, point.since.unwrap_or(started));
            }
        });
    }

    fn take_histogram(&mut self, point: &HistogramPoint<'_>) {
        let (bounds, out) = (&self.bounds, &mut self.message);
        out.clear();
        labels(out, point.labels);
        nested(out, tag::metric::HISTOGRAM, |out| {
            varint(out, tag::histogram::COUNT, point.count());
            double(out, tag::histogram::SUM, point.sum_seconds());
            let mut count = 0;
            let mut exemplars = point.exemplars().iter().peekable();
            for (bucket, (bound, more)) in bounds.iter().zip(point.counts).enumerate() {
                count += more;
                nested(out, tag::histogram::BUCKET, |out| {
                    varint(out, tag::bucket::CUMULATIVE_COUNT, count);
                    double(out, tag::bucket::UPPER_BOUND, *bound);
                    if let Some(placed) = exemplars.next_if(|placed| placed.bucket == bucket) {
                        nested(out, tag::bucket::EXEMPLAR, |out| exemplar(out, &placed.exemplar));
                    }
                });
            }
            if let Some(exponential) = point.exponential() {
                native::write(out, exponential);
            }
            time(out, tag::histogram::START, point.since);
            if point.exponential().is_some() {
                for placed in point.exemplars() {
                    nested(out, tag::histogram::EXEMPLAR, |out| exemplar(out, &placed.exemplar));
                }
            }
        });
    }
}

/// What stands in front of a family's series. (The order of fields is free, but parsers can then tell what follows.)
fn head(metric: &Metric) -> Vec<u8> {
    let mut out = Vec::new();
    string(&mut out, tag::family::NAME, metric.name);
    string(&mut out, tag::family::HELP, metric.help);
    varint(&mut out, tag::family::TYPE, type_number(metric.kind));
    if !metric.unit().is_empty() {
        string(&mut out, tag::family::UNIT, metric.unit());
    }
    out
}

fn labels(out: &mut Vec<u8>, labels: &Labels) {
    labels.visit(|name, value| label(out, tag::metric::LABEL, name, value.as_bytes()));
}

fn label(out: &mut Vec<u8>, tag: u32, name: &str, value: &[u8]) {
    nested(out, tag, |out| {
        string(out, tag::label::NAME, name);
        bytes(out, tag::label::VALUE, value);
    });
}

fn exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    let mut id = Vec::with_capacity(2 * exemplar.trace_id.len());
    write_hex(&exemplar.trace_id, &mut id);
    label(out, tag::exemplar::LABEL, "trace_id", &id);
    id.clear();
    write_hex(&exemplar.span_id, &mut id);
    label(out, tag::exemplar::LABEL, "span_id", &id);
    double(out, tag::exemplar::VALUE, exemplar.value_seconds());
    time(out, tag::exemplar::TIME, exemplar.at);
}
