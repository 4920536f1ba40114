//! The lines in front of the series of a family.

use flowfold_fold::names::{Kind, Metric};

use super::escape::{escape_help, escape_help_and_quotes};
use crate::Format;

/// The name of a family, where it is not that of its samples: OpenMetrics leaves their suffix out.
pub(super) fn family_name(metric: &Metric, format: Format) -> &'static str {
    let suffix = match (format, metric.kind) {
        (Format::OpenMetrics100, Kind::Counter) => "_total",
        (Format::OpenMetrics100, Kind::Info) => "_info",
        _ => "",
    };
    metric.name.strip_suffix(suffix).unwrap_or(metric.name)
}

pub(super) fn write_head(metric: &Metric, format: Format, out: &mut Vec<u8>) {
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
