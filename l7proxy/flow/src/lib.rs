//! What the proxy tells and what the sinks hear.
//!
//! The proxy opens a [`ConnectionInfo`] for every connection that it relays, and a sink hears, through [`FlowSink`],
//! which protocol it speaks, how many bytes of which class went by, each finished [`Exchange`], and how the connection
//! ended. Nothing here does IO, knows a metric name, or owns wire data: an exchange borrows from the proxy's buffers,
//! and a sink copies what it keeps.
#![forbid(unsafe_code)]

mod bytes;
mod connection;
mod dns;
mod exchange;
mod grpc;
mod http;
mod kafka;
mod outcome;
mod protocol;
mod sink;
mod trace;
mod workload;

pub use bytes::{ByteTally, Side, UnparsedReason};
pub use connection::{ConnectionEnd, ConnectionInfo, ConnectionOutcome, Refusal, Reporters};
pub use dns::{DnsAddress, DnsAnswer, DnsExchange, DnsRcode, DnsRecords, DnsTransport, DnsType};
pub use exchange::{Exchange, Operation};
pub use grpc::{GrpcCall, GrpcExchange, GrpcFlavour, GrpcMessages, GrpcStatus};
pub use http::{HttpExchange, HttpVersion, KnownMethod, UrlScheme};
pub use kafka::{
    KafkaApi, KafkaCluster, KafkaError, KafkaExchange, KafkaPartition, KafkaRecords, KafkaSubject, KafkaTopic,
    KafkaTransaction, KafkaTransfer,
};
pub use outcome::{Blame, FailureReason, Outcome};
pub use protocol::Protocol;
pub use sink::FlowSink;
pub use trace::TraceContext;
pub use workload::Workload;
