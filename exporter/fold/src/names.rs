//! Every metric of the agent: name, help, kind, buckets and labels. What is not here is not exported.

pub mod label;
pub mod otel;

mod agent;
mod dns;
mod go_grpc_prometheus;
mod http;
mod hubble;
mod kafka;
mod messaging;
mod rpc;
mod service_graph;

use crate::buckets::Buckets;

pub use agent::*;
pub use dns::*;
pub use go_grpc_prometheus::*;
pub use http::*;
pub use hubble::*;
pub use kafka::*;
pub use messaging::*;
pub use rpc::*;
pub use service_graph::*;

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

/// Every metric that is exported where the configuration chooses no views, in the order in which they are exported.
pub static ALL: [&Metric; 57] = [
    &HTTP_SERVER_REQUEST_DURATION,
    &HTTP_CLIENT_REQUEST_DURATION,
    &RPC_SERVER_CALL_DURATION,
    &RPC_CLIENT_CALL_DURATION,
    &MESSAGING_CLIENT_OPERATION_DURATION,
    &MESSAGING_CLIENT_SENT_MESSAGES,
    &MESSAGING_CLIENT_CONSUMED_MESSAGES,
    &DNS_LOOKUP_DURATION,
    &HTTP_TIME_TO_FIRST_BYTE,
    &RPC_TIME_TO_FIRST_MESSAGE,
    &RPC_MESSAGES,
    &RPC_MESSAGE_BYTES,
    &KAFKA_REQUESTS,
    &KAFKA_REQUEST_DURATION,
    &KAFKA_RECORDS,
    &KAFKA_BYTES,
    &KAFKA_FETCH_BEYOND_WAIT,
    &KAFKA_THROTTLE,
    &KAFKA_CONSUMER_LAG,
    &KAFKA_FETCH_LAG,
    &EXCHANGES,
    &SERIES,
    &SERIES_CREATED,
    &SERIES_EXPIRED,
    &SERIES_OVERFLOWED_EXCHANGES,
    &SERIES_EXPIRED_EXCHANGES,
    &SERIES_BYTES,
    &MAX_SERIES,
    &MAX_SERIES_BYTES,
    &KAFKA_POSITIONS,
    &MAX_KAFKA_POSITIONS,
    &KAFKA_POSITIONS_TURNED_AWAY,
    &DESTINATION_ADDRESSES,
    &MAX_DESTINATION_ADDRESSES,
    &DESTINATION_ADDRESSES_EVICTED,
    &CONNECTIONS_OPENED,
    &CONNECTIONS,
    &OPEN_CONNECTIONS,
    &CONNECTIONS_REFUSED,
    &DATAGRAMS_UNREAD,
    &STEERED_CONNECTIONS,
    &CONNECTIONS_NOT_OBSERVED,
    &BYTES,
    &ADDED_LATENCY,
    &PROGRAMS_ATTACHED,
    &SCRAPE_DURATION,
    &SCRAPE_SIZE,
    &SCRAPES,
    &OTLP_DATA_POINTS,
    &SPANS,
    &TARGET_INFO,
    &BUILD_INFO,
    &PROCESS_CPU,
    &PROCESS_RESIDENT_MEMORY,
    &PROCESS_OPEN_FDS,
    &PROCESS_MAX_FDS,
    &PROCESS_START_TIME,
];

/// The metrics of the views that only a configuration chooses, in the order in which they are exported: behind
/// those of [`ALL`] that exchanges feed.
pub static CHOSEN: [&Metric; 24] = [
    &GRPC_SERVER_STARTED,
    &GRPC_SERVER_HANDLED,
    &GRPC_SERVER_MSG_RECEIVED,
    &GRPC_SERVER_MSG_SENT,
    &GRPC_SERVER_HANDLING,
    &GRPC_CLIENT_STARTED,
    &GRPC_CLIENT_HANDLED,
    &GRPC_CLIENT_MSG_RECEIVED,
    &GRPC_CLIENT_MSG_SENT,
    &GRPC_CLIENT_HANDLING,
    &HUBBLE_HTTP_REQUESTS,
    &HUBBLE_HTTP_RESPONSES,
    &HUBBLE_HTTP_REQUEST_DURATION,
    &HUBBLE_FLOWS_PROCESSED,
    &HUBBLE_TCP_FLAGS,
    &HUBBLE_KAFKA_REQUESTS,
    &HUBBLE_KAFKA_REQUEST_DURATION,
    &HUBBLE_DNS_QUERIES,
    &HUBBLE_DNS_RESPONSES,
    &HUBBLE_DNS_RESPONSE_TYPES,
    &SERVICE_GRAPH_REQUESTS,
    &SERVICE_GRAPH_FAILED,
    &SERVICE_GRAPH_SERVER,
    &SERVICE_GRAPH_CLIENT,
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
        for metric in ALL.into_iter().chain(CHOSEN) {
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
        let mut names: Vec<_> = ALL.iter().chain(&CHOSEN).map(|metric| metric.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
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
