//! The families of the OpenTelemetry conventions for messaging, made of Kafka exchanges.

use super::{Metric, label};
use crate::buckets;

/// The labels of operations.
const OPERATION_LABELS: &[&str] = &[
    label::MESSAGING_SYSTEM,
    label::MESSAGING_OPERATION_NAME,
    label::MESSAGING_OPERATION_TYPE,
    label::MESSAGING_DESTINATION_NAME,
    label::MESSAGING_CONSUMER_GROUP_NAME,
    label::ERROR_TYPE,
    label::SERVER_PORT,
    label::SOURCE_WORKLOAD,
    label::SOURCE_NAMESPACE,
    label::DESTINATION_WORKLOAD,
    label::DESTINATION_NAMESPACE,
    label::DESTINATION_NAME,
    label::OTEL_METRIC_OVERFLOW,
];

/// The labels of messages.
const MESSAGE_LABELS: &[&str] = &[
    label::MESSAGING_SYSTEM,
    label::MESSAGING_OPERATION_NAME,
    label::MESSAGING_DESTINATION_NAME,
    label::ERROR_TYPE,
    label::SERVER_PORT,
    label::SOURCE_WORKLOAD,
    label::SOURCE_NAMESPACE,
    label::DESTINATION_WORKLOAD,
    label::DESTINATION_NAMESPACE,
    label::DESTINATION_NAME,
    label::OTEL_METRIC_OVERFLOW,
];

/// Operations of egress rules.
pub static MESSAGING_CLIENT_OPERATION_DURATION: Metric = Metric::histogram(
    "messaging_client_operation_duration_seconds",
    &buckets::HTTP,
    OPERATION_LABELS,
    "Duration of Produce (send), Fetch and ShareFetch (poll), offset commits (commit) and ShareAcknowledge (acknowledge) of local Kafka clients.",
);

/// Records sent under egress rules.
pub static MESSAGING_CLIENT_SENT_MESSAGES: Metric = Metric::counter(
    "messaging_client_sent_messages_total",
    MESSAGE_LABELS,
    "Records that local Kafka clients tried to send, by what the broker said of their partition.",
);

/// Records received under egress rules.
pub static MESSAGING_CLIENT_CONSUMED_MESSAGES: Metric = Metric::counter(
    "messaging_client_consumed_messages_total",
    MESSAGE_LABELS,
    "Records that local Kafka clients were given; a broker gives whole batches, but to share groups.",
);
