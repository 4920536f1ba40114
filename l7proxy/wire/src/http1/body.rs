//! What follows a head, up to the end of the message.

use super::chunked::Chunked;
use super::length::Length;
use super::section::Section;
use super::{ByteClass, Http1Error};

/// The rest of a message whose head is done.
#[derive(Debug)]
pub(super) enum Body {
    /// So many bytes.
    Exactly(u64),
    /// Chunks and trailers.
    Chunked(Chunked),
    /// Everything until the stream ends.
    UntilClose,
}

/// What was taken of a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) consumed: usize,
    pub(super) class: ByteClass,
    /// The message is whole.
    pub(super) whole: bool,
}

impl Body {
    /// The body of a message with content of this length.
    pub(super) fn new(length: Length) -> Self {
        match length {
            Length::Exactly(bytes) => Self::Exactly(bytes),
            Length::Chunked => Self::Chunked(Chunked::default()),
            Length::UntilClose => Self::UntilClose,
        }
    }

    /// Takes bytes of one class from the front of the input. Data is skipped, not looked at.
    pub(super) fn advance(&mut self, input: &[u8], section: &mut Section) -> Result<Taken, Http1Error> {
        match self {
            Self::Exactly(left) => {
                let consumed = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left = left.saturating_sub(u64::try_from(consumed).unwrap_or(u64::MAX));
                Ok(Taken { consumed, class: ByteClass::Body, whole: *left == 0 })
            }
            Self::Chunked(chunked) => {
                if let Some(consumed) = chunked.take_data(input.len()) {
                    return Ok(Taken { consumed, class: ByteClass::Body, whole: false });
                }
                let (consumed, whole) = chunked.take_framing(input, section)?;
                Ok(Taken { consumed, class: ByteClass::Framing, whole })
            }
            Self::UntilClose => Ok(Taken { consumed: input.len(), class: ByteClass::Body, whole: false }),
        }
    }
}
