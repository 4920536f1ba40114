//! Every default and limit of the configuration, with its reason.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

/// Where `/metrics` is served: the port that OpenTelemetry's exporters for Prometheus use, and on loopback, because the
/// names of workloads are nobody else's business unless the operator says so.
pub const METRICS_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9464));

/// How long open exchanges may go on after a stop was asked for. Below the 30 s and 90 s after which Kubernetes and
/// systemd lose patience.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest drain that can be asked for.
pub const MAX_DRAIN_TIMEOUT: Duration = Duration::from_hours(1);

/// The most worker threads that can be asked for: far above any machine's use, and a guard against a slip of the keyboard.
pub const MAX_WORKERS: usize = 256;

/// The most series that can be asked for.
pub const MAX_MAX_SERIES: usize = 1_000_000;

/// The least memory of series that can be asked for. Below it hardly anything but overflow series would fit.
pub const MIN_MAX_BYTES: usize = 1024 * 1024;

/// The shortest life of an idle series that can be asked for: below it a series would go between two scrapes.
pub const MIN_SERIES_TTL: Duration = Duration::from_mins(1);

/// The longest time that names of servers can be kept beyond that of the answer: addresses come to belong to others.
pub const MAX_DESTINATION_NAME_GRACE: Duration = Duration::from_hours(24);

/// The most patterns of paths that can be learned for each service.
pub const MAX_MAX_URL_TEMPLATES: usize = 500;

/// The most route templates of all workloads together. With the global ones they stay below what a label set can tell
/// apart.
pub const MAX_WORKLOAD_ROUTES: usize = flowfold_fold::MAX_ALL_ROUTES - flowfold_fold::MAX_ROUTES;

/// The most entries of the workloads table: they are tried one after the other for each new peer.
pub const MAX_WORKLOADS: usize = 1_000;

/// The longest name, namespace, label name or label value of a workload, in bytes. It is repeated in every series.
pub const MAX_NAME_BYTES: usize = 128;

/// The most extra labels of one workload.
pub const MAX_LABELS: usize = 16;

/// The most bytes of a configuration that are read. A file with a thousand workloads stays well below it; what goes on
/// beyond is no configuration, and may never end, as a device does not.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The time from one push of metrics to the next, as the SDKs of OpenTelemetry have it.
pub const OTLP_INTERVAL: Duration = Duration::from_mins(1);

/// How long a receiver may take for one request, as the specification has it.
pub const OTLP_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest interval or timeout that can be asked for.
pub const MAX_OTLP_TIME: Duration = Duration::from_hours(1);

/// The part of the exchanges without a trace that begins one: spans are examples, and the metrics count everything.
pub const SPAN_RATIO: f64 = 0.01;

/// How many spans may wait to be sent, as the SDKs of OpenTelemetry have it.
pub const QUEUED_SPANS: usize = 2_048;

/// The most that can be asked for: a waiting span takes some two kilobytes.
pub const MAX_QUEUED_SPANS: usize = 65_536;

/// The longest name or value of an attribute of the resource, in bytes. It is repeated in every request.
pub const MAX_ATTRIBUTE_BYTES: usize = 1024;

/// What is logged where neither the file nor `FLOWFOLD_LOG` says.
pub const LOG_FILTER: &str = "info";

/// The most ports of one direction: more are a slip, such as a range written out.
pub const MAX_PORTS: usize = 1_024;
