//! The names of the fields that reading along needs.

mod coded;

use super::huffman::Coded;
use coded::CODED;
pub(super) use coded::known;

/// A name. All names without a meaning here are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// `:method`
    Method,
    /// `:scheme`
    Scheme,
    /// `:path`
    Path,
    /// `:protocol` (RFC 8441)
    Protocol,
    /// `:status`
    Status,
    /// `content-type`
    ContentType,
    /// `grpc-status`
    GrpcStatus,
    /// `grpc-timeout`
    GrpcTimeout,
    /// `traceparent`
    TraceParent,
    /// `b3`
    B3,
    /// `x-b3-traceid`
    B3TraceId,
    /// `x-b3-spanid`
    B3SpanId,
    /// `x-b3-sampled`
    B3Sampled,
    /// `x-b3-flags`
    B3Flags,
    /// Any other.
    Other,
}

/// Each name in plain.
const NAMES: [(Name, &[u8]); 14] = [
    (Name::Method, b":method"),
    (Name::Scheme, b":scheme"),
    (Name::Path, b":path"),
    (Name::Protocol, b":protocol"),
    (Name::Status, b":status"),
    (Name::ContentType, b"content-type"),
    (Name::GrpcStatus, b"grpc-status"),
    (Name::GrpcTimeout, b"grpc-timeout"),
    (Name::TraceParent, b"traceparent"),
    (Name::B3, b"b3"),
    (Name::B3TraceId, b"x-b3-traceid"),
    (Name::B3SpanId, b"x-b3-spanid"),
    (Name::B3Sampled, b"x-b3-sampled"),
    (Name::B3Flags, b"x-b3-flags"),
];

impl Name {
    /// The name in plain text. HTTP/2 has names in lower case only (RFC 9113 section 8.2).
    pub fn of_plain(text: &[u8]) -> Self {
        NAMES.iter().find(|(_, name)| *name == text).map_or(Self::Other, |(name, _)| *name)
    }

    /// The Huffman-coded name, without decoding it: a string has one coded form.
    pub fn of_coded(coded: Coded<'_>) -> Self {
        CODED.iter().find(|known| known.bytes() == coded.0).map_or(Self::Other, |known| known.name)
    }
}

#[cfg(test)]
mod tests {
    use super::{CODED, Coded, NAMES, Name};

    #[test]
    fn names_are_known_in_both_forms() {
        for ((name, text), coded) in NAMES.iter().zip(&CODED) {
            assert_eq!(Name::of_plain(text), *name);
            let bytes = coded.bytes();
            assert_eq!(Name::of_coded(Coded(bytes)), *name);
            let mut decoded = Vec::new();
            Coded(bytes).decode_into(&mut decoded).expect("a string");
            assert_eq!(decoded, *text);
        }
        for other in [&b""[..], b"b", b"B3", b":methoe", b"Content-Type", &[0xff; 40]] {
            assert_eq!(Name::of_plain(other), Name::Other);
            assert_eq!(Name::of_coded(Coded(other)), Name::Other);
        }
    }
}
