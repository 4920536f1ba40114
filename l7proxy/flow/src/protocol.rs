//! The protocols that a connection can turn out to speak.

/// What a connection speaks, as far as its bytes have told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// No byte that tells has been seen yet.
    Unknown,
    /// HTTP/1.0 or HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2 with prior knowledge (RFC 9113 section 3.3).
    Http2,
    /// The protocol of Apache Kafka.
    Kafka,
    /// DNS, in datagrams or on a connection (RFC 1035 section 4.2).
    Dns,
    /// TLS (RFC 8446): relayed, never read.
    Tls,
    /// Anything else: relayed, not read.
    Opaque,
}

impl Protocol {
    /// Every protocol, for exporters that start their series at zero.
    pub const ALL: [Self; 7] =
        [Self::Unknown, Self::Http1, Self::Http2, Self::Kafka, Self::Dns, Self::Tls, Self::Opaque];

    /// The label value of this protocol.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Http1 => "http1",
            Self::Http2 => "http2",
            Self::Kafka => "kafka",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Opaque => "opaque",
        }
    }
}
