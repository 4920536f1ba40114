//! Reading along with HTTP/2 (RFC 9113) and with gRPC on it.
//!
//! An [`Http2Decoder`] takes the bytes of one direction of a connection from the first one on, in whatever pieces they
//! arrive, and says step by step what they are. What it says depends on the bytes alone, not on how they were cut. The
//! caller owns the loop, and what is known of each stream:
//!
//! ```
//! use flowfold_wire::http2::{Http2Decoder, Http2Event};
//!
//! let mut decoder = Http2Decoder::server();
//! // SETTINGS; HEADERS on stream 1 with `:status: 200` from the static table, which end the stream.
//! let mut input: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88];
//! loop {
//!     let step = decoder.advance(input)?;
//!     if step.needs_more() {
//!         break; // everything is taken, and every event was told
//!     }
//!     if let Some(Http2Event::Headers { stream, fields, end_stream, .. }) = step.event {
//!         assert_eq!((stream, fields.status, end_stream), (1, Some(200), true));
//!     }
//!     input = &input[step.consumed..];
//! }
//! # Ok::<(), flowfold_wire::http2::Http2Error>(())
//! ```
//!
//! The two directions know nothing of each other, and need not. Content of a call goes to a [`GrpcMessages`] of its own.
//!
//! # Where this is more lenient than RFC 9113
//!
//! A peer that breaks the protocol hears so from the other peer. What is an error here is only what leaves the bytes
//! behind it, or the header table, without a certain meaning.
//!
//! - Frames of any length are read; header blocks up to [`HEADER_BLOCK_BYTES`](crate::limits::HEADER_BLOCK_BYTES).
//! - PRIORITY, SETTINGS, PING, `WINDOW_UPDATE` and all frames of extensions are skipped unread.
//! - The states of streams are not held: what belongs to a stream that was closed is told all the same.
//! - Fields in the wrong place, and pseudo-fields that do not belong together, are told as they are. What may be given once
//!   and is given twice is absent.
//! - A Huffman-coded string of no interest is not decoded, so that a fault within goes unseen.
//!
//! # Where it is an error
//!
//! - A frame of another kind, or of another stream, within a header block (section 6.10); CONTINUATION without one.
//! - Stream 0 where a stream is needed; a length that `RST_STREAM`, GOAWAY or SETTINGS cannot have (section 6).
//! - Padding longer than its frame (section 6.1).
//! - All that RFC 7541 calls a decoding error, and a header table larger than
//!   [`HEADER_TABLE_BYTES`](crate::limits::HEADER_TABLE_BYTES).

mod assembly;
mod decoder;
mod error;
pub mod error_code;
mod event;
mod fields;
mod frame;
#[doc(hidden)]
pub mod hpack;

pub use crate::grpc::{GrpcContentType, GrpcMessages};
pub use crate::step::{ByteClass, End, Step};
pub use decoder::Http2Decoder;
pub use error::Http2Error;
pub use event::Http2Event;
pub use fields::Fields;
