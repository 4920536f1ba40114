//! Why a direction can't be read any further.

use thiserror::Error;

/// Why a direction can't be read any further. The decoder that returned it has nothing more to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum KafkaError {
    /// A length is negative, or leaves no room for a header: from here on nobody knows where messages begin.
    #[error("malformed length of a message")]
    MalformedFrame,
}
