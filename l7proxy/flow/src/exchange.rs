//! A finished exchange.

use std::time::{Duration, SystemTime};

use crate::{ConnectionInfo, DnsExchange, GrpcExchange, HttpExchange, KafkaExchange, Outcome, TraceContext};

/// A request with its answer, or with what became of it. Handed to the sinks once, when it is over.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The connection that carried it.
    pub connection: &'a ConnectionInfo,
    /// What was asked and answered, in the terms of the protocol.
    pub operation: Operation<'a>,
    /// How it ended.
    pub outcome: Outcome,
    /// When the first byte of the request was read.
    pub started: SystemTime,
    /// From the first byte of the request to the first byte of the final answer; absent where none came.
    pub time_to_first_byte: Option<Duration>,
    /// From the first byte of the request to the last byte of the answer, or to the moment it was given up.
    pub duration: Duration,
    /// Bytes of the request: head, content, framing and trailers.
    pub request_bytes: u64,
    /// Bytes of the answer, interim answers included.
    pub response_bytes: u64,
    /// The trace that the request says it belongs to; absent where it says none, or nothing that can be read.
    pub trace: Option<TraceContext>,
}

/// What was asked and answered, in the terms of one protocol.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Operation<'a> {
    /// An HTTP exchange.
    Http(HttpExchange<'a>),
    /// A gRPC call. It is not told as an HTTP exchange, too.
    Grpc(GrpcExchange<'a>),
    /// A Kafka exchange.
    Kafka(KafkaExchange<'a>),
    /// A DNS lookup.
    Dns(DnsExchange<'a>),
}
