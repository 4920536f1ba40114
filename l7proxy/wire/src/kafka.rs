//! Reading along with the protocol of Apache Kafka (<https://kafka.apache.org/protocol>).
//!
//! A [`KafkaDecoder`] takes the bytes of one direction of a connection from the first one on, in whatever pieces they
//! arrive, and says step by step what they are. What it says depends on the bytes alone, not on how they were cut. The
//! caller owns the loop, and remembers by its correlation id what each request asked for:
//!
//! ```
//! use flowfold_wire::kafka::{KafkaDecoder, KafkaEvent};
//!
//! let mut decoder = KafkaDecoder::server();
//! // A response of 10 bytes to request 7: throttled for 100 ms, and error 27.
//! let mut input: &[u8] = &[0, 0, 0, 10, 0, 0, 0, 7, 0, 0, 0, 100, 0, 27];
//! loop {
//!     let step = decoder.advance(input)?;
//!     if step.needs_more() {
//!         break; // everything is taken, and every event was told
//!     }
//!     let (consumed, event) = (step.consumed, step.event);
//!     match event {
//!         // Request 7 was a Heartbeat in version 1.
//!         Some(KafkaEvent::Response(head)) if head.correlation_id == 7 => decoder.answers(12, 1),
//!         Some(KafkaEvent::End(ended)) => assert_eq!((ended.throttle_ms, ended.error_code), (Some(100), 27)),
//!         _ => {}
//!     }
//!     input = &input[consumed..];
//! }
//! # Ok::<(), flowfold_wire::kafka::KafkaError>(())
//! ```
//!
//! # What is read
//!
//! All requests up to those of Apache Kafka 4.4 in all their versions are framed, and told by their numbers. Of the
//! bodies of those that clients send, topics, partitions, groups, offsets, errors and throttling are told; records are
//! counted by the heads of their batches (formats 0, 1 and 2) and skipped. The walk through a body is driven by tables
//! in the submodule `schema`, and pauses at any byte; nothing of a body is held but one text that is not whole.
//!
//! # Where it is an error
//!
//! A length that is negative or too short for a header (of a token, negative), and nothing else: whatever a message says,
//! the next one begins where its length ends. A body that is not what its kind and version say is told as far as it is understood, and
//! ends as [`Details::Malformed`]; kinds and versions that nobody knows end as [`Details::Skipped`].

mod api;
mod decoder;
mod error;
mod event;
mod records;
#[doc(hidden)]
pub mod schema;
mod walker;

pub use crate::step::{ByteClass, End, Step};
pub use decoder::KafkaDecoder;
pub use error::KafkaError;
pub use event::{Details, Ended, KafkaEvent, Partition, RequestHead, ResponseHead};

/// The id of a topic: a UUID, which is never used for two topics. All zeros stand for none.
pub type TopicId = [u8; 16];

/// What the body of a request or of a response is made of, for tests that make up bodies of their own: the fields, and
/// whether the version is a flexible one. Absent where nobody knows the version.
#[doc(hidden)]
pub fn body_of(api_key: i16, api_version: i16, request: bool) -> Option<(&'static [schema::Field], bool)> {
    let api = api::Api::find(api_key, api_version)?;
    Some((if request { api.request } else { api.response }, api.is_flexible(api_version)))
}
