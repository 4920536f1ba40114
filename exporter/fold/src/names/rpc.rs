//! The families of gRPC calls: two of the OpenTelemetry conventions, and three of our own.

use super::{Metric, label};
use crate::buckets;

/// The labels of the two durations, with what one of them has beside those of the other.
macro_rules! rpc_labels {
    ($($more:expr),*) => {
        &[
            label::RPC_SYSTEM_NAME,
            label::RPC_METHOD,
            label::RPC_RESPONSE_STATUS_CODE,
            label::ERROR_TYPE,
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

/// The labels of the time to the first message, as few as those of HTTP's first byte.
const FIRST_MESSAGE_LABELS: &[&str] = &[
    label::REPORTER,
    label::SERVER_PORT,
    label::DESTINATION_WORKLOAD,
    label::DESTINATION_NAMESPACE,
    label::DESTINATION_NAME,
    label::OTEL_METRIC_OVERFLOW,
];

/// The labels of messages.
const MESSAGE_LABELS: &[&str] = &[
    label::REPORTER,
    label::RPC_METHOD,
    label::SIDE,
    label::SERVER_PORT,
    label::DESTINATION_WORKLOAD,
    label::DESTINATION_NAMESPACE,
    label::DESTINATION_NAME,
    label::OTEL_METRIC_OVERFLOW,
];

/// Calls of ingress rules.
pub static RPC_SERVER_CALL_DURATION: Metric = Metric::histogram(
    "rpc_server_call_duration_seconds",
    &buckets::HTTP,
    rpc_labels!(),
    "Duration of gRPC calls to local servers, from the first byte of the request to the end of both streams.",
);

/// Calls of egress rules.
pub static RPC_CLIENT_CALL_DURATION: Metric = Metric::histogram(
    "rpc_client_call_duration_seconds",
    &buckets::HTTP,
    rpc_labels!(label::DESTINATION_NAME),
    "Duration of gRPC calls of local clients, from the first byte of the request to the end of both streams.",
);

/// Calls of both that got a message.
pub static RPC_TIME_TO_FIRST_MESSAGE: Metric = Metric::histogram(
    "flowfold_rpc_time_to_first_message_seconds",
    &buckets::HTTP,
    FIRST_MESSAGE_LABELS,
    "Time from the first byte of a gRPC call to the first byte of its first response message.",
);

/// Messages of both.
pub static RPC_MESSAGES: Metric =
    Metric::counter("flowfold_rpc_messages_total", MESSAGE_LABELS, "Whole gRPC messages of calls that are over.");

/// Bytes of these messages.
pub static RPC_MESSAGE_BYTES: Metric = Metric::counter(
    "flowfold_rpc_message_bytes_total",
    MESSAGE_LABELS,
    "Bytes of whole gRPC messages of calls that are over, compressed as on the wire, without the length prefixes.",
);
