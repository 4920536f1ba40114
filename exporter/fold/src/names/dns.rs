//! The family of DNS lookups, by the OpenTelemetry conventions, with what those leave out.

use super::{Metric, label};
use crate::buckets;

/// Lookups.
pub static DNS_LOOKUP_DURATION: Metric = Metric::histogram(
    "dns_lookup_duration_seconds",
    &buckets::HTTP,
    &[
        label::REPORTER,
        label::DNS_QUESTION_NAME,
        label::DNS_QUESTION_TYPE,
        label::DNS_RESPONSE_CODE,
        label::NETWORK_TRANSPORT,
        label::ERROR_TYPE,
        label::SERVER_PORT,
        label::SOURCE_WORKLOAD,
        label::SOURCE_NAMESPACE,
        label::DESTINATION_WORKLOAD,
        label::DESTINATION_NAMESPACE,
        label::OTEL_METRIC_OVERFLOW,
    ],
    "Duration of DNS lookups, from the question to its answer; those without one have an error_type, as in timeout.",
);
