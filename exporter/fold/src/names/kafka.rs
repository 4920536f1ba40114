//! The families of Kafka exchanges.

use super::{Metric, label};
use crate::buckets;

/// The labels of requests.
const REQUEST_LABELS: &[&str] = &[
    label::REPORTER,
    label::API,
    label::TOPIC,
    label::ERROR_CODE,
    label::ERROR_TYPE,
    label::GROUP,
    label::CLIENT_ID,
    label::SERVER_PORT,
    label::SOURCE_WORKLOAD,
    label::SOURCE_NAMESPACE,
    label::DESTINATION_WORKLOAD,
    label::DESTINATION_NAMESPACE,
    label::DESTINATION_NAME,
    label::OTEL_METRIC_OVERFLOW,
];

/// The labels of records.
const RECORD_LABELS: &[&str] = &[
    label::REPORTER,
    label::TOPIC,
    label::DIRECTION,
    label::SERVER_PORT,
    label::SOURCE_WORKLOAD,
    label::SOURCE_NAMESPACE,
    label::DESTINATION_WORKLOAD,
    label::DESTINATION_NAMESPACE,
    label::DESTINATION_NAME,
    label::OTEL_METRIC_OVERFLOW,
];

/// The labels of what brokers took beyond the wait.
const FETCH_LABELS: &[&str] = &[
    label::REPORTER,
    label::SERVER_PORT,
    label::DESTINATION_WORKLOAD,
    label::DESTINATION_NAMESPACE,
    label::DESTINATION_NAME,
    label::OTEL_METRIC_OVERFLOW,
];

/// The labels of throttling.
const THROTTLE_LABELS: &[&str] = &[
    label::REPORTER,
    label::API,
    label::CLIENT_ID,
    label::SERVER_PORT,
    label::SOURCE_WORKLOAD,
    label::SOURCE_NAMESPACE,
    label::DESTINATION_WORKLOAD,
    label::DESTINATION_NAMESPACE,
    label::DESTINATION_NAME,
    label::OTEL_METRIC_OVERFLOW,
];

/// Requests.
pub static KAFKA_REQUESTS: Metric = Metric::counter(
    "kafka_requests_total",
    REQUEST_LABELS,
    "Kafka requests that are over, by the first error of the response; those that ask for no response have no error_code.",
);

/// Their durations.
pub static KAFKA_REQUEST_DURATION: Metric = Metric::histogram(
    "kafka_request_duration_seconds",
    &buckets::HTTP,
    REQUEST_LABELS,
    "Duration of Kafka requests, from the first byte of the request to the last of the response; a Fetch may wait in it.",
);

/// Records.
pub static KAFKA_RECORDS: Metric = Metric::counter(
    "kafka_records_total",
    RECORD_LABELS,
    "Records that brokers took or gave without an error, as the heads of their batches count them, or those given of them to a share group; copies for other brokers are left out.",
);

/// Bytes of records.
pub static KAFKA_BYTES: Metric = Metric::counter(
    "kafka_bytes_total",
    RECORD_LABELS,
    "Bytes of the batches of these records as on the wire: compressed where they were, with their heads.",
);

/// What brokers took beyond the wait.
pub static KAFKA_FETCH_BEYOND_WAIT: Metric = Metric::histogram(
    "kafka_fetch_beyond_wait_seconds",
    &buckets::HTTP,
    FETCH_LABELS,
    "Time that a broker took to begin its response to a Fetch or ShareFetch beyond the wait that it allowed; 0 within it.",
);

/// Throttling.
pub static KAFKA_THROTTLE: Metric = Metric::histogram(
    "kafka_throttle_seconds",
    &buckets::HTTP,
    THROTTLE_LABELS,
    "Time that a response says the client was held back for exceeding a quota; responses without any are left out.",
);

/// How far groups are behind.
pub static KAFKA_CONSUMER_LAG: Metric = Metric::gauge(
    "kafka_consumer_lag",
    &[label::GROUP, label::TOPIC, label::DESTINATION_NAMESPACE, label::KAFKA_CLUSTER_ID],
    "End of each partition as last seen less the offset that the group last committed, summed over the partitions of the topic.",
);

/// How far fetching workloads are behind.
pub static KAFKA_FETCH_LAG: Metric = Metric::gauge(
    "kafka_fetch_lag",
    &[
        label::TOPIC,
        label::SOURCE_WORKLOAD,
        label::SOURCE_NAMESPACE,
        label::DESTINATION_NAMESPACE,
        label::KAFKA_CLUSTER_ID,
    ],
    "End of each partition as last seen less the offset behind the records that the workload was last given, summed over the partitions of the topic.",
);
