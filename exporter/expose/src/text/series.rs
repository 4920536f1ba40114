//! Writes the samples of one family.

use std::io::Write;

use flowfold_fold::names::{Kind, Metric};
use flowfold_fold::{HistogramPoint, Labels, Number, Scalar};

use super::Format;
use super::escape::escape_value;

/// Writes the series of one family. What is the same for all of them is made once, and what is the same for all lines
/// of a series once per series: with a hundred thousand histograms, the rest is copying.
#[derive(Debug)]
pub(super) struct SeriesWriter {
    name: &'static str,
    /// For each bucket, what follows the labels: `le="0.005"} `.
    bounds: Vec<Box<[u8]>>,
    /// The labels of the series being written, with a comma after each.
    labels: Vec<u8>,
    /// The beginning of the bucket lines of the series being written.
    line: Vec<u8>,
}

impl SeriesWriter {
    pub(super) fn new(metric: &'static Metric, format: Format) -> Self {
        let bounds = match metric.kind {
            Kind::Histogram(buckets) => {
                let texts = buckets.le.iter().copied().chain(["+Inf"]);
                texts.map(|text| bound(text, format).into_bytes().into()).collect()
            }
            Kind::Counter | Kind::Gauge | Kind::Info => Vec::new(),
        };
        Self { name: metric.name, bounds, labels: Vec::new(), line: Vec::new() }
    }

    pub(super) fn scalar(&mut self, point: &Scalar, out: &mut Vec<u8>) {
        self.take_labels(&point.labels);
        self.start("", out);
        match point.value {
            Number::Whole(whole) => out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes()),
            Number::Real(real) => write_real(real, out),
        }
        out.push(b'\n');
    }

    pub(super) fn histogram(&mut self, point: &HistogramPoint<'_>, out: &mut Vec<u8>) {
        self.take_labels(point.labels);
        self.line.clear();
        for part in [self.name.as_bytes(), b"_bucket{", &self.labels] {
            self.line.extend_from_slice(part);
        }
        let mut digits = itoa::Buffer::new();
        let mut count = 0;
        for (bound, more) in self.bounds.iter().zip(point.counts) {
            count += more;
            for part in [&self.line, &**bound, digits.format(count).as_bytes(), b"\n"] {
                out.extend_from_slice(part);
            }
        }
        self.start("_sum", out);
        write_real(point.sum_seconds(), out);
        out.push(b'\n');
        self.start("_count", out);
        out.extend_from_slice(digits.format(count).as_bytes());
        out.push(b'\n');
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
    fn start(&self, suffix: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(self.name.as_bytes());
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
