//! Reading along with HTTP/1.0 and HTTP/1.1 (RFC 9112).
//!
//! [`RequestDecoder`] takes the client's bytes of a connection, [`ResponseDecoder`] the server's. Each takes whatever
//! pieces arrive and says, step by step, what the bytes are. What it says depends on the bytes alone, not on how they
//! were cut. The caller owns the loop, so that it can pair and count between two steps:
//!
//! ```
//! use flowfold_wire::http1::{RequestDecoder, RequestEvent};
//!
//! let mut decoder = RequestDecoder::new();
//! let mut input: &[u8] = b"GET /a?b HTTP/1.1\r\nHost: example.org\r\n\r\n";
//! loop {
//!     let step = decoder.advance(input)?;
//!     if step.needs_more() {
//!         break; // everything is taken, and every event was told
//!     }
//!     if let Some(RequestEvent::Head(head)) = step.event {
//!         assert_eq!(head.path, b"/a");
//!     }
//!     input = &input[step.consumed..];
//! }
//! # Ok::<(), flowfold_wire::http1::Http1Error>(())
//! ```
//!
//! # Pairing
//!
//! The directions are decoded independently; three things tie them together, and all three are the caller's to carry:
//!
//! - Responses come in the order of the requests. The caller queues the [`ResponseTo`] of each request head, hands the
//!   front of the queue to [`ResponseDecoder::advance`], and removes it at [`ResponseEvent::End`],
//!   [`ResponseEvent::Tunnel`] or [`End::Complete`].
//! - A final response may come, and end, before its request has: the server refuses content that it was asked to expect,
//!   or answers without reading on. The exchange is answered then. The request goes on as its own length says, because
//!   a client that gives up its content has to close the connection (RFC 9112 section 9.5): either its rest arrives, or
//!   [`RequestDecoder::finish`] says [`End::Truncated`] of a request that was answered all the same.
//! - Whether a tunnel follows a request is said by its response: see [`RequestDecoder::settle`]. A caller brings the
//!   answer as soon as it has it, because the next response may answer a request that is still held.
//!
//! # Where RFC 9112 leaves a choice
//!
//! - Empty lines in front of a message are skipped, in front of responses, too (section 2.2).
//! - A single LF ends a line of a head or a trailer section (section 2.2), but not one of the chunked coding (section 7.1).
//! - Versions other than 1.0 and 1.1 are errors (section 2.3).
//! - White space in front of a colon is an error (section 5.1).
//! - A folded line is an error in a request, and white space in a response (section 5.2).
//! - Content-Length may repeat the same number (RFC 9110 section 8.6); with Transfer-Encoding it is an error (section 6.3),
//!   and so is Transfer-Encoding in HTTP/1.0 (section 6.1).
//! - What follows the last request of a connection is no request; what follows its last response is an error (section
//!   9.6).

mod body;
mod chunked;
mod error;
mod fields;
mod head;
mod length;
mod parse;
mod request;
mod response;
mod section;
mod target;

pub use error::Http1Error;
pub use head::{RequestHead, ResponseHead, ResponseTo, Tunnel, Version};
pub use request::{RequestDecoder, RequestEvent};
pub use response::{ResponseDecoder, ResponseEvent};

pub use crate::step::{ByteClass, End, Step};
