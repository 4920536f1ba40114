//! Follows an HTTP/1 connection: pairs its responses with its requests, first in, first out (RFC 9112 section 9.3).

mod pending;

use std::collections::VecDeque;
use std::time::Instant;

use flowfold_flow::{FailureReason, FlowSink, Outcome, Side, UnparsedReason};
use flowfold_wire::http1::{
    ByteClass, End, Http1Error, RequestDecoder, RequestEvent, ResponseDecoder, ResponseEvent, Tunnel,
};

use crate::reader::{Listening, Reader, Reading};
use pending::PendingHttp;
pub(crate) use pending::PendingPool;

/// How many requests of one connection may wait for their answers. Clients that pipeline send a few dozen; the limit
/// bounds what a hostile one can make the agent remember (with the limit on paths: 256 KiB).
const MAX_IN_FLIGHT: usize = 256;

/// Both directions of one HTTP/1 connection.
#[derive(Debug, Default)]
pub(crate) struct Http1Reader {
    requests: RequestDecoder,
    responses: ResponseDecoder,
    /// The requests whose exchanges are open, oldest first. Responses answer the first.
    in_flight: VecDeque<Box<PendingHttp>>,
    /// Of the request whose head is not whole yet: when its first byte came, and how many bytes so far.
    head_started: Option<Instant>,
    head_bytes: u64,
    client_ended: bool,
}

impl<S: FlowSink> Reader<S> for Http1Reader {
    fn read(&mut self, listening: &mut Listening<'_, S>, side: Side, bytes: &[u8], now: Instant) -> Reading {
        match side {
            Side::ClientToServer => self.read_requests(listening, bytes, now),
            Side::ServerToClient => self.read_responses(listening, bytes, now),
        }
    }

    fn end_of_stream(&mut self, listening: &mut Listening<'_, S>, side: Side, now: Instant) {
        if side == Side::ClientToServer {
            // The server may still answer what it has, even half a request.
            self.client_ended = true;
            return;
        }
        if self.responses.finish() == End::Complete
            && let Some(first) = self.in_flight.front_mut()
        {
            first.answered_at.get_or_insert(now);
        }
        while let Some(pending) = self.in_flight.pop_front() {
            let given_up_by_client = self.client_ended && !pending.request_whole;
            let reason = if given_up_by_client { FailureReason::ClientClosed } else { FailureReason::ServerClosed };
            pending.finish(listening, Outcome::Failed(reason), now);
        }
    }

    fn end(&mut self, listening: &mut Listening<'_, S>, outcome: Outcome, now: Instant) {
        while let Some(pending) = self.in_flight.pop_front() {
            pending.finish(listening, outcome, now);
        }
        listening.tally(Side::ClientToServer).opaque += self.requests.held() as u64;
    }

    fn is_between(&self) -> bool {
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
            count_bytes(listening, Side::ClientToServer, step.class, count);
            if step.class == ByteClass::Head {
                self.head_started.get_or_insert(now);
                self.head_bytes += count;
            } else if let Some(pending) = self.in_flight.back_mut()
                && !pending.request_whole
            {
                pending.request_bytes += count;
            }
            match step.event {
                None => {}
                Some(RequestEvent::Head(head)) => {
                    let mut pending = listening.tools.pending_http.take();
                    pending.begin(&head, self.head_started.take().unwrap_or(now));
                    pending.request_bytes = std::mem::take(&mut self.head_bytes);
                    self.in_flight.push_back(pending);
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
        let Some(pending) = self.in_flight.back_mut() else { return };
        pending.request_whole = true;
        // A server may answer before it has read the whole request; the exchange ends with the later of the two.
        if pending.answered_at.is_some()
            && let Some(pending) = self.in_flight.pop_back()
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
            let first = self.in_flight.front_mut().filter(|first| first.answered_at.is_none());
            let step = match self.responses.advance(bytes, first.as_ref().map(|first| first.response_to)) {
                Ok(step) => step,
                Err(error) => return self.give_up(listening, Side::ServerToClient, bytes, reason_of(error)),
            };
            if step.needs_more() {
                return Reading::Goes;
            }
            let count = step.consumed as u64;
            count_bytes(listening, Side::ServerToClient, step.class, count);
            let consumed = step.consumed;
            let mut settled = None;
            if let Some(first) = first {
                if count > 0 {
                    first.first_byte.get_or_insert(now);
                    first.response_bytes += count;
                }
                match step.event {
                    None => {}
                    // The time to first byte is that of the final response.
                    Some(ResponseEvent::Interim(_)) => first.first_byte = None,
                    Some(ResponseEvent::Head(head)) => {
                        first.answer(&head);
                        settled = (head.tunnel == Tunnel::Refused).then_some(false);
                    }
                    Some(ResponseEvent::End) => self.response_ended(listening, now),
                    Some(ResponseEvent::Tunnel) => settled = Some(true),
                }
            }
            bytes = bytes.get(consumed..).unwrap_or_default();
            match settled {
                None => {}
                Some(true) => {
                    self.tunnel_began(listening, now);
                    listening.tally(Side::ServerToClient).opaque += bytes.len() as u64;
                    return Reading::BecameTunnel;
                }
                Some(false) => {
                    let held = self.requests.settle(false);
                    let reading = self.read_requests(listening, &held, now);
                    if let Reading::GaveUp(reason) = reading {
                        return give_up_rest(listening, Side::ServerToClient, bytes, reason);
                    }
                }
            }
        }
    }

    fn response_ended<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, now: Instant) {
        let Some(first) = self.in_flight.front_mut() else { return };
        first.answered_at = Some(now);
        if first.request_whole
            && let Some(pending) = self.in_flight.pop_front()
        {
            pending.finish(listening, Outcome::Answered, now);
        }
    }

    fn tunnel_began<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, now: Instant) {
        listening.tally(Side::ClientToServer).opaque += self.requests.settle(true).len() as u64;
        if let Some(mut pending) = self.in_flight.pop_front() {
            pending.tunnel = true;
            pending.finish(listening, Outcome::Answered, now);
        }
    }

    /// Accounts for what was not read: the rest of this input, and what the request decoder holds.
    fn give_up<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        side: Side,
        rest: &[u8],
        reason: UnparsedReason,
    ) -> Reading {
        let held = self.requests.settle(true).len() as u64;
        let tally = listening.tally(Side::ClientToServer);
        tally.unparsed += held;
        tally.reason = (held > 0).then_some(reason).or(tally.reason);
        give_up_rest(listening, side, rest, reason)
    }
}

fn give_up_rest<S: FlowSink>(
    listening: &mut Listening<'_, S>,
    side: Side,
    rest: &[u8],
    reason: UnparsedReason,
) -> Reading {
    let tally = listening.tally(side);
    tally.unparsed += rest.len() as u64;
    tally.reason = Some(reason);
    Reading::GaveUp(reason)
}

fn count_bytes<S: FlowSink>(listening: &mut Listening<'_, S>, side: Side, class: ByteClass, count: u64) {
    let tally = listening.tally(side);
    match class {
        ByteClass::Head | ByteClass::Framing => tally.parsed += count,
        ByteClass::Body => tally.body += count,
        ByteClass::Tunnel => tally.opaque += count,
        // Counted when the server's answer tells what they are.
        ByteClass::Held => {}
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
