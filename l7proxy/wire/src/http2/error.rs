//! Why a direction can't be read any further.

use thiserror::Error;

/// Why a direction can't be read any further. The decoder that returned it has nothing more to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Http2Error {
    /// A header block is longer, has more fields or stands for more than [`crate::limits`] allows.
    #[error("header block larger than the limit")]
    HeadTooLarge,
    /// A header block breaks RFC 7541: from here on nobody knows what the table holds.
    #[error("malformed header block")]
    MalformedHead,
    /// The preface or a frame breaks RFC 9113 in a way that leaves its meaning open.
    #[error("malformed frame")]
    MalformedFrame,
    /// The encoder wants a larger table than [`HEADER_TABLE_BYTES`](crate::limits::HEADER_TABLE_BYTES).
    #[error("header table larger than the limit")]
    HeaderTableTooLarge,
}
