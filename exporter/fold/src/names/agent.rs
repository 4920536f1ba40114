//! What the agent tells of itself, of its connections and of its store.

use super::{Kind, Metric, label};
use crate::buckets;

/// All exchanges: the series of the two durations, with what overflowed, add up to it.
pub static EXCHANGES: Metric = Metric::counter(
    "flowfold_exchanges_total",
    &[label::DIRECTION, label::OUTCOME],
    "Exchanges read; those of direction ingress or both feed the server's metrics, of egress or both the client's.",
);

/// Live label sets.
pub static SERIES: Metric = Metric::gauge(
    "flowfold_series",
    &[label::FAMILY],
    "Label sets of exchanges that are kept, which max_series limits; the overflow series is not one of them.",
);

/// Label sets made.
pub static SERIES_CREATED: Metric =
    Metric::counter("flowfold_series_created_total", &[label::FAMILY], "Label sets of exchanges that were made.");

/// Label sets given up.
pub static SERIES_EXPIRED: Metric = Metric::counter(
    "flowfold_series_expired_total",
    &[label::FAMILY],
    "Label sets of exchanges that were given up: after series_ttl without an exchange, or as their destination_name made room for another.",
);

/// What the label sets held that were given up.
pub static SERIES_EXPIRED_EXCHANGES: Metric = Metric::counter(
    "flowfold_series_expired_exchanges_total",
    &[label::FAMILY],
    "Exchanges of label sets that were given up; with those of the series that are shown, they are all of the family.",
);

/// Memory of series.
pub static SERIES_BYTES: Metric = Metric::gauge(
    "flowfold_series_memory_bytes",
    &[],
    "Memory that the series of exchanges take, which max_bytes limits.",
);

/// The ceiling of label sets.
pub static MAX_SERIES: Metric =
    Metric::gauge("flowfold_series_limit", &[], "Label sets of exchanges that there may be at most (max_series).");

/// The ceiling of memory.
pub static MAX_SERIES_BYTES: Metric = Metric::gauge(
    "flowfold_series_memory_limit_bytes",
    &[],
    "Memory that the series of exchanges may take at most (max_bytes).",
);

/// Positions in partitions that are kept.
pub static KAFKA_POSITIONS: Metric = Metric::gauge(
    "flowfold_kafka_positions",
    &[],
    "High watermarks, committed and fetched offsets of Kafka partitions that are kept, which max_kafka_partitions limits.",
);

/// The ceiling of positions.
pub static MAX_KAFKA_POSITIONS: Metric = Metric::gauge(
    "flowfold_kafka_positions_limit",
    &[],
    "Offsets of Kafka partitions that may be kept at most (max_kafka_partitions).",
);

/// Offsets that were not kept.
pub static KAFKA_POSITIONS_TURNED_AWAY: Metric = Metric::counter(
    "flowfold_kafka_positions_turned_away_total",
    &[],
    "Offsets that were not kept because max_kafka_partitions was reached: what they belong to is not in the lags.",
);

/// Addresses that have names.
pub static DESTINATION_ADDRESSES: Metric = Metric::gauge(
    "flowfold_destination_addresses",
    &[],
    "Addresses whose names are kept as DNS answers told them, for each client's workload; limited by max_destination_addresses.",
);

/// The ceiling of addresses.
pub static MAX_DESTINATION_ADDRESSES: Metric = Metric::gauge(
    "flowfold_destination_addresses_limit",
    &[],
    "Addresses whose names may be kept at most (max_destination_addresses); 0 where no names are learned.",
);

/// Addresses that lost their names.
pub static DESTINATION_ADDRESSES_EVICTED: Metric = Metric::counter(
    "flowfold_destination_addresses_evicted_total",
    &[],
    "Addresses whose names were given up before their time because max_destination_addresses was reached.",
);

/// What went to the overflow series.
pub static SERIES_OVERFLOWED_EXCHANGES: Metric = Metric::counter(
    "flowfold_series_overflowed_exchanges_total",
    &[label::FAMILY],
    "Exchanges that went to the overflow series of the family because max_series or max_bytes was reached.",
);

/// Accepted connections.
pub static CONNECTIONS_OPENED: Metric = Metric::counter(
    "flowfold_connections_opened_total",
    &[label::DIRECTION],
    "Connections that the agent accepted and began to relay, and flows of datagrams that it began to read.",
);

/// Ended connections.
pub static CONNECTIONS: Metric = Metric::counter(
    "flowfold_connections_total",
    &[label::DIRECTION, label::PROTOCOL, label::OUTCOME],
    "Relayed connections that are over, flows of datagrams (silent) among them, by what they spoke and how they ended.",
);

/// Connections under way.
pub static OPEN_CONNECTIONS: Metric = Metric::gauge(
    "flowfold_open_connections",
    &[label::DIRECTION],
    "Connections that the agent is relaying, and flows of datagrams that it reads.",
);

/// Connections not relayed.
pub static CONNECTIONS_REFUSED: Metric = Metric::counter(
    "flowfold_connections_refused_total",
    &[label::REASON],
    "Connections that the agent accepted and reset without relaying them.",
);

/// Datagrams not read.
pub static DATAGRAMS_UNREAD: Metric = Metric::counter(
    "flowfold_datagrams_unread_total",
    &[label::SIDE],
    "Datagrams that passed by unread, as the agent was too slow or followed too many, by the side that had sent them.",
);

/// Connections the programs sent to the agent.
pub static STEERED_CONNECTIONS: Metric = Metric::counter(
    "flowfold_steered_connections_total",
    &[label::DIRECTION],
    "Connections that the BPF programs steered to the agent; late and repeated segments of ingress ones count again.",
);

/// Connections that passed by.
pub static CONNECTIONS_NOT_OBSERVED: Metric = Metric::counter(
    "flowfold_connections_not_observed_total",
    &[label::REASON],
    "Connections to named ports that went directly, and sockets and datagrams not read, by each rule that names them.",
);

/// Relayed bytes.
pub static BYTES: Metric = Metric::counter(
    "flowfold_bytes_total",
    &[label::SIDE, label::CLASS, label::REASON],
    "Bytes relayed, or read in datagrams, each in exactly one class; unparsed bytes have a reason.",
);

/// The relay's own latency.
pub static ADDED_LATENCY: Metric = Metric::histogram(
    "flowfold_added_latency_seconds",
    &buckets::ADDED_LATENCY,
    &[label::SIDE],
    "Time from reading bytes on one side of the relay to having written them on the other.",
);

/// BPF programs.
pub static PROGRAMS_ATTACHED: Metric =
    Metric::gauge("flowfold_programs_attached", &[label::PROGRAM], "Whether a BPF program is attached (1) or not (0).");

/// Work of the last scrape.
pub static SCRAPE_DURATION: Metric = Metric::gauge(
    "flowfold_scrape_duration_seconds",
    &[],
    "Time the agent spent on the last finished scrape: reading, formatting and compressing, not waiting for the reader.",
);

/// Size of the last scrape.
pub static SCRAPE_SIZE: Metric =
    Metric::gauge("flowfold_scrape_size_bytes", &[], "Size of the last finished scrape, before compression.");

/// Answered scrapes.
pub static SCRAPES: Metric =
    Metric::counter("flowfold_scrapes_total", &[label::FORMAT], "Scrapes that were read to their end, by format.");

/// Pushed data points.
pub static OTLP_DATA_POINTS: Metric = Metric::counter(
    "flowfold_otlp_data_points_total",
    &[label::OUTCOME],
    "Data points pushed by OTLP: sent, rejected by the receiver, failed (the next push has their counts), or dropped.",
);

/// Sampled spans.
pub static SPANS: Metric = Metric::counter(
    "flowfold_spans_total",
    &[label::OUTCOME],
    "Sampled spans: sent, rejected by the receiver, failed (not delivered), or dropped because the queue was full.",
);

/// The resource.
pub static TARGET_INFO: Metric = Metric {
    name: "target_info",
    help: "The attributes of the resource that the agent was told to report as.",
    kind: Kind::Info,
    labels: &[],
};

/// The build.
pub static BUILD_INFO: Metric = Metric {
    name: "flowfold_build_info",
    help: "Which build of the agent this is.",
    kind: Kind::Info,
    labels: &[label::VERSION, label::REVISION],
};

/// CPU time.
pub static PROCESS_CPU: Metric =
    Metric::counter("process_cpu_seconds_total", &[], "User and system CPU time that the agent has spent.");

/// Resident memory.
pub static PROCESS_RESIDENT_MEMORY: Metric =
    Metric::gauge("process_resident_memory_bytes", &[], "Memory of the agent that is resident.");

/// Open descriptors.
pub static PROCESS_OPEN_FDS: Metric =
    Metric::gauge("process_open_fds", &[], "File descriptors that the agent has open.");

/// The descriptor limit.
pub static PROCESS_MAX_FDS: Metric =
    Metric::gauge("process_max_fds", &[], "File descriptors that the agent may have open.");

/// Start of the process.
pub static PROCESS_START_TIME: Metric =
    Metric::gauge("process_start_time_seconds", &[], "When the agent started, in seconds since 1970.");
