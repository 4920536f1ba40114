//! Follows an HTTP/1 connection: pairs its responses with its requests, first in, first out (RFC 9112 section 9.3).

use std::collections::VecDeque;
use std::time::Instant;

use flowfold_flow::{FailureReason, FlowSink, HttpVersion, Outcome, Protocol, Side, UnparsedReason, UrlScheme};
use flowfold_wire::http1::{
    ByteClass, End, Http1Error, RequestDecoder, RequestEvent, RequestHead, ResponseDecoder, ResponseEvent, ResponseTo,
    Tunnel, Version,
};
use flowfold_wire::http2::GrpcContentType;

use crate::call::Call;
use crate::http2::Http2Reader;
use crate::pending::{Pending, Request};
use crate::reader::{Listening, Reader, Reading};

/// How many requests of one connection may wait for their answers. Clients that pipeline send a few dozen; the limit
/// bounds what a hostile one can make the agent remember (with the limit on paths: 256 KiB).
const MAX_IN_FLIGHT: usize = 256;

/// Both directions of one HTTP/1 connection.
#[derive(Debug, Default)]
pub(crate) struct Http1Reader {
    requests: RequestDecoder,
    responses: ResponseDecoder,
    /// The requests whose exchanges are open, oldest first. Responses answer the first.
    in_flight: VecDeque<InFlight>,
    /// Of the request whose head is not whole yet: when its first byte came, and how many bytes so far.
    head_started: Option<Instant>,
    head_bytes: u64,
    client_ended: bool,
    /// The first request asked for HTTP/2, and the answer granted it.
    h2c_granted: bool,
    /// Follows the connection since it became HTTP/2.
    upgraded: Option<Box<Http2Reader>>,
    /// The upgrade was granted before the request was whole, and the rest of it is HTTP/1 still.
    finishes_request: bool,
}

/// A request whose exchange is open, with what must be known to read its answer.
#[derive(Debug)]
struct InFlight {
    pending: Box<Pending>,
    response_to: ResponseTo,
}

impl<S: FlowSink> Reader<S> for Http1Reader {
    fn read(&mut self, listening: &mut Listening<'_, S>, side: Side, bytes: &[u8], now: Instant) -> Reading {
        if self.upgraded.is_some() {
            return self.read_upgraded(listening, side, bytes, now);
        }
        match side {
            Side::ClientToServer => self.read_requests(listening, bytes, now),
            Side::ServerToClient => self.read_responses(listening, bytes, now),
        }
    }

    fn end_of_stream(&mut self, listening: &mut Listening<'_, S>, side: Side, now: Instant) {
        if let Some(upgraded) = &mut self.upgraded {
            return upgraded.end_of_stream(listening, side, now);
        }
        if side == Side::ClientToServer {
            // The server may still answer what it has, even half a request.
            self.client_ended = true;
            return;
        }
        if self.responses.finish() == End::Complete
            && let Some(first) = self.in_flight.front_mut()
        {
            first.pending.answered_at.get_or_insert(now);
        }
        while let Some(InFlight { pending, .. }) = self.in_flight.pop_front() {
            let given_up_by_client = self.client_ended && !pending.request_whole;
            let reason = if given_up_by_client { FailureReason::ClientClosed } else { FailureReason::ServerClosed };
            pending.finish(listening, Outcome::Failed(reason), now);
        }
    }

    fn end(&mut self, listening: &mut Listening<'_, S>, outcome: Outcome, now: Instant) {
        if let Some(upgraded) = &mut self.upgraded {
            return upgraded.end(listening, outcome, now);
        }
        while let Some(InFlight { pending, .. }) = self.in_flight.pop_front() {
            pending.finish(listening, outcome, now);
        }
        listening.tally(Side::ClientToServer).opaque += self.requests.held() as u64;
    }

    fn is_between(&self) -> bool {
        if let Some(upgraded) = &self.upgraded {
            return Reader::<S>::is_between(&**upgraded);
        }
        self.in_flight.is_empty() && self.requests.is_idle() && self.responses.is_idle()
    }
}

impl Http1Reader {
    fn read_requests<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        mut bytes: &[u8],
        now: Instant,
    ) -> Reading {
        loop {
            let step = match self.requests.advance(bytes) {
                Ok(step) => step,
                Err(error) => return self.give_up(listening, Side::ClientToServer, bytes, reason_of(error)),
            };
            if step.needs_more() {
                return Reading::Goes;
            }
            let count = step.consumed as u64;
            let rest = bytes.get(step.consumed..).unwrap_or_default();
            listening.count(Side::ClientToServer, step.class, count);
            if step.class == ByteClass::Head {
                self.head_started.get_or_insert(now);
                self.head_bytes += count;
            } else if let Some(InFlight { pending, .. }) = self.in_flight.back_mut()
                && !pending.request_whole
            {
                pending.request_bytes += count;
                if let (Some(call), ByteClass::Body) = (&mut pending.call, step.class) {
                    call.read(Side::ClientToServer, bytes.get(..step.consumed).unwrap_or_default(), now);
                }
            }
            match step.event {
                None => {}
                Some(RequestEvent::Head(head)) => {
                    let Some(mut pending) = listening.tools.pending.take(self.in_flight.len()) else {
                        return self.give_up(listening, Side::ClientToServer, rest, UnparsedReason::TooManyInFlight);
                    };
                    pending.begin(request(&head), self.head_started.take().unwrap_or(now));
                    pending.request_bytes = std::mem::take(&mut self.head_bytes);
                    self.in_flight.push_back(InFlight { pending, response_to: head.response_to });
                    if self.in_flight.len() > MAX_IN_FLIGHT {
                        return self.give_up(listening, Side::ClientToServer, rest, UnparsedReason::TooManyInFlight);
                    }
                }
                Some(RequestEvent::End) => self.request_ended(listening, now),
            }
            bytes = rest;
        }
    }

    fn request_ended<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, now: Instant) {
        let Some(InFlight { pending, .. }) = self.in_flight.back_mut() else { return };
        pending.request_whole = true;
        // A server may answer before it has read the whole request; the exchange ends with the later of the two.
        if pending.answered_at.is_some()
            && let Some(InFlight { pending, .. }) = self.in_flight.pop_back()
        {
            pending.finish(listening, Outcome::Answered, now);
        }
    }

    fn read_responses<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        mut bytes: &[u8],
        now: Instant,
    ) -> Reading {
        loop {
            let first = self.in_flight.front_mut().filter(|first| first.pending.answered_at.is_none());
            let step = match self.responses.advance(bytes, first.as_ref().map(|first| first.response_to)) {
                Ok(step) => step,
                Err(error) => return self.give_up(listening, Side::ServerToClient, bytes, reason_of(error)),
            };
            if step.needs_more() {
                return Reading::Goes;
            }
            let count = step.consumed as u64;
            listening.count(Side::ServerToClient, step.class, count);
            let consumed = step.consumed;
            let mut settled = None;
            if let Some(InFlight { pending: first, .. }) = first {
                if count > 0 {
                    first.first_byte.get_or_insert(now);
                    first.response_bytes += count;
                }
                if let (Some(call), ByteClass::Body) = (&mut first.call, step.class) {
                    call.read(Side::ServerToClient, bytes.get(..consumed).unwrap_or_default(), now);
                }
                match step.event {
                    None => {}
                    // The time to first byte is that of the final response.
                    Some(ResponseEvent::Interim(_)) => first.first_byte = None,
                    Some(ResponseEvent::Head(head)) => {
                        first.status = Some(head.status);
                        first.version = version_of(head.version);
                        self.h2c_granted = head.h2c;
                        if let Some(call) = &mut first.call {
                            call.answered(head.status, head.content_type.and_then(GrpcContentType::read));
                            call.status(head.grpc_status);
                        }
                        settled = (head.tunnel == Tunnel::Refused).then_some(false);
                    }
                    Some(ResponseEvent::End) => self.response_ended(listening, now),
                    Some(ResponseEvent::Tunnel) => settled = Some(true),
                }
            }
            bytes = bytes.get(consumed..).unwrap_or_default();
            match settled {
                None => {}
                Some(true) if self.h2c_granted => return self.became_http2(listening, bytes, now),
                Some(true) => {
                    self.tunnel_began(listening, now);
                    listening.tally(Side::ServerToClient).opaque += bytes.len() as u64;
                    return Reading::BecameTunnel;
                }
                Some(false) => {
                    let held = self.requests.settle(false);
                    let reading = self.read_requests(listening, &held, now);
                    if let Reading::GaveUp(reason) = reading {
                        return listening.give_up(Side::ServerToClient, bytes, reason);
                    }
                }
            }
        }
    }

    fn response_ended<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, now: Instant) {
        let Some(InFlight { pending: first, .. }) = self.in_flight.front_mut() else { return };
        first.answered_at = Some(now);
        if first.request_whole
            && let Some(InFlight { pending, .. }) = self.in_flight.pop_front()
        {
            pending.finish(listening, Outcome::Answered, now);
        }
    }

    fn tunnel_began<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, now: Instant) {
        listening.tally(Side::ClientToServer).opaque += self.requests.settle(true).len() as u64;
        if let Some(InFlight { mut pending, .. }) = self.in_flight.pop_front() {
            pending.tunnel = true;
            pending.finish(listening, Outcome::Answered, now);
        }
    }

    /// The connection goes on as HTTP/2 (RFC 7540 section 3.2), and the answer to the request comes on its first stream.
    fn became_http2<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, rest: &[u8], now: Instant) -> Reading {
        let Some(InFlight { pending, .. }) = self.in_flight.pop_front() else { return Reading::BecameTunnel };
        self.finishes_request = !pending.request_whole;
        let held = self.requests.settle(true);
        self.upgraded = Some(Box::new(Http2Reader::upgraded(pending)));
        listening.protocol(Protocol::Http2);
        match self.read_upgraded(listening, Side::ClientToServer, &held, now) {
            Reading::Goes => self.read_upgraded(listening, Side::ServerToClient, rest, now),
            Reading::GaveUp(reason) => listening.give_up(Side::ServerToClient, rest, reason),
            Reading::BecameTunnel => Reading::BecameTunnel,
        }
    }

    fn read_upgraded<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        side: Side,
        mut bytes: &[u8],
        now: Instant,
    ) -> Reading {
        let Some(upgraded) = &mut self.upgraded else { return Reading::BecameTunnel };
        while self.finishes_request && side == Side::ClientToServer {
            let step = match self.requests.advance(bytes) {
                Ok(step) => step,
                Err(error) => return listening.give_up(side, bytes, reason_of(error)),
            };
            if step.needs_more() {
                return Reading::Goes;
            }
            self.finishes_request = !matches!(step.event, Some(RequestEvent::End));
            let (class, consumed) = (step.class, step.consumed);
            listening.count(side, class, consumed as u64);
            let (piece, rest) = bytes.split_at_checked(consumed).unwrap_or((bytes, &[]));
            upgraded.first_request(listening, piece, class, !self.finishes_request, now);
            bytes = rest;
        }
        upgraded.read(listening, side, bytes, now)
    }

    /// Accounts for what was not read: the rest of this input, and what the request decoder holds.
    fn give_up<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        side: Side,
        rest: &[u8],
        reason: UnparsedReason,
    ) -> Reading {
        let held = self.requests.settle(true);
        listening.give_up(Side::ClientToServer, &held, reason);
        listening.give_up(side, rest, reason)
    }
}

fn request<'a>(head: &RequestHead<'a>) -> Request<'a> {
    // gRPC itself needs HTTP/2; gRPC-Web is made for what doesn't have it.
    let web =
        head.content_type.and_then(GrpcContentType::read).filter(|content_type| *content_type != GrpcContentType::Grpc);
    Request {
        method: head.method,
        path: head.path,
        version: version_of(head.version),
        scheme: UrlScheme::Http,
        trace: head.trace,
        call: web.map(|content_type| Call::new(content_type, None)),
    }
}

fn version_of(version: Version) -> HttpVersion {
    match version {
        Version::Http10 => HttpVersion::Http10,
        Version::Http11 => HttpVersion::Http11,
    }
}

fn reason_of(error: Http1Error) -> UnparsedReason {
    match error {
        Http1Error::HeadTooLarge => UnparsedReason::HeadTooLarge,
        Http1Error::MalformedHead => UnparsedReason::MalformedHead,
        Http1Error::AmbiguousLength => UnparsedReason::AmbiguousLength,
        Http1Error::MalformedChunk => UnparsedReason::MalformedChunk,
        Http1Error::UnexpectedResponse => UnparsedReason::UnexpectedResponse,
    }
}
