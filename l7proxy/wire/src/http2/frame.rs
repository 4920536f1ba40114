//! The header of a frame (RFC 9113 section 4.1), and what each type asks of it.

use super::Http2Error;

/// Bytes of a frame header.
pub(super) const HEADER_BYTES: usize = 9;

/// The header of a frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frame {
    /// Bytes of payload.
    pub(super) length: u32,
    pub(super) stream: u32,
    pub(super) kind: Kind,
    flags: u8,
}

/// The types of frames (RFC 9113 section 6) that are told apart here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Reset,
    PushPromise,
    GoAway,
    Continuation,
    /// Any other, known or not: of no interest.
    #[default]
    Other,
}

/// Where in a payload the header block is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The stream that a `PUSH_PROMISE` frame promises.
    pub(super) promised: u32,
}

const END_STREAM: u8 = 0x01;
const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;

impl Frame {
    /// Reads a frame header.
    pub(super) fn read(bytes: [u8; HEADER_BYTES]) -> Result<Self, Http2Error> {
        const SETTINGS: u8 = 4;
        let [a, b, c, kind, flags, stream @ ..] = bytes;
        let length = u32::from_be_bytes([0, a, b, c]);
        // The highest bit is reserved, and ignored.
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        // Lengths that a type does not have are a sign that the frames are lost, and so are streams.
        let (kind, is_valid) = match kind {
            0 => (Kind::Data, stream != 0),
            1 => (Kind::Headers, stream != 0),
            3 => (Kind::Reset, stream != 0 && length == 4),
            5 => (Kind::PushPromise, stream != 0),
            7 => (Kind::GoAway, length >= 8),
            9 => (Kind::Continuation, stream != 0),
            SETTINGS => (Kind::Other, length.is_multiple_of(6)),
            _ => (Kind::Other, true),
        };
        if is_valid { Ok(Self { length, stream, kind, flags }) } else { Err(Http2Error::MalformedFrame) }
    }

    /// The sender is done with the stream.
    pub(super) const fn ends_stream(self) -> bool {
        self.flags & END_STREAM != 0
    }

    /// No CONTINUATION follows.
    pub(super) const fn ends_block(self) -> bool {
        self.flags & END_HEADERS != 0
    }

    /// The payload of a DATA frame starts with the length of its padding.
    pub(super) const fn is_padded(self) -> bool {
        self.flags & PADDED != 0
    }

    /// Bytes of the frame with its header.
    pub(super) fn wire_bytes(self) -> u64 {
        u64::from(self.length).saturating_add(9)
    }

    /// Where in the whole payload the header block is.
    pub(super) fn fragment(self, payload: &[u8]) -> Result<Fragment, Http2Error> {
        let mut rest = payload;
        let (mut promised, mut padding) = (0, 0);
        if self.is_padded() && self.kind != Kind::Continuation {
            let (length, behind) = rest.split_first().ok_or(Http2Error::MalformedFrame)?;
            (padding, rest) = (usize::from(*length), behind);
        }
        if self.kind == Kind::Headers && self.flags & PRIORITY != 0 {
            rest = rest.get(5..).ok_or(Http2Error::MalformedFrame)?;
        }
        if self.kind == Kind::PushPromise {
            let (stream, behind) = rest.split_first_chunk().ok_or(Http2Error::MalformedFrame)?;
            (promised, rest) = (u32::from_be_bytes(*stream) & 0x7fff_ffff, behind);
        }
        if padding > rest.len() {
            return Err(Http2Error::MalformedFrame);
        }
        let start = payload.len().saturating_sub(rest.len());
        Ok(Fragment { start, end: payload.len().saturating_sub(padding), promised })
    }
}
