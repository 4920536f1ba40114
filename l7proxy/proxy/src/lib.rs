//! Accepts connections on sockets that are handed in, relays their bytes unchanged, and reads along.
//!
//! A [`Worker`] is one thread with one single-threaded runtime. It asks an [`OriginalDestination`] where an accepted
//! connection was going, connects there, and copies bytes both ways. What it read is then shown to a reader
//! of the protocol, and what that finds goes to a [`FlowSink`](flowfold_flow::FlowSink). A reader can neither delay a
//! byte nor change one, and its failure ends the reading, never the connection.
//!
//! A [`DatagramReader`] reads copies of datagrams, which nobody relays.
#![forbid(unsafe_code)]

mod call;
mod clock;
mod connection;
mod datagrams;
mod dns;
mod drain;
mod held;
mod http1;
mod http2;
mod kafka;
mod listener;
mod original_dst;
mod pending;
mod reader;
mod relay;
mod shared;
#[cfg(test)]
mod shown;
mod socket_options;
mod status;
mod tap;
mod upstream;
mod wakers;
mod worker;

pub use datagrams::{Datagram, DatagramReader, MAX_FLOWS};
pub use drain::{DrainTrigger, DrainWatch, drain_channel};
pub use kafka::KafkaKnowledge;
pub use listener::Listener;
pub use original_dst::{Accepted, FixedDestination, OriginalDestination};
pub use status::WorkerStatus;
pub use worker::Worker;
