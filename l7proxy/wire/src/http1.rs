//! Reading along with HTTP/1.0 and HTTP/1.1 (RFC 9112).
//!
//! [`RequestDecoder`] takes the client's bytes of a connection, [`ResponseDecoder`] the server's. Each takes whatever
//! pieces arrive and says, step by step, what the bytes are. The caller owns the loop, so that it can pair and count
//! between two steps:
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
mod step;
mod target;

pub use error::Http1Error;
pub use head::{RequestHead, ResponseHead, ResponseTo, Tunnel, Version};
pub use request::{RequestDecoder, RequestEvent};
pub use response::{ResponseDecoder, ResponseEvent};
pub use step::{ByteClass, End, Step};
