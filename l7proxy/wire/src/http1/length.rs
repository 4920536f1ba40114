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

#[cfg(test)]
mod tests {
    use super::{ContentLength, Length, TransferCodings, of_request, of_response};
    use crate::http1::{Http1Error, ResponseTo, Version};

    fn content_length(values: &[&str]) -> ContentLength {
        let mut length = ContentLength::default();
        for value in values {
            length.add(value.as_bytes());
        }
        length
    }

    fn codings(values: &[&str]) -> TransferCodings {
        let mut codings = TransferCodings::default();
        for value in values {
            codings.add(value.as_bytes());
        }
        codings
    }

    #[test]
    fn a_length_is_one_number() {
        for values in [&["42"][..], &["042"], &["42", "42"], &["42, 42"], &["42 ,42", "42"], &["\r\n 42"]] {
            assert_eq!(content_length(values), ContentLength::Valid(42), "{values:?}");
        }
        assert_eq!(content_length(&["18446744073709551615"]), ContentLength::Valid(u64::MAX));
        assert_eq!(content_length(&[]), ContentLength::Absent);
        let invalid = [
            &["18446744073709551616"][..],
            &["-1"],
            &["+1"],
            &["0x2a"],
            &["4 2"],
            &["42,"],
            &[""],
            &["42", "43"],
            &["42, 43"],
            &["x", "42"],
            &["42", "", "42"],
            &["\u{664}\u{662}"],
        ];
        for values in invalid {
            assert_eq!(content_length(values), ContentLength::Invalid, "{values:?}");
        }
    }

    #[test]
    fn chunked_counts_where_it_is_last() {
        for values in [&["chunked"][..], &["gzip, Chunked"], &["gzip;q=1", "CHUNKED"], &["x,y\t,\tchunked"]] {
            assert_eq!(codings(values), TransferCodings::ChunkedLast, "{values:?}");
        }
        for (values, chunked_before) in [
            (&["gzip"][..], false),
            (&["identity"], false),
            (&["xchunked"], false),
            (&["chunked, gzip"], true),
            (&["chunked", "gzip, x"], true),
        ] {
            assert_eq!(codings(values), TransferCodings::OtherLast { chunked_before }, "{values:?}");
        }
        let faulty = [
            &["chunked, chunked"][..],
            &["chunked, gzip, chunked"],
            &["chunked;q=1"],
            &[""],
            &["chunked,"],
            &["gzip;a=\",chunked"],
            &["chunked, chunked", "gzip"],
        ];
        for values in faulty {
            assert_eq!(codings(values), TransferCodings::Faulty, "{values:?}");
        }
    }

    #[test]
    fn both_lengths_are_ambiguous_in_either_direction() {
        for length in [content_length(&["3"]), content_length(&["x"])] {
            for codings in [codings(&["chunked"]), codings(&["gzip"])] {
                let request = of_request(Version::Http11, length, codings);
                assert_eq!(request, Err(Http1Error::AmbiguousLength));
                let response = of_response(200, ResponseTo::Other, Version::Http11, length, codings);
                assert_eq!(response, Err(Http1Error::AmbiguousLength));
            }
        }
    }

    #[test]
    fn some_responses_end_with_their_head_whatever_it_says() {
        let bad = (content_length(&["x"]), codings(&["chunked, chunked"]));
        for (status, to) in [
            (204, ResponseTo::Other),
            (304, ResponseTo::Upgrade),
            (200, ResponseTo::Head),
            (500, ResponseTo::HeadUpgrade),
        ] {
            assert_eq!(of_response(status, to, Version::Http10, bad.0, bad.1), Ok(Length::Exactly(0)), "{status}");
        }
        let reset = of_response(205, ResponseTo::Other, Version::Http11, content_length(&["0"]), codings(&[]));
        assert_eq!(reset, Ok(Length::Exactly(0)));
    }
}
