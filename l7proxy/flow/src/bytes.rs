//! Byte accounting: every relayed byte belongs to exactly one class.

use std::ops::AddAssign;

/// The direction of bytes on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// From the client to the server: requests.
    ClientToServer,
    /// From the server to the client: responses.
    ServerToClient,
}

impl Side {
    /// Both directions, in the order in which their counters are kept.
    pub const ALL: [Self; 2] = [Self::ClientToServer, Self::ServerToClient];

    /// The label value of this direction.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::ClientToServer => "client_to_server",
            Self::ServerToClient => "server_to_client",
        }
    }

    /// The other direction.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::ClientToServer => Self::ServerToClient,
            Self::ServerToClient => Self::ClientToServer,
        }
    }
}

/// Why bytes of a connection whose protocol is read could not be.
///
/// The first such reason turns the connection opaque: everything after it, in both directions, is counted under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnparsedReason {
    /// A head was longer than the limit, or had too many fields.
    HeadTooLarge,
    /// A start line or a field line breaks the grammar of RFC 9112, or a header block that of RFC 7541.
    MalformedHead,
    /// The length of a message cannot be told for certain (RFC 9112 section 6.3), or too much came before the answer to an
    /// upgrade told what it is.
    AmbiguousLength,
    /// A chunk size or its line end breaks RFC 9112 section 7.1.
    MalformedChunk,
    /// A response arrived that no request had asked for.
    UnexpectedResponse,
    /// More requests were in flight than are remembered.
    TooManyInFlight,
    /// A frame of HTTP/2 breaks RFC 9113 in a way that leaves its meaning open, or the length of a Kafka message can't be
    /// one.
    MalformedFrame,
    /// A Kafka message is not what its kind and version say, or a message of DNS ends within its header or its question.
    /// The next one is read again.
    MalformedMessage,
    /// The sender of header blocks uses a larger table (RFC 7541 section 4.2) than is remembered.
    HeaderTableTooLarge,
    /// A decoder failed by a fault of its own.
    DecoderFault,
}

impl UnparsedReason {
    /// Every reason, in the order of [`UnparsedReason::index`].
    pub const ALL: [Self; 10] = [
        Self::HeadTooLarge,
        Self::MalformedHead,
        Self::AmbiguousLength,
        Self::MalformedChunk,
        Self::UnexpectedResponse,
        Self::TooManyInFlight,
        Self::MalformedFrame,
        Self::MalformedMessage,
        Self::HeaderTableTooLarge,
        Self::DecoderFault,
    ];

    /// The position of this reason in [`UnparsedReason::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The label value of this reason.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::HeadTooLarge => "head_too_large",
            Self::MalformedHead => "malformed_head",
            Self::AmbiguousLength => "ambiguous_length",
            Self::MalformedChunk => "malformed_chunk",
            Self::UnexpectedResponse => "unexpected_response",
            Self::TooManyInFlight => "too_many_in_flight",
            Self::MalformedFrame => "malformed_frame",
            Self::MalformedMessage => "malformed_message",
            Self::HeaderTableTooLarge => "header_table_too_large",
            Self::DecoderFault => "decoder_fault",
        }
    }
}

/// How the bytes of one read divide into classes. Their sum is the length of the read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteTally {
    /// Heads, chunk lines and trailers that a decoder understood.
    pub parsed: u64,
    /// Message content.
    pub body: u64,
    /// Bytes of connections that are not read: TLS, unknown protocols, tunnels after an upgrade.
    pub opaque: u64,
    /// Bytes of a connection that a decoder gave up on, and why.
    pub unparsed: u64,
    /// The reason for [`ByteTally::unparsed`]; set exactly where that is not zero.
    pub reason: Option<UnparsedReason>,
}

impl ByteTally {
    /// The number of bytes counted, whatever their class.
    pub const fn total(&self) -> u64 {
        self.parsed.saturating_add(self.body).saturating_add(self.opaque).saturating_add(self.unparsed)
    }
}

impl AddAssign for ByteTally {
    fn add_assign(&mut self, other: Self) {
        self.parsed += other.parsed;
        self.body += other.body;
        self.opaque += other.opaque;
        self.unparsed += other.unparsed;
        self.reason = self.reason.or(other.reason);
    }
}
