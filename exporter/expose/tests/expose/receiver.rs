//! A receiver of OTLP over gRPC and HTTP, made of opentelemetry-proto's services.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tonic::codec::CompressionEncoding;
use tonic::codegen::Service;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// What to answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Take,
    /// All but so many.
    TakeBut(i64),
    /// For a while, which may be named.
    Unavailable(Option<Duration>),
    Never,
}

/// What came in.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The answers to come; everything is taken after the last.
    pub(crate) answers: VecDeque<Answer>,
    /// How many requests there were, taken or not.
    pub(crate) requests: usize,
    /// The requests that were taken.
    pub(crate) metrics: Vec<ExportMetricsServiceRequest>,
    pub(crate) traces: Vec<ExportTraceServiceRequest>,
    /// The fields of the last request.
    pub(crate) headers: HeaderMap,
    pub(crate) path: String,
}

/// A receiver; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    pub(crate) inbox: Inbox,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Inbox(Arc<Mutex<State>>);

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Inbox {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// How many requests there were, and how many of metrics were taken.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.requests, state.metrics.len())
    }

    fn next(&self, headers: &HeaderMap, path: &str) -> Answer {
        let mut state = self.lock();
        state.requests += 1;
        state.headers = headers.clone();
        path.clone_into(&mut state.path);
        state.answers.pop_front().unwrap_or(Answer::Take)
    }
}

impl Receiver {
    pub(crate) async fn start(answers: &[Answer]) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), answers, None).await
    }

    /// Goes away.
    pub(crate) async fn stop(mut self) {
        self.accepting.abort();
        drop((&mut self.accepting).await);
    }

    /// A receiver at an address that nobody's outgoing connection has, so that the next one can have it.
    pub(crate) async fn start_apart(host: u8) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, host], 0)), &[], None).await
    }

    pub(crate) async fn start_at(address: SocketAddr, answers: &[Answer], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let inbox = Inbox::default();
        inbox.lock().answers = answers.iter().copied().collect();
        let served = inbox.clone();
        let accepting = tokio::spawn(async move {
            // Its connections end with it.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (inbox, tls) = (served.clone(), tls.clone());
                connections.spawn(async move {
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, inbox).await;
                            }
                        }
                        None => serve(stream, inbox).await,
                    }
                });
            }
        });
        Self { address, inbox, accepting }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, inbox: Inbox) {
    let service = service_fn(move |request: Request<Incoming>| answer(request, inbox.clone()));
    drop(auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(request: Request<Incoming>, inbox: Inbox) -> Result<Response<tonic::body::Body>, Infallible> {
    let content_type = request.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
    if content_type != "application/grpc" {
        return Ok(over_http(request, &inbox).await.map(tonic::body::Body::new));
    }
    let gzip = CompressionEncoding::Gzip;
    let answer = inbox.next(request.headers(), request.uri().path());
    let grpc = OverGrpc { answer, inbox };
    if request.uri().path().contains("TraceService") {
        TraceServiceServer::new(grpc).accept_compressed(gzip).send_compressed(gzip).call(request).await
    } else {
        MetricsServiceServer::new(grpc).accept_compressed(gzip).send_compressed(gzip).call(request).await
    }
}

async fn over_http(request: Request<Incoming>, inbox: &Inbox) -> Response<Full<Bytes>> {
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.headers()[CONTENT_TYPE], "application/x-protobuf");
    let (head, body) = request.into_parts();
    let mut body = body.collect().await.unwrap().to_bytes();
    if head.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip") {
        let mut whole = Vec::new();
        GzDecoder::new(body.as_ref()).read_to_end(&mut whole).unwrap();
        body = whole.into();
    }
    let is_traces = head.uri.path().ends_with("/traces");
    let rejected = match inbox.next(&head.headers, head.uri.path()) {
        Answer::Take => 0,
        Answer::TakeBut(rejected) => rejected,
        Answer::Unavailable(named) => {
            let mut answer = Response::builder().status(503);
            if let Some(named) = named {
                answer = answer.header(RETRY_AFTER, named.as_secs());
            }
            return answer.body(Full::default()).unwrap();
        }
        Answer::Never => {
            let status = tonic_types::Status { message: "not this".to_owned(), ..Default::default() };
            return Response::builder().status(400).body(status.encode_to_vec().into()).unwrap();
        }
    };
    let answer = if is_traces {
        inbox.lock().traces.push(ExportTraceServiceRequest::decode(body).unwrap());
        traces_answer(rejected).encode_to_vec()
    } else {
        inbox.lock().metrics.push(ExportMetricsServiceRequest::decode(body).unwrap());
        metrics_answer(rejected).encode_to_vec()
    };
    Response::new(answer.into())
}

struct OverGrpc {
    answer: Answer,
    inbox: Inbox,
}

impl OverGrpc {
    fn rejected(&self) -> Result<i64, Status> {
        match self.answer {
            Answer::Take => Ok(0),
            Answer::TakeBut(rejected) => Ok(rejected),
            Answer::Unavailable(None) => Err(Status::unavailable("later")),
            Answer::Unavailable(named) => {
                let details = ErrorDetails::with_retry_info(named);
                Err(Status::with_error_details(Code::ResourceExhausted, "later", details))
            }
            Answer::Never => Err(Status::invalid_argument("not this")),
        }
    }
}

#[tonic::async_trait]
impl MetricsService for OverGrpc {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, Status> {
        let rejected = self.rejected()?;
        self.inbox.lock().metrics.push(request.into_inner());
        Ok(metrics_answer(rejected).into())
    }
}

#[tonic::async_trait]
impl TraceService for OverGrpc {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        let rejected = self.rejected()?;
        self.inbox.lock().traces.push(request.into_inner());
        Ok(traces_answer(rejected).into())
    }
}

fn metrics_answer(rejected: i64) -> ExportMetricsServiceResponse {
    let partial = ExportMetricsPartialSuccess { rejected_data_points: rejected, error_message: "not those".to_owned() };
    ExportMetricsServiceResponse { partial_success: (rejected > 0).then_some(partial) }
}

fn traces_answer(rejected: i64) -> ExportTraceServiceResponse {
    let partial = ExportTracePartialSuccess { rejected_spans: rejected, error_message: "not those".to_owned() };
    ExportTraceServiceResponse { partial_success: (rejected > 0).then_some(partial) }
}
