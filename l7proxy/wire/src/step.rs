//! What the decoders say about the bytes that they took.

/// What the bytes of a step are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteClass {
    /// HTTP/1: a start line or field lines. HTTP/2: the payload of HEADERS, `PUSH_PROMISE` and CONTINUATION frames. Kafka:
    /// the length of a message and its header; of a token, the length, and of a client's what could be a header.
    Head,
    /// Message content. Kafka: batches of records, and bodies of which nothing is known.
    Body,
    /// What is around content and heads. HTTP/1: chunk lines, trailers, empty lines in front of a message. HTTP/2: the
    /// preface, frame headers, the padding of DATA frames, and all frames that carry neither content nor a head. Kafka: bodies
    /// but for the records in them, and what is behind the first bytes of a token.
    Framing,
    /// No longer HTTP/1: a tunnel after an upgrade or CONNECT, or what a client sends after its last request.
    Tunnel,
    /// Kafka: what is behind the place in a message where it showed that it is malformed.
    Unread,
    /// Taken, but not told yet. [`RequestDecoder::settle`](crate::http1::RequestDecoder::settle) gives these bytes back, to be
    /// fed and told then. Those that never are, are [`RequestDecoder::held`](crate::http1::RequestDecoder::held).
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
    /// HTTP/1: between two messages, before the first, or in a tunnel. HTTP/2: between two frames, or before the first.
    Clean,
    /// In the middle of a message; with HTTP/2, of a frame or a header block.
    Truncated,
    /// HTTP/1: the end of the stream is the end of the message (RFC 9112 section 6.3, item 8): the response is whole now.
    Complete,
}
