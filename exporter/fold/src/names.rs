//! Every metric of the agent: name, help, kind, buckets and labels. What is not here is not exported.

use crate::buckets::{self, Buckets};

/// The names of the labels.
pub mod label {
    /// The class of bytes.
    pub const CLASS: &str = "class";
    /// The namespace of the server's workload.
    pub const DESTINATION_NAMESPACE: &str = "destination_namespace";
    /// The server's workload.
    pub const DESTINATION_WORKLOAD: &str = "destination_workload";
    /// The rules that steered a connection: ingress, egress or both.
    pub const DIRECTION: &str = "direction";
    /// What went wrong: a status code or the reason of a failure.
    pub const ERROR_TYPE: &str = "error_type";
    /// The name of a family of exchange series.
    pub const FAMILY: &str = "family";
    /// A format of exposition.
    pub const FORMAT: &str = "format";
    /// The method, or `_OTHER`.
    pub const HTTP_REQUEST_METHOD: &str = "http_request_method";
    /// The status code of the final answer.
    pub const HTTP_RESPONSE_STATUS_CODE: &str = "http_response_status_code";
    /// The route template that the path matches.
    pub const HTTP_ROUTE: &str = "http_route";
    /// The version of HTTP.
    pub const NETWORK_PROTOCOL_VERSION: &str = "network_protocol_version";
    /// `true` on the one series that takes what `max_series` turned away.
    pub const OTEL_METRIC_OVERFLOW: &str = "otel_metric_overflow";
    /// How something ended.
    pub const OUTCOME: &str = "outcome";
    /// The name of a BPF program.
    pub const PROGRAM: &str = "program";
    /// What a connection spoke.
    pub const PROTOCOL: &str = "protocol";
    /// Why, out of a fixed list.
    pub const REASON: &str = "reason";
    /// For whom it is reported: server or client.
    pub const REPORTER: &str = "reporter";
    /// The commit of a build.
    pub const REVISION: &str = "revision";
    /// The port that the client asked for.
    pub const SERVER_PORT: &str = "server_port";
    /// The direction of bytes.
    pub const SIDE: &str = "side";
    /// The namespace of the client's workload.
    pub const SOURCE_NAMESPACE: &str = "source_namespace";
    /// The client's workload.
    pub const SOURCE_WORKLOAD: &str = "source_workload";
    /// `http` or `https`.
    pub const URL_SCHEME: &str = "url_scheme";
    /// The version of a build.
    pub const VERSION: &str = "version";
}

/// A metric family.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name of its samples; histograms add `_bucket`, `_sum` and `_count`.
    pub name: &'static str,
    /// What it counts, in one sentence.
    pub help: &'static str,
    /// What kind of numbers it holds.
    pub kind: Kind,
    /// The labels that its series may have. A label without a value is left out of a series.
    pub labels: &'static [&'static str],
}

/// What kind of numbers a family holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A total that only rises while the agent runs. Its name ends in `_total`.
    Counter,
    /// A number that rises and falls.
    Gauge,
    /// A constant 1 whose labels are what it says. Its name ends in `_info`.
    Info,
    /// A histogram of durations in seconds with these buckets.
    Histogram(&'static Buckets),
}

impl Metric {
    /// The unit of its numbers, which is the last word of its name; empty where they count things.
    pub fn unit(&self) -> &'static str {
        let base = self.name.strip_suffix("_total").unwrap_or(self.name);
        ["seconds", "bytes"].into_iter().find(|unit| base.ends_with(unit)).unwrap_or_default()
    }

    const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, help, kind: Kind::Counter, labels }
    }

    const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, help, kind: Kind::Gauge, labels }
    }

    const fn histogram(
        name: &'static str,
        buckets: &'static Buckets,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, help, kind: Kind::Histogram(buckets), labels }
    }
}

/// The labels of the two durations.
const HTTP_LABELS: &[&str] = &[
    label::HTTP_REQUEST_METHOD,
    label::HTTP_RESPONSE_STATUS_CODE,
    label::ERROR_TYPE,
    label::HTTP_ROUTE,
    label::NETWORK_PROTOCOL_VERSION,
    label::URL_SCHEME,
    label::SERVER_PORT,
    label::SOURCE_WORKLOAD,
    label::SOURCE_NAMESPACE,
    label::DESTINATION_WORKLOAD,
    label::DESTINATION_NAMESPACE,
    label::OTEL_METRIC_OVERFLOW,
];

/// The labels of the time to first byte: a histogram is as dear as eighteen counters, so it has few.
const FIRST_BYTE_LABELS: &[&str] = &[
    label::REPORTER,
    label::SERVER_PORT,
    label::DESTINATION_WORKLOAD,
    label::DESTINATION_NAMESPACE,
    label::OTEL_METRIC_OVERFLOW,
];

/// Exchanges of ingress rules.
pub static HTTP_SERVER_REQUEST_DURATION: Metric = Metric::histogram(
    "http_server_request_duration_seconds",
    &buckets::HTTP,
    HTTP_LABELS,
    "Duration of HTTP requests to local servers, from the first byte of the request to the last of the answer.",
);

/// Exchanges of egress rules.
pub static HTTP_CLIENT_REQUEST_DURATION: Metric = Metric::histogram(
    "http_client_request_duration_seconds",
    &buckets::HTTP,
    HTTP_LABELS,
    "Duration of HTTP requests of local clients, from the first byte of the request to the last of the answer.",
);

/// Exchanges of both whose final answer began.
pub static HTTP_TIME_TO_FIRST_BYTE: Metric = Metric::histogram(
    "flowfold_http_time_to_first_byte_seconds",
    &buckets::HTTP,
    FIRST_BYTE_LABELS,
    "Time from the first byte of an HTTP request to the first byte of the final answer.",
);

/// All exchanges: the series of the two durations, with what overflowed, add up to it.
pub static EXCHANGES: Metric = Metric::counter(
    "flowfold_exchanges_total",
    &[label::DIRECTION, label::OUTCOME],
    "Exchanges read; those of direction ingress or both feed the server's metrics, of egress or both the client's.",
);

/// Live label sets.
pub static SERIES: Metric = Metric::gauge(
    "flowfold_series",
    &[label::FAMILY],
    "Label sets of exchanges that are kept, which max_series limits; the overflow series is not one of them.",
);

/// Label sets made.
pub static SERIES_CREATED: Metric =
    Metric::counter("flowfold_series_created_total", &[label::FAMILY], "Label sets of exchanges that were made.");

/// What went to the overflow series.
pub static SERIES_OVERFLOWED_EXCHANGES: Metric = Metric::counter(
    "flowfold_series_overflowed_exchanges_total",
    &[label::FAMILY],
    "Exchanges that went to the overflow series of the family because max_series was reached.",
);

/// Accepted connections.
pub static CONNECTIONS_OPENED: Metric = Metric::counter(
    "flowfold_connections_opened_total",
    &[label::DIRECTION],
    "Connections that the agent accepted and began to relay.",
);

/// Ended connections.
pub static CONNECTIONS: Metric = Metric::counter(
    "flowfold_connections_total",
    &[label::DIRECTION, label::PROTOCOL, label::OUTCOME],
    "Relayed connections that are over, by what they spoke and how they ended.",
);

/// Connections under way.
pub static OPEN_CONNECTIONS: Metric =
    Metric::gauge("flowfold_open_connections", &[label::DIRECTION], "Connections that the agent is relaying.");

/// Connections not relayed.
pub static CONNECTIONS_REFUSED: Metric = Metric::counter(
    "flowfold_connections_refused_total",
    &[label::REASON],
    "Connections that the agent accepted and reset without relaying them.",
);

/// Connections the programs sent to the agent.
pub static STEERED_CONNECTIONS: Metric = Metric::counter(
    "flowfold_steered_connections_total",
    &[label::DIRECTION],
    "Connections that the BPF programs steered to the agent; late and repeated segments of ingress ones count again.",
);

/// Connections that passed by.
pub static CONNECTIONS_NOT_OBSERVED: Metric = Metric::counter(
    "flowfold_connections_not_observed_total",
    &[label::REASON],
    "Connections to named ports that went directly, counted by each rule that names them.",
);

/// Relayed bytes.
pub static BYTES: Metric = Metric::counter(
    "flowfold_bytes_total",
    &[label::SIDE, label::CLASS, label::REASON],
    "Bytes relayed, each in exactly one class; unparsed bytes have a reason.",
);

/// The relay's own latency.
pub static ADDED_LATENCY: Metric = Metric::histogram(
    "flowfold_added_latency_seconds",
    &buckets::ADDED_LATENCY,
    &[label::SIDE],
    "Time from reading bytes on one side of the relay to having written them on the other.",
);

/// BPF programs.
pub static PROGRAMS_ATTACHED: Metric =
    Metric::gauge("flowfold_programs_attached", &[label::PROGRAM], "Whether a BPF program is attached (1) or not (0).");

/// Work of the last scrape.
pub static SCRAPE_DURATION: Metric = Metric::gauge(
    "flowfold_scrape_duration_seconds",
    &[],
    "Time the agent spent on the last finished scrape: reading, formatting and compressing, not waiting for the reader.",
);

/// Size of the last scrape.
pub static SCRAPE_SIZE: Metric =
    Metric::gauge("flowfold_scrape_size_bytes", &[], "Size of the last finished scrape, before compression.");

/// Answered scrapes.
pub static SCRAPES: Metric =
    Metric::counter("flowfold_scrapes_total", &[label::FORMAT], "Scrapes that were read to their end, by format.");

/// The build.
pub static BUILD_INFO: Metric = Metric {
    name: "flowfold_build_info",
    help: "Which build of the agent this is.",
    kind: Kind::Info,
    labels: &[label::VERSION, label::REVISION],
};

/// CPU time.
pub static PROCESS_CPU: Metric =
    Metric::counter("process_cpu_seconds_total", &[], "User and system CPU time that the agent has spent.");

/// Resident memory.
pub static PROCESS_RESIDENT_MEMORY: Metric =
    Metric::gauge("process_resident_memory_bytes", &[], "Memory of the agent that is resident.");

/// Open descriptors.
pub static PROCESS_OPEN_FDS: Metric =
    Metric::gauge("process_open_fds", &[], "File descriptors that the agent has open.");

/// The descriptor limit.
pub static PROCESS_MAX_FDS: Metric =
    Metric::gauge("process_max_fds", &[], "File descriptors that the agent may have open.");

/// Start of the process.
pub static PROCESS_START_TIME: Metric =
    Metric::gauge("process_start_time_seconds", &[], "When the agent started, in seconds since 1970.");

/// Every metric, in the order in which they are exported.
pub static ALL: [&Metric; 25] = [
    &HTTP_SERVER_REQUEST_DURATION,
    &HTTP_CLIENT_REQUEST_DURATION,
    &HTTP_TIME_TO_FIRST_BYTE,
    &EXCHANGES,
    &SERIES,
    &SERIES_CREATED,
    &SERIES_OVERFLOWED_EXCHANGES,
    &CONNECTIONS_OPENED,
    &CONNECTIONS,
    &OPEN_CONNECTIONS,
    &CONNECTIONS_REFUSED,
    &STEERED_CONNECTIONS,
    &CONNECTIONS_NOT_OBSERVED,
    &BYTES,
    &ADDED_LATENCY,
    &PROGRAMS_ATTACHED,
    &SCRAPE_DURATION,
    &SCRAPE_SIZE,
    &SCRAPES,
    &BUILD_INFO,
    &PROCESS_CPU,
    &PROCESS_RESIDENT_MEMORY,
    &PROCESS_OPEN_FDS,
    &PROCESS_MAX_FDS,
    &PROCESS_START_TIME,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn is_legacy_name(name: &str) -> bool {
        !name.starts_with(|first: char| first.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    }

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        for metric in ALL {
            let name = metric.name;
            assert!(is_legacy_name(name), "{name}");
            assert_eq!(matches!(metric.kind, Kind::Counter), name.ends_with("_total"), "{name}");
            assert_eq!(matches!(metric.kind, Kind::Info), name.ends_with("_info"), "{name}");
            assert!(!matches!(metric.kind, Kind::Histogram(_)) || metric.unit() == "seconds", "{name}");
            assert!(!["_bucket", "_sum", "_count"].iter().any(|suffix| name.ends_with(suffix)), "{name}");
            assert!(metric.help.ends_with('.'), "{name}: {}", metric.help);
            for label in metric.labels {
                assert!(is_legacy_name(label) && !label.starts_with("__") && !["le", "quantile"].contains(label));
            }
        }
    }

    #[test]
    fn no_name_stands_for_two_families() {
        let mut names: Vec<_> = ALL.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn units_are_read_off_the_names() {
        assert_eq!(HTTP_SERVER_REQUEST_DURATION.unit(), "seconds");
        assert_eq!(BYTES.unit(), "bytes");
        assert_eq!(PROCESS_CPU.unit(), "seconds");
        assert_eq!(EXCHANGES.unit(), "");
        assert_eq!(PROCESS_OPEN_FDS.unit(), "");
    }
}
