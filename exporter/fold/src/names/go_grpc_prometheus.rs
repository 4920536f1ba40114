//! The families of go-grpc-prometheus, for the dashboards that know them.
//!
//! The original counts within the server or the client, we count on the wire. A call's type is what its messages show,
//! so a call is counted as started only when it is over, and a stream of a single message counts as none.

use super::{Metric, label};
use crate::buckets;

/// The labels of all but the handled calls.
const CALL_LABELS: &[&str] = &[label::GRPC_TYPE, label::GRPC_SERVICE, label::GRPC_METHOD, label::OTEL_METRIC_OVERFLOW];

/// The labels of the handled calls.
const HANDLED_LABELS: &[&str] =
    &[label::GRPC_TYPE, label::GRPC_SERVICE, label::GRPC_METHOD, label::GRPC_CODE, label::OTEL_METRIC_OVERFLOW];

/// Calls to local servers.
pub static GRPC_SERVER_STARTED: Metric = Metric::counter(
    "grpc_server_started_total",
    CALL_LABELS,
    "gRPC calls to local servers; the wire shows a call's type by its messages, so a call counts when it ends.",
);

/// Calls to local servers by their status.
pub static GRPC_SERVER_HANDLED: Metric = Metric::counter(
    "grpc_server_handled_total",
    HANDLED_LABELS,
    "gRPC calls to local servers that are over, whatever their status.",
);

/// Messages of clients to local servers.
pub static GRPC_SERVER_MSG_RECEIVED: Metric = Metric::counter(
    "grpc_server_msg_received_total",
    CALL_LABELS,
    "gRPC messages that local servers were sent, counted when the call ends.",
);

/// Messages of local servers.
pub static GRPC_SERVER_MSG_SENT: Metric = Metric::counter(
    "grpc_server_msg_sent_total",
    CALL_LABELS,
    "gRPC messages that local servers sent, counted when the call ends.",
);

/// Durations of calls to local servers.
pub static GRPC_SERVER_HANDLING: Metric = Metric::histogram(
    "grpc_server_handling_seconds",
    &buckets::GO_DEFAULT,
    CALL_LABELS,
    "Duration of gRPC calls to local servers.",
);

/// Calls of local clients.
pub static GRPC_CLIENT_STARTED: Metric = Metric::counter(
    "grpc_client_started_total",
    CALL_LABELS,
    "gRPC calls of local clients; the wire shows a call's type by its messages, so a call counts when it ends.",
);

/// Calls of local clients by their status.
pub static GRPC_CLIENT_HANDLED: Metric = Metric::counter(
    "grpc_client_handled_total",
    HANDLED_LABELS,
    "gRPC calls of local clients that are over, whatever their status.",
);

/// Messages of servers to local clients.
pub static GRPC_CLIENT_MSG_RECEIVED: Metric = Metric::counter(
    "grpc_client_msg_received_total",
    CALL_LABELS,
    "gRPC messages that local clients were sent, counted when the call ends.",
);

/// Messages of local clients.
pub static GRPC_CLIENT_MSG_SENT: Metric = Metric::counter(
    "grpc_client_msg_sent_total",
    CALL_LABELS,
    "gRPC messages that local clients sent, counted when the call ends.",
);

/// Durations of calls of local clients.
pub static GRPC_CLIENT_HANDLING: Metric = Metric::histogram(
    "grpc_client_handling_seconds",
    &buckets::GO_DEFAULT,
    CALL_LABELS,
    "Duration of gRPC calls of local clients.",
);
