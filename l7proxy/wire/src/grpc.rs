//! What gRPC adds to HTTP/2: the content types, the timeout, and the prefix in front of each message.

mod content_type;
mod messages;
mod timeout;
mod web;

pub use content_type::GrpcContentType;
pub use messages::GrpcMessages;
pub(crate) use timeout::timeout;

/// A `grpc-status` value: a number, of which 0 to 16 have names. None where it is anything else.
pub(crate) fn status(value: &[u8]) -> Option<u32> {
    if value.is_empty() || value.len() > 9 {
        return None;
    }
    value.iter().try_fold(0_u32, |status, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        status.checked_mul(10)?.checked_add(digit)
    })
}
