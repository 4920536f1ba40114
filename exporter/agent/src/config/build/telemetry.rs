//! Reads what the agent sends of its own accord, out of the file and the environment variables of OpenTelemetry. A
//! variable wins over the key.

mod destination;
mod resource;

use std::time::Duration;

use flowfold_expose::SpanOptions;
use flowfold_expose::otlp::{HistogramKind, MetricsOptions, Temporality};
use flowfold_fold::{Methods, RouteTable};

use self::destination::{Destinations, Signal};
use super::{read_bool, value};
use crate::config::defaults;
use crate::config::environment::Environment;
use crate::config::problem::Collector;
use crate::config::raw::{RawOtlp, RawSpans, Resource as RawResource, Text};
use crate::config::telemetry::Telemetry;

/// What a variable or a key has to be.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// What a wrong value is not, with its verb.
    what: &'a str,
    /// What to write.
    fix: &'a str,
}

/// Reads a value from the first variable that is set, else from the file.
fn setting<T>(
    problems: &mut Collector,
    environment: &Environment,
    variables: &[String],
    (path, raw): (&str, Option<&Text>),
    wanted: Wanted<'_>,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let Some((variable, text)) = variables.iter().find_map(|name| Some((name, environment.get(name)?))) else {
        return value(problems, path, raw, wanted.what, wanted.fix, read);
    };
    let read = read(text);
    if read.is_none() {
        wrong_variable(problems, variable, format!("`{text}` {}", wanted.what), wanted.fix);
    }
    read
}

fn wrong_variable(problems: &mut Collector, variable: &str, what: impl Into<String>, fix: &str) {
    let mut own = Collector::new("environment");
    own.report(None, variable, what, fix);
    problems.absorb(own);
}

/// A time in the file: a number and a unit. In a variable it is in milliseconds, which humantime does not take for one.
fn read_time(text: &str) -> Option<Duration> {
    let time = text.parse().map(Duration::from_millis).ok().or_else(|| humantime::parse_duration(text).ok());
    time.filter(|time| !time.is_zero() && *time <= defaults::MAX_OTLP_TIME)
}

const TIME: Wanted<'_> = Wanted {
    what: "is not a time up to 1h",
    fix: "write a number and a unit in the file, as in 10s or 500ms, and milliseconds in a variable, as in 10000",
};

/// Reads all of it.
pub(super) fn read(
    problems: &mut Collector,
    environment: &Environment,
    otlp: &RawOtlp,
    spans: Option<RawSpans>,
    resource: Option<&RawResource>,
    (routes, methods): (&RouteTable, &Methods),
) -> Telemetry {
    let destinations = Destinations { environment, raw: otlp };
    let wants_metrics =
        value(problems, "otlp.metrics", otlp.metrics.as_ref(), "is not a yes or no", "write true or false", read_bool);
    let metrics = (wants_metrics != Some(false)).then(|| destinations.read(problems, Signal::Metrics)).flatten();
    let metrics = metrics.map(|destination| MetricsOptions {
        destination,
        interval: setting(
            problems,
            environment,
            &["OTEL_METRIC_EXPORT_INTERVAL".to_owned()],
            ("otlp.interval", otlp.interval.as_ref()),
            TIME,
            read_time,
        )
        .unwrap_or(defaults::OTLP_INTERVAL),
        temporality: temporality(problems, environment, otlp),
        histograms: histograms(problems, environment, otlp),
        max_request_bytes: MetricsOptions::MAX_REQUEST_BYTES,
    });
    let spans = spans.and_then(|raw| self::spans(problems, &destinations, &raw, routes, methods));
    Telemetry { metrics, spans, resource: resource::read(problems, environment, resource) }
}

fn temporality(problems: &mut Collector, environment: &Environment, otlp: &RawOtlp) -> Temporality {
    let wanted = Wanted { what: "is not a temporality", fix: "write cumulative, delta or lowmemory" };
    let variable = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE".to_owned();
    let raw = ("otlp.temporality", otlp.temporality.as_ref());
    let read = |text: &str| match text.to_ascii_lowercase().as_str() {
        "cumulative" => Some(Temporality::Cumulative),
        "delta" => Some(Temporality::Delta),
        "lowmemory" => Some(Temporality::LowMemory),
        _ => None,
    };
    setting(problems, environment, &[variable], raw, wanted, read).unwrap_or_default()
}

fn histograms(problems: &mut Collector, environment: &Environment, otlp: &RawOtlp) -> HistogramKind {
    let wanted = Wanted {
        what: "is not a form of histograms",
        fix: "write explicit_bucket_histogram or base2_exponential_bucket_histogram",
    };
    let variable = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION".to_owned();
    let raw = ("otlp.histograms", otlp.histograms.as_ref());
    let read = |text: &str| match text.to_ascii_lowercase().as_str() {
        "explicit_bucket_histogram" => Some(HistogramKind::ExplicitBuckets),
        "base2_exponential_bucket_histogram" => Some(HistogramKind::Base2Exponential),
        _ => None,
    };
    setting(problems, environment, &[variable], raw, wanted, read).unwrap_or_default()
}

fn spans(
    problems: &mut Collector,
    destinations: &Destinations<'_>,
    raw: &RawSpans,
    routes: &RouteTable,
    methods: &Methods,
) -> Option<SpanOptions> {
    let p = problems;
    let read_ratio = |text: &str| text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    let fix = "write a number from 0 to 1, as in 0.01";
    let ratio = value(p, "spans.ratio", raw.ratio.as_ref(), "is not a part of a whole", fix, read_ratio);
    let errors = value(p, "spans.errors", raw.errors.as_ref(), "is not a yes or no", "write true or false", read_bool);
    let slower_than = value(
        p,
        "spans.slower_than",
        raw.slower_than.as_ref(),
        TIME.what,
        "write a number and a unit, as in 1s",
        read_time,
    );
    let max_queued = super::number(p, "spans.max_queued", raw.max_queued.as_ref(), defaults::MAX_QUEUED_SPANS);
    let Some(destination) = destinations.read(p, Signal::Traces) else {
        let fix = "give otlp.endpoint, or set OTEL_EXPORTER_OTLP_ENDPOINT; or take the key out";
        p.report(None, "spans", "nothing says where spans go", fix);
        return None;
    };
    Some(SpanOptions {
        destination,
        ratio: ratio.unwrap_or(defaults::SPAN_RATIO),
        errors: errors.unwrap_or(true),
        slower_than,
        max_queued: max_queued.map_or(defaults::QUEUED_SPANS, usize::from),
        routes: routes.clone(),
        methods: methods.clone(),
    })
}
