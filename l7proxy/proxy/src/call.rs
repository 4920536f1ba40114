//! What is followed of a gRPC call beside the HTTP exchange that carries it.

use std::time::{Duration, Instant};

use flowfold_flow::{FailureReason, GrpcCall, GrpcExchange, GrpcFlavour, GrpcMessages, GrpcStatus, Outcome, Side};
use flowfold_wire::http2::{self, GrpcContentType};

use crate::pending::Pending;

/// A client that gives up this much before the time it had named is taken to have waited it out: its clock started
/// before its request was seen here, and libraries round the time that they name up by as much as a hundredth.
const EARLY: Duration = Duration::from_millis(5);

/// The part of the named time by which it may have been rounded up.
const ROUNDED: u32 = 64;

/// A call whose exchange is open.
#[derive(Debug)]
pub(crate) struct Call {
    flavour: GrpcFlavour,
    timeout: Option<Duration>,
    request: http2::GrpcMessages,
    /// Absent where the answer is none of gRPC: what it says holds no messages.
    response: Option<http2::GrpcMessages>,
    first_message: Option<Instant>,
    /// The `grpc-status` that the server sent.
    status: Option<u32>,
    /// The error code with which the stream was reset.
    reset: Option<u32>,
}

impl Call {
    pub(crate) fn new(content_type: GrpcContentType, timeout: Option<Duration>) -> Self {
        let flavour = match content_type {
            GrpcContentType::Grpc => GrpcFlavour::Grpc,
            GrpcContentType::Web | GrpcContentType::WebText => GrpcFlavour::Web,
        };
        Self {
            flavour,
            timeout,
            request: http2::GrpcMessages::new(content_type),
            response: Some(http2::GrpcMessages::new(content_type)),
            first_message: None,
            status: None,
            reset: None,
        }
    }

    /// Content of the call's request or answer.
    pub(crate) fn read(&mut self, side: Side, content: &[u8], now: Instant) {
        match side {
            Side::ClientToServer => self.request.read(content),
            Side::ServerToClient => {
                let Some(response) = &mut self.response else { return };
                response.read(content);
                if response.began() {
                    self.first_message.get_or_insert(now);
                }
            }
        }
    }

    /// The head of the final answer, with the content type that it has if that is one of gRPC. One that succeeds without
    /// is taken to be what was asked for: some clients are as lenient.
    pub(crate) fn answered(&mut self, http_status: u16, content_type: Option<GrpcContentType>) {
        match content_type {
            Some(content_type) => self.response = Some(http2::GrpcMessages::new(content_type)),
            None if http_status != 200 => self.response = None,
            None => {}
        }
    }

    /// A head or trailers of the server's, which may hold the status.
    pub(crate) fn status(&mut self, status: Option<u32>) {
        self.status = status.or(self.status);
    }

    /// The stream was reset. Whether that was the deadline's doing.
    pub(crate) fn reset(&mut self, code: u32, open_for: Duration) -> bool {
        self.reset = Some(code);
        self.timeout.is_some_and(|timeout| open_for + EARLY + timeout / ROUNDED >= timeout)
    }

    /// What sinks hear of the call.
    pub(crate) fn exchange<'a>(&self, pending: &'a Pending, outcome: Outcome) -> GrpcExchange<'a> {
        let (path, scheme) = pending.target();
        GrpcExchange {
            flavour: self.flavour,
            method: path.strip_prefix(b"/").unwrap_or(path),
            status: self.status_for(outcome, pending.status),
            http_status: pending.status,
            call: self.kind(),
            request: counted(&self.request),
            response: self.response.as_ref().map(counted).unwrap_or_default(),
            timeout: self.timeout,
            time_to_first_message: self.first_message.map(|at| at.saturating_duration_since(pending.started)),
            scheme,
        }
    }

    /// The status as the client learns it. Where the server sent none, gRPC says what its libraries make of that.
    fn status_for(&self, outcome: Outcome, http_status: Option<u16>) -> Option<GrpcStatus> {
        let sent = self.status.or_else(|| self.response.as_ref()?.web_status()).map(GrpcStatus::from_code);
        match outcome {
            Outcome::Answered => sent.or(Some(match http_status {
                Some(status) => GrpcStatus::from_http(status),
                None => GrpcStatus::Unknown,
            })),
            Outcome::Unfinished => sent,
            Outcome::Failed(reason) => Some(match reason {
                FailureReason::ClientCancelled | FailureReason::ClientClosed | FailureReason::ClientReset => {
                    GrpcStatus::Cancelled
                }
                FailureReason::DeadlineExceeded => GrpcStatus::DeadlineExceeded,
                FailureReason::StreamReset => self.reset.map_or(GrpcStatus::Internal, GrpcStatus::from_reset),
                FailureReason::Refused
                | FailureReason::ConnectFailed
                | FailureReason::ServerClosed
                | FailureReason::ServerReset
                | FailureReason::Timeout
                | FailureReason::AgentStopped
                | FailureReason::AgentError => GrpcStatus::Unavailable,
            }),
        }
    }

    fn kind(&self) -> GrpcCall {
        let streams = |messages: &http2::GrpcMessages| messages.count() > 1;
        match (streams(&self.request), self.response.as_ref().is_some_and(streams)) {
            (true, true) => GrpcCall::BidiStream,
            (true, false) => GrpcCall::ClientStream,
            (false, true) => GrpcCall::ServerStream,
            (false, false) => GrpcCall::Unary,
        }
    }
}

fn counted(messages: &http2::GrpcMessages) -> GrpcMessages {
    GrpcMessages { count: messages.count(), bytes: messages.bytes() }
}
