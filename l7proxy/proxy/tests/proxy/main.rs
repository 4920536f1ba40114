//! The proxy between real sockets on loopback, with a fixed destination in place of steering.

mod byte_exact;
mod datagrams;
mod dns;
mod dns_messages;
mod drain;
mod fairness;
mod frames;
mod grpc;
mod http1;
mod http2;
mod kafka;
#[path = "../../../wire/tests/support/kafka_messages.rs"]
mod kafka_messages;
mod kafka_offsets;
mod kafka_topics;
mod recording;
mod resets;
mod running;
mod served_datagrams;
