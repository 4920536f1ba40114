//! The families of HTTP exchanges: two of the OpenTelemetry conventions, and one of our own.

use super::{Metric, label};
use crate::buckets;

/// The labels of the two durations, with what one of them has beside those of the other.
macro_rules! http_labels {
    ($($more:expr),*) => {
        &[
            label::HTTP_REQUEST_METHOD,
            label::HTTP_RESPONSE_STATUS_CODE,
            label::ERROR_TYPE,
            label::HTTP_ROUTE,
            label::URL_TEMPLATE,
            label::NETWORK_PROTOCOL_VERSION,
            label::URL_SCHEME,
            label::SERVER_PORT,
            label::SOURCE_WORKLOAD,
            label::SOURCE_NAMESPACE,
            label::DESTINATION_WORKLOAD,
            label::DESTINATION_NAMESPACE,
            $($more,)*
            label::OTEL_METRIC_OVERFLOW,
        ]
    };
}

/// The labels of the time to first byte: a histogram is as dear as eighteen counters, so it has few.
const FIRST_BYTE_LABELS: &[&str] = &[
    label::REPORTER,
    label::SERVER_PORT,
    label::DESTINATION_WORKLOAD,
    label::DESTINATION_NAMESPACE,
    label::DESTINATION_NAME,
    label::OTEL_METRIC_OVERFLOW,
];

/// Exchanges of ingress rules.
pub static HTTP_SERVER_REQUEST_DURATION: Metric = Metric::histogram(
    "http_server_request_duration_seconds",
    &buckets::HTTP,
    http_labels!(),
    "Duration of HTTP requests to local servers, from the first byte of the request to the last of the answer.",
);

/// Exchanges of egress rules.
pub static HTTP_CLIENT_REQUEST_DURATION: Metric = Metric::histogram(
    "http_client_request_duration_seconds",
    &buckets::HTTP,
    http_labels!(label::DESTINATION_NAME),
    "Duration of HTTP requests of local clients, from the first byte of the request to the last of the answer.",
);

/// Exchanges of both whose final answer began.
pub static HTTP_TIME_TO_FIRST_BYTE: Metric = Metric::histogram(
    "flowfold_http_time_to_first_byte_seconds",
    &buckets::HTTP,
    FIRST_BYTE_LABELS,
    "Time from the first byte of an HTTP request to the first byte of the final answer.",
);
