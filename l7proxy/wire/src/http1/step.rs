//! What a decoder says about the bytes that it took.

/// What the bytes of a step are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteClass {
    /// A start line or field lines.
    Head,
    /// Message content.
    Body,
    /// What is around content and heads: chunk lines, trailers, empty lines in front of a message.
    Framing,
    /// No HTTP/1: a tunnel after an upgrade or CONNECT, or what a client sends after its last request.
    Tunnel,
    /// Taken, but not told yet. [`RequestDecoder::settle`](super::RequestDecoder::settle) gives these bytes back, to be
    /// fed and told then. Those that never are, are [`RequestDecoder::held`](super::RequestDecoder::held).
    Held,
}

/// One step of a decoder: how many bytes it took from the front of the input, what they are, and what they said.
#[derive(Clone, Copy, Debug)]
pub struct Step<E> {
    /// Bytes taken. May be 0 where an event needs none.
    pub consumed: usize,
    /// What all of these bytes are.
    pub class: ByteClass,
    /// What became known with them.
    pub event: Option<E>,
}

impl<E> Step<E> {
    /// Nothing was taken and nothing is to tell. This happens when the input is empty, and only then.
    pub const fn needs_more(&self) -> bool {
        self.consumed == 0 && self.event.is_none()
    }
}

/// What it means that a direction ended where it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Between two messages, before the first, or in a tunnel.
    Clean,
    /// In the middle of a message.
    Truncated,
    /// The end of the stream is the end of the message (RFC 9112 section 6.3, item 8): the response is whole now.
    Complete,
}
