//! Where to push, and how.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use flowfold_fold::Detail;
use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};

/// Where one signal goes, and how it gets there.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Over HTTP, where requests are posted to; over gRPC, only scheme and authority count. TLS is used where the
    /// scheme is `https`.
    pub url: Uri,
    /// How requests are carried.
    pub protocol: Protocol,
    /// Fields to send along with each request, such as credentials.
    pub headers: Headers,
    /// Whether requests are compressed.
    pub compression: Compression,
    /// How long the receiver may take for one request.
    pub timeout: Duration,
    /// Certificates in place of those of the system.
    pub tls: TlsFiles,
}

/// How requests are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC.
    Grpc,
    /// HTTP/1.1 or, where TLS negotiates it, HTTP/2, with protobuf bodies.
    HttpProtobuf,
}

/// Whether requests are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// They are not.
    #[default]
    None,
    /// With gzip.
    Gzip,
}

/// PEM files for TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Authorities to trust in place of those of the system.
    pub certificate: Option<PathBuf>,
    /// The certificate to show, with the key of [`client_key`](Self::client_key).
    pub client_certificate: Option<PathBuf>,
    /// Its key.
    pub client_key: Option<PathBuf>,
}

/// Fields of requests. Their values, which may be secrets, are not shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(HeaderName, HeaderValue)>);

impl fmt::Debug for Headers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// How metrics are pushed.
#[derive(Clone, Debug)]
pub struct MetricsOptions {
    /// Where they go.
    pub destination: Destination,
    /// The time from one push to the next.
    pub interval: Duration,
    /// What counts are since.
    pub temporality: Temporality,
    /// Which form histograms have.
    pub histograms: HistogramKind,
    /// The most bytes of a request before compression, as long as one series does not exceed it.
    pub max_request_bytes: usize,
}

impl MetricsOptions {
    /// What of the store a push tells.
    pub(super) fn detail(&self) -> Detail {
        Detail { exponential: self.histograms == HistogramKind::Base2Exponential, exemplars: true }
    }

    /// The most bytes of a request where nothing else is asked for: half of what gRPC receivers take by default.
    pub const MAX_REQUEST_BYTES: usize = 2 * 1024 * 1024;
}

/// What the counts of a push are since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Temporality {
    /// Since the series began.
    #[default]
    Cumulative,
    /// Since the push before.
    Delta,
    /// Histograms as with delta, counters as with cumulative: the receiver's memory is what is spared.
    LowMemory,
}

/// The form of histograms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistogramKind {
    /// With the bounds that the conventions name.
    #[default]
    ExplicitBuckets,
    /// With base-2 exponential buckets, where the store keeps them.
    Base2Exponential,
}

/// What reports: attributes of the resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Names, as `service.name`, and values. Those that begin with `service.` are of the agent alone, the others also
    /// of the workloads that it reports for.
    pub attributes: Vec<(String, String)>,
    /// What tells this agent from others that report for the same workloads (`service.instance.id`), unless the
    /// attributes say it.
    pub instance: String,
}
