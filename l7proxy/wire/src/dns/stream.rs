//! DNS on a stream: each message behind its length in two bytes (RFC 1035 section 4.2.2).

use crate::http1::{ByteClass, Step};
use crate::limits::DNS_HELD_BYTES;

/// Reads one direction of a connection.
///
/// A message that comes in one piece is told where it lies. Of one that comes in several, the beginning is kept until
/// it is whole: up to [`DNS_HELD_BYTES`].
#[derive(Debug, Default)]
pub struct StreamDecoder {
    state: State,
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before the first byte of a length, or, if one has come, between the two.
    Length(Option<u8>),
    /// Within a message of this length, of which some bytes are still to come.
    Message { length: u16, left: usize },
}

impl Default for State {
    fn default() -> Self {
        Self::Length(None)
    }
}

/// A message of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed<'a> {
    /// The message, or as much of its beginning as is kept.
    pub bytes: &'a [u8],
    /// Its bytes on the wire, with those of its length.
    pub wire_bytes: u64,
}

impl StreamDecoder {
    /// Takes bytes from the front of the input: a length, a piece of a message, or the last one.
    pub fn advance<'a>(&'a mut self, input: &'a [u8]) -> Step<Framed<'a>> {
        match self.state {
            State::Length(first) => {
                let mut bytes = first.into_iter().chain(input.iter().copied());
                let (consumed, state) = match (bytes.next(), bytes.next()) {
                    (Some(high), Some(low)) => {
                        let length = u16::from_be_bytes([high, low]);
                        let consumed = if first.is_some() { 1 } else { 2 };
                        (consumed, State::Message { length, left: usize::from(length) })
                    }
                    (first, _) => (input.len(), State::Length(first)),
                };
                self.state = state;
                self.held.clear();
                Step { consumed, class: ByteClass::Framing, event: None }
            }
            State::Message { length, left } => {
                let piece = input.get(..left).unwrap_or(input);
                let left = left.saturating_sub(piece.len());
                let (consumed, is_whole) = (piece.len(), left == 0);
                self.state = if is_whole { State::Length(None) } else { State::Message { length, left } };
                let bytes = if is_whole && self.held.is_empty() { piece } else { self.hold(piece) };
                let wire_bytes = u64::from(length).saturating_add(2);
                let event = is_whole.then_some(Framed { bytes, wire_bytes });
                Step { consumed, class: ByteClass::Head, event }
            }
        }
    }

    /// Between two messages.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Length(None))
    }

    fn hold(&mut self, piece: &[u8]) -> &[u8] {
        let room = DNS_HELD_BYTES.saturating_sub(self.held.len());
        self.held.extend_from_slice(piece.get(..room).unwrap_or(piece));
        &self.held
    }
}
