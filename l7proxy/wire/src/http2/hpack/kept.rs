//! What the dynamic table keeps of a value.

use super::Name;
use crate::grpc::{self, GrpcContentType};

/// What is kept of the value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing: the name has no meaning here, or the value none for the name.
    Nothing,
    /// `:scheme`: whether it is `https`.
    Https(bool),
    /// `:status`.
    Status(u16),
    /// `content-type`, where it is one of gRPC.
    Grpc(GrpcContentType),
    /// `grpc-status`.
    GrpcStatus(u32),
    /// The value itself, from this place on.
    Bytes(u32),
}

/// Whether the value of such a field is kept as it is. Of the others with a meaning, the meaning is.
pub(super) const fn keeps_bytes(name: Name) -> bool {
    !matches!(name, Name::Scheme | Name::Status | Name::ContentType | Name::GrpcStatus | Name::Other)
}

/// The meaning of a value that is not kept as it is.
pub(super) fn meaning(name: Name, value: &[u8]) -> Kept {
    match name {
        Name::Scheme => Kept::Https(value.eq_ignore_ascii_case(b"https")),
        Name::Status => status(value).map_or(Kept::Nothing, Kept::Status),
        Name::ContentType => GrpcContentType::read(value).map_or(Kept::Nothing, Kept::Grpc),
        Name::GrpcStatus => grpc::status(value).map_or(Kept::Nothing, Kept::GrpcStatus),
        _ => Kept::Nothing,
    }
}

/// A status code: three digits, not necessarily a known one.
fn status(value: &[u8]) -> Option<u16> {
    let digits: &[u8; 3] = value.try_into().ok()?;
    digits.iter().try_fold(0_u16, |status, byte| {
        let digit = byte.is_ascii_digit().then_some(byte & 0xf)?;
        Some(status.wrapping_mul(10).wrapping_add(u16::from(digit)))
    })
}
