//! Writes the samples of one family.

use std::io::Write;
use std::time::SystemTime;

use flowfold_fold::names::{Kind, Metric};
use flowfold_fold::{Exemplar, HistogramPoint, Labels, Number, Scalar};

use super::escape::escape_value;
use super::head::{family_name, write_head};
use crate::Format;
use crate::hex::write_hex;
use crate::time::since_epoch;

/// Writes the series of one family. What is the same for all of them is made once, and what is the same for all lines
/// of a series once per series: with a hundred thousand histograms, the rest is copying.
#[derive(Debug)]
pub(crate) struct TextWriter {
    name: &'static str,
    family: &'static str,
    kind: Kind,
    /// For each bucket, what follows the labels: `le="0.005"} `.
    bounds: Vec<Box<[u8]>>,
    /// The labels of the series being written, with a comma after each.
    labels: Vec<u8>,
    /// The beginning of the bucket lines of the series being written.
    line: Vec<u8>,
    /// Where starts are to be shown: the start of what has none of its own.
    started: Option<SystemTime>,
    shows_exemplars: bool,
}

impl TextWriter {
    /// Writes the lines in front of a family's series. `started` is the start of counters where starts are to be shown,
    /// which OpenMetrics alone has lines for.
    pub(crate) fn begin(
        metric: &'static Metric,
        format: Format,
        started: Option<SystemTime>,
        out: &mut Vec<u8>,
    ) -> Self {
        write_head(metric, format, out);
        let bounds = match metric.kind {
            Kind::Histogram(buckets) => {
                let texts = buckets.le.iter().copied().chain(["+Inf"]);
                texts.map(|text| bound(text, format).into_bytes().into()).collect()
            }
            Kind::Counter | Kind::Gauge | Kind::Info => Vec::new(),
        };
        Self {
            name: metric.name,
            family: family_name(metric, format),
            kind: metric.kind,
            bounds,
            labels: Vec::new(),
            line: Vec::new(),
            started: started.filter(|_| format == Format::OpenMetrics100),
            shows_exemplars: format == Format::OpenMetrics100,
        }
    }

    pub(crate) fn scalar(&mut self, point: &Scalar, out: &mut Vec<u8>) {
        self.take_labels(&point.labels);
        self.start(self.name, "", out);
        match point.value {
            Number::Whole(whole) => out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes()),
            Number::Real(real) => write_real(real, out),
        }
        out.push(b'\n');
        if self.kind == Kind::Counter {
            self.created(self.started.map(|started| point.since.unwrap_or(started)), out);
        }
    }

    pub(crate) fn histogram(&mut self, point: &HistogramPoint<'_>, out: &mut Vec<u8>) {
        self.take_labels(point.labels);
        self.line.clear();
        for part in [self.name.as_bytes(), b"_bucket{", &self.labels] {
            self.line.extend_from_slice(part);
        }
        let mut digits = itoa::Buffer::new();
        let mut count = 0;
        let mut exemplars = if self.shows_exemplars { point.exemplars() } else { &[] }.iter().peekable();
        for (bucket, (bound, more)) in self.bounds.iter().zip(point.counts).enumerate() {
            count += more;
            for part in [&self.line, &**bound, digits.format(count).as_bytes()] {
                out.extend_from_slice(part);
            }
            if let Some(placed) = exemplars.next_if(|placed| placed.bucket == bucket) {
                write_exemplar(&placed.exemplar, out);
            }
            out.push(b'\n');
        }
        self.start(self.name, "_sum", out);
        write_real(point.sum_seconds(), out);
        out.push(b'\n');
        self.start(self.name, "_count", out);
        out.extend_from_slice(digits.format(count).as_bytes());
        out.push(b'\n');
        self.created(self.started.map(|_| point.since), out);
    }

    /// Writes the line that says since when a series counts, if it is to be shown.
    fn created(&self, since: Option<SystemTime>, out: &mut Vec<u8>) {
        if let Some(since) = since {
            self.start(self.family, "_created", out);
            write_real(since_epoch(since).as_secs_f64(), out);
            out.push(b'\n');
        }
    }

    fn take_labels(&mut self, labels: &Labels) {
        self.labels.clear();
        labels.visit(|name, value| {
            self.labels.extend_from_slice(name.as_bytes());
            self.labels.extend_from_slice(b"=\"");
            escape_value(value, &mut self.labels);
            self.labels.extend_from_slice(b"\",");
        });
    }

    /// Writes a line up to its value.
    fn start(&self, name: &str, suffix: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
        if let Some((_, labels)) = self.labels.split_last() {
            for part in [b"{", labels, b"}"] {
                out.extend_from_slice(part);
            }
        }
        out.push(b' ');
    }
}

/// The bound of a bucket and the end of the labels. OpenMetrics writes whole numbers as floats.
fn bound(text: &str, format: Format) -> String {
    let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = if format == Format::OpenMetrics100 && is_whole { ".0" } else { "" };
    format!("le=\"{text}{fraction}\"}} ")
}

/// Appends an exemplar to a bucket's line. Its labels have 63 characters of the 128 that they may have.
fn write_exemplar(exemplar: &Exemplar, out: &mut Vec<u8>) {
    out.extend_from_slice(b" # {trace_id=\"");
    write_hex(&exemplar.trace_id, out);
    out.extend_from_slice(b"\",span_id=\"");
    write_hex(&exemplar.span_id, out);
    out.extend_from_slice(b"\"} ");
    write_real(exemplar.value_seconds(), out);
    out.push(b' ');
    write_real(since_epoch(exemplar.at).as_secs_f64(), out);
}

/// Appends a float, with as many digits as tell it from its neighbours.
fn write_real(real: f64, out: &mut Vec<u8>) {
    if real.is_infinite() {
        out.extend_from_slice(if real > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        // Writing to a vector cannot fail.
        drop(write!(out, "{real}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_can_be_read_back() {
        for (real, text) in
            [(0.0, "0"), (1.0, "1"), (0.1, "0.1"), (1e-9, "0.000000001"), (f64::INFINITY, "+Inf"), (f64::NAN, "NaN")]
        {
            let mut out = Vec::new();
            write_real(real, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
