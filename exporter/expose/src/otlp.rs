//! Pushes to a collector by OTLP, over gRPC or HTTP: metrics out of snapshots, and spans.
//!
//! Everything here runs on the runtime of the admin thread. What cannot be delivered is never queued: the metrics of the
//! next push carry the counts of one that failed, and spans wait in one queue of a fixed length.

mod deliver;
mod delta;
mod grpc;
mod http;
mod metrics;
mod options;
mod outcomes;
mod point;
mod reading;
mod requests;
mod resource;
mod tls;
mod transport;

pub use metrics::MetricsPusher;
pub use options::{
    Compression, Destination, Headers, HistogramKind, MetricsOptions, Protocol, Resource, Temporality, TlsFiles,
};
pub use transport::OtlpError;

pub(crate) use deliver::deliver;
pub(crate) use outcomes::Outcomes;
pub(crate) use resource::WorkloadResources;
pub(crate) use transport::{Signal, Transport};
