//! The families of Hubble, the observer of Cilium, for the dashboards that know them.
//!
//! Which of the context labels a series has, the configuration says, as it does in Hubble.

use super::{Metric, label};
use crate::buckets;

/// The context labels come first in Hubble, and whoever leaves them out has the rest.
macro_rules! with_context {
    ($($own:expr),*) => {
        &[
            label::SOURCE,
            label::DESTINATION,
            label::SOURCE_IP,
            label::SOURCE_NAMESPACE,
            label::SOURCE_WORKLOAD,
            label::DESTINATION_IP,
            label::DESTINATION_NAMESPACE,
            label::DESTINATION_WORKLOAD,
            label::TRAFFIC_DIRECTION,
            $($own,)*
            label::OTEL_METRIC_OVERFLOW,
        ]
    };
}

/// Requests.
pub static HUBBLE_HTTP_REQUESTS: Metric = Metric::counter(
    "hubble_http_requests_total",
    with_context!(label::METHOD, label::PROTOCOL, label::STATUS, label::REPORTER),
    "HTTP requests and gRPC calls: with http all of them, with httpV2 those that were answered, by status.",
);

/// Answers.
pub static HUBBLE_HTTP_RESPONSES: Metric = Metric::counter(
    "hubble_http_responses_total",
    with_context!(label::METHOD, label::PROTOCOL, label::STATUS, label::REPORTER),
    "Answers to HTTP requests and gRPC calls; with http their source is the server, with httpV2 the client.",
);

/// Durations.
pub static HUBBLE_HTTP_REQUEST_DURATION: Metric = Metric::histogram(
    "hubble_http_request_duration_seconds",
    &buckets::GO_DEFAULT,
    with_context!(label::METHOD, label::REPORTER),
    "Duration of HTTP requests and gRPC calls that were answered; with http their source is the server.",
);

/// Flows.
pub static HUBBLE_FLOWS_PROCESSED: Metric = Metric::counter(
    "hubble_flows_processed_total",
    with_context!(label::PROTOCOL, label::TYPE, label::SUBTYPE, label::VERDICT),
    "Requests and answers, each of which is a flow to Hubble; the source of an answer is the server.",
);

/// Flags of TCP.
pub static HUBBLE_TCP_FLAGS: Metric = Metric::counter(
    "hubble_tcp_flags_total",
    with_context!(label::FLAG, label::FAMILY),
    "SYN, SYN-ACK, FIN and RST that connections had, as their ends tell; counted when a connection is over.",
);

/// Requests to Kafka.
pub static HUBBLE_KAFKA_REQUESTS: Metric = Metric::counter(
    "hubble_kafka_requests_total",
    with_context!(label::TOPIC, label::API_KEY, label::ERROR_CODE, label::REPORTER),
    "Kafka requests; unlike in Hubble, error_code is what the broker answered, a number.",
);

/// Durations of requests to Kafka.
pub static HUBBLE_KAFKA_REQUEST_DURATION: Metric = Metric::histogram(
    "hubble_kafka_request_duration_seconds",
    &buckets::GO_DEFAULT,
    with_context!(label::TOPIC, label::API_KEY, label::REPORTER),
    "Duration of Kafka requests that were answered; Hubble's own is always 0.",
);

/// Questions of DNS.
pub static HUBBLE_DNS_QUERIES: Metric = Metric::counter(
    "hubble_dns_queries_total",
    with_context!(label::RCODE, label::QTYPES, label::IPS_RETURNED, label::QUERY),
    "DNS questions.",
);

/// Answers of DNS.
pub static HUBBLE_DNS_RESPONSES: Metric = Metric::counter(
    "hubble_dns_responses_total",
    with_context!(label::RCODE, label::QTYPES, label::IPS_RETURNED, label::QUERY),
    "DNS answers, whose source is the server.",
);

/// Records of answers of DNS.
pub static HUBBLE_DNS_RESPONSE_TYPES: Metric = Metric::counter(
    "hubble_dns_response_types_total",
    with_context!(label::TYPE, label::QTYPES, label::QUERY),
    "Records in DNS answers, by their type: the one asked for, CNAME, or _OTHER.",
);
