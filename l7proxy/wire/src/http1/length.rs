//! Where a message ends: RFC 9112 section 6.3.

use super::fields::list;
use super::{Http1Error, ResponseTo, Version};

/// How far the content of a message reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes.
    Exactly(u64),
    /// To the end of the chunked coding.
    Chunked,
    /// To the end of the stream.
    UntilClose,
}

/// The length of a request's content.
pub(super) fn of_request(
    version: Version,
    content_length: ContentLength,
    codings: TransferCodings,
) -> Result<Length, Http1Error> {
    if let Some(length) = from_codings(version, content_length, codings)? {
        // Item 4: the end of a request that isn't chunked at last can't be told by its server either.
        return if length == Length::Chunked { Ok(length) } else { Err(Http1Error::AmbiguousLength) };
    }
    match content_length {
        ContentLength::Absent => Ok(Length::Exactly(0)),
        ContentLength::Valid(bytes) => Ok(Length::Exactly(bytes)),
        ContentLength::Invalid => Err(Http1Error::AmbiguousLength),
    }
}

/// The length of a final response's content. Tunnels are the caller's to see before.
pub(super) fn of_response(
    status: u16,
    to: ResponseTo,
    version: Version,
    content_length: ContentLength,
    codings: TransferCodings,
) -> Result<Length, Http1Error> {
    // Item 1 comes first: such a response ends with its head, whatever its fields say.
    if matches!(to, ResponseTo::Head | ResponseTo::HeadUpgrade) || matches!(status, 204 | 304) {
        return Ok(Length::Exactly(0));
    }
    if let Some(length) = from_codings(version, content_length, codings)? {
        return Ok(length);
    }
    match content_length {
        ContentLength::Absent => Ok(Length::UntilClose),
        ContentLength::Valid(bytes) => Ok(Length::Exactly(bytes)),
        ContentLength::Invalid => Err(Http1Error::AmbiguousLength),
    }
}

/// What `Transfer-Encoding` says of the length, where it is there.
fn from_codings(
    version: Version,
    content_length: ContentLength,
    codings: TransferCodings,
) -> Result<Option<Length>, Http1Error> {
    let length = match codings {
        TransferCodings::Absent => return Ok(None),
        TransferCodings::ChunkedLast => Length::Chunked,
        TransferCodings::OtherLast { .. } => Length::UntilClose,
        TransferCodings::Faulty => return Err(Http1Error::AmbiguousLength),
    };
    // Both lengths, or a coding that HTTP/1.0 doesn't know: recipients differ in what they do (section 6.1, and item 3).
    if version == Version::Http10 || content_length != ContentLength::Absent {
        return Err(Http1Error::AmbiguousLength);
    }
    Ok(Some(length))
}

/// What the `Content-Length` fields of a head say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ContentLength {
    #[default]
    Absent,
    Valid(u64),
    /// Not a number, beyond 64 bits, or several different numbers.
    Invalid,
}

impl ContentLength {
    /// Adds a field. Repeating the same number is allowed, in a list or in several fields (RFC 9110 section 8.6).
    pub(super) fn add(&mut self, value: &[u8]) {
        for element in list(value) {
            *self = match (*self, decimal(element)) {
                (Self::Absent, Some(bytes)) => Self::Valid(bytes),
                (Self::Valid(before), Some(bytes)) if before == bytes => Self::Valid(bytes),
                _ => Self::Invalid,
            };
        }
    }
}

/// What the `Transfer-Encoding` fields of a head say together (RFC 9112 section 6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TransferCodings {
    #[default]
    Absent,
    /// The content is chunked, whatever was applied before.
    ChunkedLast,
    /// The last coding is another one.
    OtherLast {
        /// Chunked is among those before it.
        chunked_before: bool,
    },
    /// Chunked twice, chunked with parameters, a name that isn't one, or none at all.
    Faulty,
}

impl TransferCodings {
    /// Adds a field.
    pub(super) fn add(&mut self, value: &[u8]) {
        // A comma inside a quoted parameter would split the list in the wrong place.
        if value.contains(&b'"') {
            *self = Self::Faulty;
        }
        for element in list(value) {
            let name = element.split(|&byte| byte == b';').next().unwrap_or(element).trim_ascii();
            let chunked = name.eq_ignore_ascii_case(b"chunked");
            *self = match *self {
                _ if name.is_empty() || (chunked && name.len() != element.len()) => Self::Faulty,
                Self::Absent | Self::OtherLast { chunked_before: false } if chunked => Self::ChunkedLast,
                Self::Absent => Self::OtherLast { chunked_before: false },
                Self::OtherLast { chunked_before } if !chunked => Self::OtherLast { chunked_before },
                Self::ChunkedLast if !chunked => Self::OtherLast { chunked_before: true },
                _ => Self::Faulty,
            };
        }
    }
}

/// A number of digits alone: no sign, no space, at least one digit.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte & 0x0f))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
