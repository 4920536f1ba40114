//! Requests over gRPC.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use hyper::http::uri::PathAndQuery;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::transport::{Again, Failure, OtlpError, Signal};
use super::{Compression, Destination, Protocol, tls};

/// How often a silent connection is asked whether it is still there, so that one that a firewall forgot is not trusted.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// The most bytes of an answer that are read: they are a few numbers and a sentence.
const MAX_ANSWER: usize = 64 * 1024;

/// A channel to a receiver.
#[derive(Clone, Debug)]
pub(super) struct Grpc {
    client: tonic::client::Grpc<Channel>,
    path: PathAndQuery,
    metadata: MetadataMap,
}

impl Grpc {
    pub(super) fn new(destination: &Destination, signal: Signal) -> Result<Self, OtlpError> {
        let connector = tls::connector(Protocol::Grpc, &destination.tls)?;
        let endpoint = Endpoint::from(destination.url.clone())
            .user_agent(concat!("flowfold/", env!("CARGO_PKG_VERSION")))
            .map_err(|_| OtlpError::Url(destination.url.to_string()))?
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(destination.timeout);
        let channel = endpoint.connect_with_connector_lazy(connector);
        let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(MAX_ANSWER);
        if destination.compression == Compression::Gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        let path = match signal {
            Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        };
        let metadata = MetadataMap::from_headers(destination.headers.0.iter().cloned().collect());
        Ok(Self {
            client: client.accept_compressed(CompressionEncoding::Gzip),
            path: PathAndQuery::from_static(path),
            metadata,
        })
    }

    pub(super) async fn send(&self, request: Bytes) -> Result<Bytes, Failure> {
        let mut client = self.client.clone();
        client.ready().await.map_err(|error| Failure {
            why: format!("cannot connect: {}", with_causes(&error)),
            again: Again::Later,
        })?;
        let mut request = tonic::Request::new(request);
        *request.metadata_mut() = self.metadata.clone();
        let answer = client.unary(request, self.path.clone(), Encoded).await;
        answer.map(tonic::Response::into_inner).map_err(|status| failure(&status))
    }
}

/// What the OTLP specification makes of a status.
fn failure(status: &Status) -> Failure {
    let named = status.get_details_retry_info().and_then(|info| info.retry_delay).filter(|delay| !delay.is_zero());
    let again = match (status.code(), named) {
        (Code::ResourceExhausted | Code::Unavailable, Some(delay)) => Again::After(delay),
        (
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss,
            _,
        ) => Again::Later,
        // A receiver that is exhausted and does not say for how long asks not to be asked again.
        _ => Again::Never,
    };
    Failure { why: with_more(format!("{:?}: {}", status.code(), status.message()), status), again }
}

/// An error with what led to it: the outer ones of a transport say little.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    with_more(error.to_string(), error)
}

/// What is told of an error, with as much of what led to it as that does not tell already.
fn with_more(mut text: String, error: &dyn std::error::Error) -> String {
    let mut cause = error.source();
    while let Some(error) = cause {
        let own = error.to_string();
        if !text.contains(&own) {
            text = format!("{text}: {own}");
        }
        cause = error.source();
    }
    text
}

/// Messages that are encoded already, and answers that are decoded later.
#[derive(Clone, Copy, Debug)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.reserve(message.len());
        out.put(message);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }
}
