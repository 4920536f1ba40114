//! From the raw shape and the flags to a [`Config`]: every value is read, and every wrong one reported.

mod metrics;
mod routes;
mod rules;
mod telemetry;
mod workloads;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flowfold_fold::{FoldOptions, Methods, RouteTable};
use tracing_subscriber::EnvFilter;

use super::problem::{Collector, ConfigError};
use super::raw::{RawConfig, RawLog, RawMetrics, RawOtlp, Text};
use super::{Config, Environment, LogFormat, LogOptions, Overrides, Telemetry, defaults};

/// What to do about a directory that is no cgroup.
pub(crate) const FIX_OF_CGROUP: &str = "give a directory of the cgroup2 tree, or leave it out for all processes";

/// `CGROUP2_SUPER_MAGIC` of linux/magic.h.
const CGROUP2_MAGIC: rustix::fs::FsWord = 0x6367_7270;

pub(super) fn config(source: &str, raw: RawConfig, flags: &Overrides) -> Result<Config, ConfigError> {
    let mut problems = Collector::new(source);
    let p = &mut problems;
    let RawMetrics { listen, views, created_lines, hubble, labels } = raw.metrics.unwrap_or_default();
    let metrics = flags.metrics.unwrap_or_else(|| {
        let read = |text: &str| text.parse::<SocketAddr>().ok();
        value(p, "metrics.listen", listen.as_ref(), "is not an address", "write IP:PORT, as in 127.0.0.1:9464", read)
            .unwrap_or(defaults::METRICS_LISTEN)
    });
    let netns = path(p, "netns", raw.netns.as_ref(), flags.netns.as_ref(), false);
    let context =
        rules::Context { metrics, metrics_line: listen.as_ref().map(line_of), own_namespace: netns.is_none() };
    let rules = match &flags.visibility {
        Some(text) => rules::from_flag(p, text, &context),
        None => rules::from_file(p, raw.visibility.unwrap_or_default(), &context),
    };
    let cgroup = path(p, "cgroup", raw.cgroup.as_ref(), flags.cgroup.as_ref(), true);
    let workers = number(p, "workers", raw.workers.as_ref(), defaults::MAX_WORKERS);
    let max_connections = number(p, "max_connections", raw.max_connections.as_ref(), usize::MAX);
    let drain_timeout = value(
        p,
        "drain_timeout",
        raw.drain_timeout.as_ref(),
        "is not a time up to 1h",
        "write a number and a unit, as in 10s, 500ms or 2m",
        read_drain_timeout,
    );
    let (workloads, workload_routes) = workloads::read(p, raw.workloads.unwrap_or_default());
    let routes = routes::read(p, "routes", raw.routes.unwrap_or_default());
    let show_ips = raw.identity.and_then(|identity| identity.show_ips);
    let show_ips =
        value(p, "identity.show_ips", show_ips.as_ref(), "is not a yes or no", "write true or false", read_bool);
    let created_lines = value(
        p,
        "metrics.created_lines",
        created_lines.as_ref(),
        "is not a yes or no",
        "write true or false",
        read_bool,
    );
    let known_methods = metrics::known_methods(p, raw.known_methods.as_deref());
    let telemetry = telemetry::read(
        p,
        &flags.environment,
        &raw.otlp.unwrap_or_default(),
        raw.spans,
        raw.resource.as_ref(),
        (&routes, &known_methods),
    );
    let usual = FoldOptions::default();
    let max_series = number(p, "max_series", raw.max_series.as_ref(), defaults::MAX_MAX_SERIES);
    let learned = metrics::max_url_templates(p, raw.max_url_templates.as_ref());
    let kafka = [
        raw.max_kafka_topics.as_ref(),
        raw.max_kafka_groups.as_ref(),
        raw.max_kafka_client_ids.as_ref(),
        raw.max_kafka_partitions.as_ref(),
    ];
    let destination_names = [
        raw.max_destination_names.as_ref(),
        raw.max_destination_addresses.as_ref(),
        raw.destination_name_grace.as_ref(),
    ];
    let fold = FoldOptions {
        routes,
        workload_routes,
        max_url_templates: learned.unwrap_or(usual.max_url_templates),
        methods: known_methods,
        rpc_methods: metrics::rpc_methods(p, raw.known_rpc_methods.as_deref(), raw.max_rpc_methods.as_ref()),
        kafka: metrics::kafka(p, kafka),
        dns: metrics::dns(p, raw.dns_question_labels.as_ref(), raw.max_dns_names.as_ref()),
        destination_names: metrics::destination_names(p, destination_names, &rules),
        views: metrics::views(p, views.as_deref()),
        hubble: metrics::hubble(p, hubble.as_deref()),
        labels: metrics::labels(p, labels.as_ref()),
        max_series: max_series.map_or(usual.max_series, NonZeroUsize::get),
        max_bytes: metrics::max_bytes(p, raw.max_bytes.as_ref()).unwrap_or(usual.max_bytes),
        series_ttl: metrics::series_ttl(p, raw.series_ttl.as_ref()).unwrap_or(usual.series_ttl),
        build: usual.build,
    };
    let log = log(p, &raw.log.unwrap_or_default());
    problems.finish()?;
    Ok(Config {
        rules,
        cgroup,
        netns,
        metrics,
        workers: flags.workers.or(workers),
        max_connections: flags.max_connections.or(max_connections),
        drain_timeout: flags.drain_timeout.or(drain_timeout).unwrap_or(defaults::DRAIN_TIMEOUT),
        workloads,
        show_ips: show_ips.unwrap_or(true),
        created_lines: created_lines.unwrap_or(false),
        telemetry,
        fold,
        log: LogOptions { format: flags.log_format.unwrap_or(log.format), ..log },
    })
}

pub(super) fn telemetry_of_environment(environment: &Environment) -> Result<Telemetry, ConfigError> {
    let mut problems = Collector::new("environment");
    let shown = (&RouteTable::default(), &Methods::default());
    let telemetry = telemetry::read(&mut problems, environment, &RawOtlp::default(), None, None, shown);
    problems.finish()?;
    Ok(telemetry)
}

/// A time that `--drain-timeout` and the file may name.
pub(crate) fn read_drain_timeout(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|time| *time <= defaults::MAX_DRAIN_TIMEOUT)
}

fn line_of(text: &Text) -> u64 {
    text.referenced.line()
}

/// Reads an optional value, or reports it with its own text in front of `what`.
fn value<T>(
    problems: &mut Collector,
    path: &str,
    raw: Option<&Text>,
    what: &str,
    fix: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let raw = raw?;
    let read = read(raw.value.trim());
    if read.is_none() {
        problems.report(Some(line_of(raw)), path, format!("`{}` {what}", raw.value.trim()), fix);
    }
    read
}

fn number(problems: &mut Collector, path: &str, raw: Option<&Text>, max: usize) -> Option<NonZeroUsize> {
    let fix = match max {
        usize::MAX => "write a whole number of at least 1, or take the key out for the default".to_owned(),
        max => format!("write a whole number from 1 to {max}, or take the key out for the default"),
    };
    let read = |text: &str| text.parse::<NonZeroUsize>().ok().filter(|number| number.get() <= max);
    value(problems, path, raw, "is not a number that can be used here", &fix, read)
}

fn read_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A path that must exist. The flag wins over the file.
fn path(
    problems: &mut Collector,
    key: &str,
    raw: Option<&Text>,
    flag: Option<&PathBuf>,
    directory: bool,
) -> Option<PathBuf> {
    let path = flag.cloned().or_else(|| raw.map(|text| PathBuf::from(text.value.trim())))?;
    let (wrong, fix) = if directory {
        (flaw_of_cgroup(&path), FIX_OF_CGROUP)
    } else {
        let missing = (!path.exists()).then_some("does not exist");
        (missing, "give a path such as /run/netns/NAME or /proc/PID/ns/net")
    };
    if let Some(wrong) = wrong {
        let what = format!("{} {wrong}", path.display());
        if flag.is_some() {
            let mut own = Collector::new(format!("--{key}"));
            own.report(None, "", what, fix);
            problems.absorb(own);
        } else {
            problems.report(raw.map(line_of), key, what, fix);
        }
    }
    Some(path)
}

/// Why processes cannot be chosen by this directory, if so.
pub(crate) fn flaw_of_cgroup(path: &Path) -> Option<&'static str> {
    if !path.is_dir() {
        return Some("is not a directory");
    }
    let is_cgroup2 = rustix::fs::statfs(path).is_ok_and(|system| system.f_type == CGROUP2_MAGIC);
    (!is_cgroup2).then_some("is not in a cgroup2 file system")
}

/// A method's name: an RFC 9110 token that is short enough for a label.
fn is_token(text: &str) -> bool {
    let symbol = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.len() <= 32 && text.bytes().all(symbol)
}

fn log(problems: &mut Collector, raw: &RawLog) -> LogOptions {
    let format =
        value(problems, "log.format", raw.format.as_ref(), "is not a log format", "write human or json", |text| {
            clap::ValueEnum::from_str(text, true).ok()
        });
    let fix = "write a level (error, warn, info, debug, trace), or directives such as info,flowfold_proxy=debug";
    let filter = value(problems, "log.filter", raw.filter.as_ref(), "is not a log filter", fix, |text| {
        EnvFilter::try_new(text).is_ok().then(|| text.to_owned())
    });
    LogOptions {
        format: format.unwrap_or(LogFormat::Human),
        filter: filter.unwrap_or_else(|| defaults::LOG_FILTER.to_owned()),
    }
}
