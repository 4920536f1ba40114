//! The families of service graphs, as Tempo and the OpenTelemetry collector make them of spans.

use super::{Metric, label};
use crate::buckets;

/// The labels of an edge.
const EDGE_LABELS: &[&str] = &[label::CLIENT, label::SERVER, label::CONNECTION_TYPE, label::OTEL_METRIC_OVERFLOW];

/// Exchanges between two workloads.
pub static SERVICE_GRAPH_REQUESTS: Metric = Metric::counter(
    "traces_service_graph_request_total",
    EDGE_LABELS,
    "Requests and calls from one workload to another, those that this agent sees on both sides once.",
);

/// Failed exchanges between two workloads.
pub static SERVICE_GRAPH_FAILED: Metric = Metric::counter(
    "traces_service_graph_request_failed_total",
    EDGE_LABELS,
    "Requests and calls from one workload to another that have an error_type, those seen on both sides once.",
);

/// Durations that servers' sides saw.
pub static SERVICE_GRAPH_SERVER: Metric = Metric::histogram(
    "traces_service_graph_request_server_seconds",
    &buckets::HTTP,
    EDGE_LABELS,
    "Duration of requests and calls from one workload to another, reported for the server.",
);

/// Durations that clients' sides saw.
pub static SERVICE_GRAPH_CLIENT: Metric = Metric::histogram(
    "traces_service_graph_request_client_seconds",
    &buckets::HTTP,
    EDGE_LABELS,
    "Duration of requests and calls from one workload to another, reported for the client.",
);
