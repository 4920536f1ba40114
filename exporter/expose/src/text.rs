//! The text formats of Prometheus and OpenMetrics, written straight from a snapshot.

mod escape;
mod series;

use std::borrow::Borrow;

use flowfold_fold::names::{Kind, Metric};
use flowfold_fold::{Family, Points, Snapshot};

use escape::{escape_help, escape_help_and_quotes};
use series::SeriesWriter;

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4, the format of last resort.
    Text004,
    /// Prometheus text 1.0.0. It differs from 0.0.4 in how names outside ASCII are written, and there are none.
    Text100,
    /// OpenMetrics 1.0.0.
    OpenMetrics100,
}

impl Format {
    /// Every format, the preferred ones first.
    pub const ALL: [Self; 3] = [Self::Text004, Self::OpenMetrics100, Self::Text100];

    /// The value of the `Content-Type` field.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text004 => "text/plain; version=0.0.4; charset=utf-8",
            Self::Text100 => "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
            Self::OpenMetrics100 => "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        }
    }

    /// The label value of this format.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Text004 => "text_0.0.4",
            Self::Text100 => "text_1.0.0",
            Self::OpenMetrics100 => "openmetrics_1.0.0",
        }
    }
}

/// Appends the whole snapshot in this format.
pub fn encode(snapshot: &Snapshot, format: Format, out: &mut Vec<u8>) {
    Encoder::new(snapshot, format).write(out, usize::MAX);
}

/// Writes a snapshot piece by piece, so that no more than a piece of the text has to be in memory.
#[derive(Debug)]
pub struct Encoder<S> {
    snapshot: S,
    format: Format,
    /// The family that comes next, and where in it.
    family: usize,
    point: usize,
    /// The open family's series; absent between two families.
    series: Option<SeriesWriter>,
    finished: bool,
}

impl<S: Borrow<Snapshot>> Encoder<S> {
    /// An encoder at the start of this snapshot.
    pub fn new(snapshot: S, format: Format) -> Self {
        Self { snapshot, format, family: 0, point: 0, series: None, finished: false }
    }

    /// Appends text until `out` has at least `enough` bytes or the snapshot is at its end. Returns whether there is
    /// more. A piece may go beyond `enough` by one series.
    pub fn write(&mut self, out: &mut Vec<u8>, enough: usize) -> bool {
        let snapshot = self.snapshot.borrow();
        while out.len() < enough {
            let Some(family) = snapshot.families.get(self.family) else {
                if !self.finished && self.format == Format::OpenMetrics100 {
                    out.extend_from_slice(b"# EOF\n");
                }
                self.finished = true;
                return false;
            };
            let series = self.series.get_or_insert_with(|| {
                write_head(family, self.format, out);
                SeriesWriter::new(family.metric, self.format)
            });
            let written = match &family.points {
                Points::Scalars(points) => points.get(self.point).map(|point| series.scalar(point, out)),
                Points::Histograms(points) => points.get(self.point).map(|point| series.histogram(&point, out)),
            };
            if written.is_some() {
                self.point += 1;
            } else {
                self.family += 1;
                self.point = 0;
                self.series = None;
            }
        }
        !self.finished
    }
}

/// The name of a family, where it is not that of its samples: OpenMetrics leaves their suffix out.
fn family_name(metric: &Metric, format: Format) -> &'static str {
    let suffix = match (format, metric.kind) {
        (Format::OpenMetrics100, Kind::Counter) => "_total",
        (Format::OpenMetrics100, Kind::Info) => "_info",
        _ => "",
    };
    metric.name.strip_suffix(suffix).unwrap_or(metric.name)
}

fn write_head(family: &Family, format: Format, out: &mut Vec<u8>) {
    if family.points.is_empty() {
        return;
    }
    let metric = family.metric;
    let name = family_name(metric, format).as_bytes();
    let is_open_metrics = format == Format::OpenMetrics100;
    let kind: &[u8] = match metric.kind {
        Kind::Counter => b"counter",
        Kind::Info if is_open_metrics => b"info",
        Kind::Gauge | Kind::Info => b"gauge",
        Kind::Histogram(_) => b"histogram",
    };
    for part in [b"# HELP ", name, b" "] {
        out.extend_from_slice(part);
    }
    if is_open_metrics {
        escape_help_and_quotes(metric.help, out);
    } else {
        escape_help(metric.help, out);
    }
    for part in [b"\n# TYPE ", name, b" ", kind, b"\n"] {
        out.extend_from_slice(part);
    }
    if is_open_metrics && !metric.unit().is_empty() {
        for part in [b"# UNIT ", name, b" ", metric.unit().as_bytes(), b"\n"] {
            out.extend_from_slice(part);
        }
    }
}
