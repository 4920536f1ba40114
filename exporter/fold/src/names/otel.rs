//! The names under which the metrics and their labels go out by OTLP: those of the OpenTelemetry conventions where they
//! have one, else our own with dots between the words of the hierarchy.
//!
//! A Prometheus that receives them makes of each the name that it would have scraped, but for the metrics of the process,
//! whose conventional names differ between the two worlds.

use super::{Metric, label};

/// A metric in OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtelMetric {
    /// Its name.
    pub name: &'static str,
    /// Its unit, in UCUM: empty where there is none.
    pub unit: &'static str,
    /// Who reports it.
    pub reporter: OtelReporter,
}

/// Whose resource the series of a metric belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtelReporter {
    /// The server's workload.
    Destination,
    /// The client's workload.
    Source,
    /// The server's workload where the label `reporter` says `server`, else the agent: it does not tell the client.
    ByLabel,
    /// The agent.
    Agent,
}

/// What a label's value is in OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtelType {
    /// A text.
    Text,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
}

use OtelReporter::{Agent, ByLabel, Destination, Source};

/// The metrics, with what they are called in OTLP.
static METRICS: [(&Metric, OtelMetric); 56] = [
    (&super::HTTP_SERVER_REQUEST_DURATION, metric("http.server.request.duration", "s", Destination)),
    (&super::HTTP_CLIENT_REQUEST_DURATION, metric("http.client.request.duration", "s", Source)),
    (&super::RPC_SERVER_CALL_DURATION, metric("rpc.server.call.duration", "s", Destination)),
    (&super::RPC_CLIENT_CALL_DURATION, metric("rpc.client.call.duration", "s", Source)),
    (&super::MESSAGING_CLIENT_OPERATION_DURATION, metric("messaging.client.operation.duration", "s", Source)),
    (&super::MESSAGING_CLIENT_SENT_MESSAGES, metric("messaging.client.sent.messages", "{message}", Source)),
    (&super::MESSAGING_CLIENT_CONSUMED_MESSAGES, metric("messaging.client.consumed.messages", "{message}", Source)),
    (&super::DNS_LOOKUP_DURATION, metric("dns.lookup.duration", "s", ByLabel)),
    (&super::HTTP_TIME_TO_FIRST_BYTE, metric("flowfold.http.time_to_first_byte", "s", ByLabel)),
    (&super::RPC_TIME_TO_FIRST_MESSAGE, metric("flowfold.rpc.time_to_first_message", "s", ByLabel)),
    (&super::RPC_MESSAGES, metric("flowfold.rpc.messages", "{message}", ByLabel)),
    (&super::RPC_MESSAGE_BYTES, metric("flowfold.rpc.message_bytes", "By", ByLabel)),
    (&super::KAFKA_REQUESTS, metric("kafka.requests", "{request}", ByLabel)),
    (&super::KAFKA_REQUEST_DURATION, metric("kafka.request.duration", "s", ByLabel)),
    (&super::KAFKA_RECORDS, metric("kafka.records", "{record}", ByLabel)),
    (&super::KAFKA_BYTES, metric("kafka.bytes", "By", ByLabel)),
    (&super::KAFKA_FETCH_BEYOND_WAIT, metric("kafka.fetch.beyond_wait", "s", ByLabel)),
    (&super::KAFKA_THROTTLE, metric("kafka.throttle", "s", ByLabel)),
    (&super::KAFKA_CONSUMER_LAG, metric("kafka.consumer.lag", "{record}", Agent)),
    (&super::KAFKA_FETCH_LAG, metric("kafka.fetch.lag", "{record}", Agent)),
    (&super::EXCHANGES, metric("flowfold.exchanges", "{exchange}", Agent)),
    (&super::SERIES, metric("flowfold.series", "{series}", Agent)),
    (&super::SERIES_CREATED, metric("flowfold.series.created", "{series}", Agent)),
    (&super::SERIES_OVERFLOWED_EXCHANGES, metric("flowfold.series.overflowed_exchanges", "{exchange}", Agent)),
    (&super::SERIES_EXPIRED, metric("flowfold.series.expired", "{series}", Agent)),
    (&super::SERIES_EXPIRED_EXCHANGES, metric("flowfold.series.expired_exchanges", "{exchange}", Agent)),
    (&super::SERIES_BYTES, metric("flowfold.series.memory", "By", Agent)),
    (&super::MAX_SERIES, metric("flowfold.series.limit", "{series}", Agent)),
    (&super::MAX_SERIES_BYTES, metric("flowfold.series.memory_limit", "By", Agent)),
    (&super::KAFKA_POSITIONS, metric("flowfold.kafka.positions", "{position}", Agent)),
    (&super::MAX_KAFKA_POSITIONS, metric("flowfold.kafka.positions.limit", "{position}", Agent)),
    (&super::KAFKA_POSITIONS_TURNED_AWAY, metric("flowfold.kafka.positions.turned_away", "{position}", Agent)),
    (&super::DESTINATION_ADDRESSES, metric("flowfold.destination.addresses", "{address}", Agent)),
    (&super::MAX_DESTINATION_ADDRESSES, metric("flowfold.destination.addresses.limit", "{address}", Agent)),
    (&super::DESTINATION_ADDRESSES_EVICTED, metric("flowfold.destination.addresses.evicted", "{address}", Agent)),
    (&super::CONNECTIONS_OPENED, metric("flowfold.connections.opened", "{connection}", Agent)),
    (&super::CONNECTIONS, metric("flowfold.connections", "{connection}", Agent)),
    (&super::OPEN_CONNECTIONS, metric("flowfold.open_connections", "{connection}", Agent)),
    (&super::CONNECTIONS_REFUSED, metric("flowfold.connections.refused", "{connection}", Agent)),
    (&super::DATAGRAMS_UNREAD, metric("flowfold.datagrams.unread", "{datagram}", Agent)),
    (&super::STEERED_CONNECTIONS, metric("flowfold.steered_connections", "{connection}", Agent)),
    (&super::CONNECTIONS_NOT_OBSERVED, metric("flowfold.connections.not_observed", "{connection}", Agent)),
    (&super::BYTES, metric("flowfold.bytes", "By", Agent)),
    (&super::ADDED_LATENCY, metric("flowfold.added_latency", "s", Agent)),
    (&super::PROGRAMS_ATTACHED, metric("flowfold.programs_attached", "{program}", Agent)),
    (&super::SCRAPE_DURATION, metric("flowfold.scrape.duration", "s", Agent)),
    (&super::SCRAPE_SIZE, metric("flowfold.scrape.size", "By", Agent)),
    (&super::SCRAPES, metric("flowfold.scrapes", "{scrape}", Agent)),
    (&super::OTLP_DATA_POINTS, metric("flowfold.otlp.data_points", "{data_point}", Agent)),
    (&super::SPANS, metric("flowfold.spans", "{span}", Agent)),
    (&super::BUILD_INFO, metric("flowfold.build_info", "", Agent)),
    (&super::PROCESS_CPU, metric("process.cpu.time", "s", Agent)),
    (&super::PROCESS_RESIDENT_MEMORY, metric("process.memory.usage", "By", Agent)),
    (&super::PROCESS_OPEN_FDS, metric("process.unix.file_descriptor.count", "{file_descriptor}", Agent)),
    (&super::PROCESS_MAX_FDS, metric("process.unix.file_descriptor.limit", "{file_descriptor}", Agent)),
    (&super::PROCESS_START_TIME, metric("process.start_time", "s", Agent)),
];

const fn metric(name: &'static str, unit: &'static str, reporter: OtelReporter) -> OtelMetric {
    OtelMetric { name, unit, reporter }
}

/// The labels, with what they are called in OTLP. The workloads' are ours: the conventions have attributes for who
/// reports (the resource), and none for who is at the other end. The server's name is not their `server.address`, which
/// is what a client was told to use: it is learned, and not every series has one.
static LABELS: [(&str, &str, OtelType); 44] = [
    (label::API, "api", OtelType::Text),
    (label::CLASS, "class", OtelType::Text),
    (label::CLIENT_ID, "client_id", OtelType::Text),
    (label::DESTINATION_NAME, "destination.name", OtelType::Text),
    (label::DESTINATION_NAMESPACE, "destination.namespace", OtelType::Text),
    (label::DESTINATION_WORKLOAD, "destination.workload", OtelType::Text),
    (label::DIRECTION, "direction", OtelType::Text),
    (label::ERROR_CODE, "error_code", OtelType::Text),
    (label::DNS_QUESTION_NAME, "dns.question.name", OtelType::Text),
    (label::DNS_QUESTION_TYPE, "dns.question.type", OtelType::Text),
    (label::DNS_RESPONSE_CODE, "dns.response_code", OtelType::Text),
    (label::ERROR_TYPE, "error.type", OtelType::Text),
    (label::FAMILY, "family", OtelType::Text),
    (label::FORMAT, "format", OtelType::Text),
    (label::GROUP, "group", OtelType::Text),
    (label::HTTP_REQUEST_METHOD, "http.request.method", OtelType::Text),
    (label::HTTP_RESPONSE_STATUS_CODE, "http.response.status_code", OtelType::Int),
    (label::HTTP_ROUTE, "http.route", OtelType::Text),
    (label::KAFKA_CLUSTER_ID, "kafka.cluster.id", OtelType::Text),
    (label::MESSAGING_CONSUMER_GROUP_NAME, "messaging.consumer.group.name", OtelType::Text),
    (label::MESSAGING_DESTINATION_NAME, "messaging.destination.name", OtelType::Text),
    (label::MESSAGING_OPERATION_NAME, "messaging.operation.name", OtelType::Text),
    (label::MESSAGING_OPERATION_TYPE, "messaging.operation.type", OtelType::Text),
    (label::MESSAGING_SYSTEM, "messaging.system", OtelType::Text),
    (label::NETWORK_PROTOCOL_VERSION, "network.protocol.version", OtelType::Text),
    (label::NETWORK_TRANSPORT, "network.transport", OtelType::Text),
    (label::OTEL_METRIC_OVERFLOW, "otel.metric.overflow", OtelType::Bool),
    (label::OUTCOME, "outcome", OtelType::Text),
    (label::PROGRAM, "program", OtelType::Text),
    (label::PROTOCOL, "protocol", OtelType::Text),
    (label::REASON, "reason", OtelType::Text),
    (label::REPORTER, "reporter", OtelType::Text),
    (label::REVISION, "revision", OtelType::Text),
    (label::RPC_METHOD, "rpc.method", OtelType::Text),
    (label::RPC_RESPONSE_STATUS_CODE, "rpc.response.status_code", OtelType::Text),
    (label::RPC_SYSTEM_NAME, "rpc.system.name", OtelType::Text),
    (label::SERVER_PORT, "server.port", OtelType::Int),
    (label::SIDE, "side", OtelType::Text),
    (label::SOURCE_NAMESPACE, "source.namespace", OtelType::Text),
    (label::SOURCE_WORKLOAD, "source.workload", OtelType::Text),
    (label::TOPIC, "topic", OtelType::Text),
    (label::URL_SCHEME, "url.scheme", OtelType::Text),
    (label::URL_TEMPLATE, "url.template", OtelType::Text),
    (label::VERSION, "version", OtelType::Text),
];

/// What a metric is called in OTLP; none where it does not go out that way.
pub fn of_metric(metric: &Metric) -> Option<OtelMetric> {
    METRICS.iter().find(|(known, _)| known.name == metric.name).map(|(_, otel)| *otel)
}

/// What a label is called in OTLP, and what its values are. A label that is not ours keeps its name.
pub fn of_label(label: &'static str) -> (&'static str, OtelType) {
    let known = LABELS.iter().find(|(known, ..)| *known == label);
    known.map_or((label, OtelType::Text), |(_, name, kind)| (name, *kind))
}

#[cfg(test)]
mod tests {
    use super::super::{ALL, Kind, TARGET_INFO};
    use super::*;

    /// What Prometheus makes of a name and a unit that it receives (its rules for units are of its own OTLP translator).
    fn translated(otel: OtelMetric, kind: Kind) -> String {
        let name = otel.name.replace('.', "_");
        let unit = match otel.unit {
            "s" => "seconds",
            "By" => "bytes",
            _ => "",
        };
        let unit = if unit.is_empty() || name.ends_with(unit) { String::new() } else { format!("_{unit}") };
        format!("{name}{unit}{}", if kind == Kind::Counter { "_total" } else { "" })
    }

    #[test]
    fn prometheus_gets_the_names_that_it_would_scrape() {
        for metric in ALL.into_iter().filter(|metric| **metric != TARGET_INFO) {
            let otel = of_metric(metric).unwrap_or_else(|| panic!("{} has no name in OTLP", metric.name));
            if !metric.name.starts_with("process_") {
                assert_eq!(translated(otel, metric.kind), metric.name);
            }
            for label in metric.labels {
                let (name, _) = of_label(label);
                assert_eq!(name.replace('.', "_"), **label);
                assert!(LABELS.iter().any(|(known, ..)| known == label), "{label} has no name in OTLP");
            }
        }
    }
}
