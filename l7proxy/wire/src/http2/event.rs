//! What a direction says.

use super::Fields;

/// What one side of a connection says. Borrows from the input or from the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http2Event<'a> {
    /// A whole header block: a request, a response, an interim response or trailers.
    Headers {
        /// The stream.
        stream: u32,
        /// What is kept of its fields.
        fields: Fields<'a>,
        /// The sender is done with the stream.
        end_stream: bool,
        /// Bytes of the HEADERS frame and its CONTINUATION frames, with their headers.
        wire_bytes: u64,
    },
    /// The server announces a response that nobody had asked for.
    PushPromise {
        /// The stream of the request that made the server think of it.
        stream: u32,
        /// The stream that will carry the response.
        promised: u32,
        /// What is kept of the fields of the request that the server answers.
        fields: Fields<'a>,
        /// Bytes of the `PUSH_PROMISE` frame and its CONTINUATION frames, with their headers.
        wire_bytes: u64,
    },
    /// A piece of the content of a DATA frame, without padding. Never empty.
    Data {
        /// The stream.
        stream: u32,
        /// The piece.
        content: &'a [u8],
    },
    /// A DATA frame is over. Comes once for each of them, behind all [`Data`](Self::Data) of it.
    DataEnd {
        /// The stream.
        stream: u32,
        /// The sender is done with the stream.
        end_stream: bool,
        /// Bytes of the frame: its header, its content and its padding.
        wire_bytes: u64,
    },
    /// The sender gives up a stream.
    Reset {
        /// The stream.
        stream: u32,
        /// Why: see [`error_code`](super::error_code).
        code: u32,
    },
    /// The sender is about to close the connection.
    GoAway {
        /// The last stream of the peer that it may have processed.
        last_stream: u32,
        /// Why: see [`error_code`](super::error_code).
        code: u32,
    },
}
