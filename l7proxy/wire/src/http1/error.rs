//! Why a direction can't be read any further.

use thiserror::Error;

/// Why a direction can't be read any further. The decoder that returned it has nothing more to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Http1Error {
    /// A head or trailer section is longer, or has more fields, than [`crate::limits`] allows.
    #[error("head longer than the limit")]
    HeadTooLarge,
    /// A start line or a field line breaks the grammar of RFC 9112 sections 2 to 5.
    #[error("malformed head")]
    MalformedHead,
    /// Where the message ends, or whether a tunnel follows it, can't be told for certain (RFC 9112 section 6.3).
    #[error("ambiguous message length")]
    AmbiguousLength,
    /// A chunk breaks RFC 9112 section 7.1.
    #[error("malformed chunk")]
    MalformedChunk,
    /// A response came that no request had asked for.
    #[error("unexpected response")]
    UnexpectedResponse,
}
