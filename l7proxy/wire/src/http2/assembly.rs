//! A header block that comes in pieces: of one frame, or of a frame and its CONTINUATION frames.

use super::Http2Error;
use super::frame::{Frame, Kind};
use crate::limits;

/// Gathers the bytes of a header block. Owns memory only while it does.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    bytes: Vec<u8>,
    /// Where the payload of the frame under way starts in them.
    start: usize,
    /// CONTINUATION frames so far.
    continuations: u32,
    /// The frame that began the block. None between two blocks.
    first: Option<Frame>,
    /// The stream that it promised.
    promised: u32,
    wire_bytes: u64,
}

/// What a block is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) first: Frame,
    pub(super) promised: u32,
    pub(super) wire_bytes: u64,
}

impl Assembly {
    /// A block has begun, and its last frame has not come.
    pub(super) fn is_open(&self) -> bool {
        self.first.is_some()
    }

    /// Bytes of memory owned.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// The bytes of the whole block.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the memory back.
    pub(super) fn free(&mut self) {
        self.bytes = Vec::new();
    }

    /// A frame has begun: checks that it may come here, and that the block does not get too long with it.
    pub(super) fn begin_frame(&mut self, frame: Frame) -> Result<(), Http2Error> {
        match (self.first, frame.kind) {
            (None, Kind::Headers | Kind::PushPromise) => {
                self.first = Some(frame);
                self.continuations = 0;
                self.wire_bytes = 0;
            }
            (Some(first), Kind::Continuation) if first.stream == frame.stream => {
                self.continuations = self.continuations.saturating_add(1);
                if self.continuations > limits::CONTINUATIONS {
                    return Err(Http2Error::HeadTooLarge);
                }
            }
            (None, Kind::Continuation) | (Some(_), _) => return Err(Http2Error::MalformedFrame),
            (None, _) => return Ok(()),
        }
        let length = usize::try_from(frame.length).unwrap_or(usize::MAX);
        if length > limits::HEADER_BLOCK_BYTES.saturating_sub(self.bytes.len()) {
            return Err(Http2Error::HeadTooLarge);
        }
        self.start = self.bytes.len();
        self.wire_bytes = self.wire_bytes.saturating_add(frame.wire_bytes());
        Ok(())
    }

    /// The block promises a stream.
    pub(super) fn promises(&mut self, stream: u32) {
        self.promised = stream;
    }

    /// Gathers bytes of the payload of the frame under way.
    pub(super) fn gather(&mut self, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
    }

    /// The payload of the frame is in: what does not belong to the block is taken out.
    pub(super) fn end_frame(&mut self, frame: Frame) -> Result<(), Http2Error> {
        let fragment = frame.fragment(self.bytes.get(self.start..).unwrap_or_default())?;
        self.bytes.truncate(self.start.saturating_add(fragment.end));
        if frame.kind != Kind::Continuation {
            // It is the first frame, so nothing is in front of it.
            self.bytes.drain(..fragment.start.min(self.bytes.len()));
            self.promised = fragment.promised;
        }
        Ok(())
    }

    /// The block is whole. What it is about; none where none has begun.
    pub(super) fn close(&mut self) -> Option<About> {
        let first = self.first.take()?;
        Some(About { first, promised: self.promised, wire_bytes: self.wire_bytes })
    }
}
