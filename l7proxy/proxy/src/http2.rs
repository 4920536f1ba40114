//! Follows an HTTP/2 connection: each stream is an exchange (RFC 9113 section 8.1).

mod following;
mod streams;

use std::time::Instant;

use flowfold_flow::{FlowSink, HttpVersion, Outcome, Side, UnparsedReason};
use flowfold_wire::http2::{ByteClass, Http2Decoder, Http2Error};

use crate::pending::Pending;
use crate::reader::{Left, Listening, Reader, Reading};
use following::Following;
use streams::{Place, Streams};

/// The stream of a request that asked for an upgrade to HTTP/2 (RFC 7540 section 3.2).
const UPGRADED_STREAM: u32 = 1;

/// Both directions of one HTTP/2 connection.
#[derive(Debug)]
pub(crate) struct Http2Reader {
    requests: Direction,
    responses: Direction,
    streams: Streams,
    /// The last stream that the server said it would look at (RFC 9113 section 6.8).
    last_served: Option<u32>,
    /// The side that closed the connection first. HTTP/2 knows no half-closed connections: that side has given up what
    /// is open, and the close or the reset of the other is what comes of it.
    left: Left,
}

/// One direction, and what is known of the frame under way.
#[derive(Debug)]
struct Direction {
    decoder: Http2Decoder,
    /// When the first byte of a header block came that isn't whole yet.
    head_started: Option<Instant>,
    /// How much content of the DATA frame under way was counted already.
    frame_content: u64,
}

impl Direction {
    fn new(decoder: Http2Decoder) -> Self {
        Self { decoder, head_started: None, frame_content: 0 }
    }
}

impl Default for Http2Reader {
    /// A connection with prior knowledge, at its start (RFC 9113 section 3.3).
    fn default() -> Self {
        Self {
            requests: Direction::new(Http2Decoder::client()),
            responses: Direction::new(Http2Decoder::server()),
            streams: Streams::default(),
            last_served: None,
            left: Left::default(),
        }
    }
}

impl Http2Reader {
    /// A connection that was HTTP/1 until the answer to this request, which is its first stream now.
    pub(crate) fn upgraded(mut request: Box<Pending>) -> Self {
        let mut reader = Self::default();
        request.version = HttpVersion::Http2;
        request.status = None;
        request.first_byte = None;
        reader.streams.open(UPGRADED_STREAM, request);
        reader
    }

    /// The request that asked for the upgrade goes on, in HTTP/1, and may be whole with this piece.
    pub(crate) fn first_request<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        piece: &[u8],
        class: ByteClass,
        is_whole: bool,
        now: Instant,
    ) {
        let Place::Open(request) = self.streams.find(UPGRADED_STREAM) else { return };
        request.request_bytes += piece.len() as u64;
        if let (Some(call), ByteClass::Body) = (&mut request.call, class) {
            call.read(Side::ClientToServer, piece, now);
        }
        request.request_whole = is_whole;
        if is_whole
            && request.answered_at.is_some()
            && let Some(request) = self.streams.close(UPGRADED_STREAM)
        {
            request.finish(listening, Outcome::Answered, now);
        }
    }
}

impl<S: FlowSink> Reader<S> for Http2Reader {
    fn read(&mut self, listening: &mut Listening<'_, S>, side: Side, mut bytes: &[u8], now: Instant) -> Reading {
        let Self { requests, responses, streams, last_served, .. } = self;
        let Direction { decoder, head_started, frame_content } = match side {
            Side::ClientToServer => requests,
            Side::ServerToClient => responses,
        };
        loop {
            let step = match decoder.advance(bytes) {
                Ok(step) => step,
                Err(error) => return listening.give_up(side, bytes, reason_of(error)),
            };
            if step.needs_more() {
                return Reading::Goes;
            }
            let consumed = step.consumed;
            let mut following = Following { listening, streams, last_served, head_started, frame_content, side, now };
            let followed = following.take(step);
            bytes = bytes.get(consumed..).unwrap_or_default();
            if let Err(reason) = followed {
                return listening.give_up(side, bytes, reason);
            }
        }
    }

    fn end_of_stream(&mut self, listening: &mut Listening<'_, S>, side: Side, now: Instant) {
        if let Some(outcome) = self.left.ended(side) {
            self.streams.drain(|pending| pending.finish(listening, outcome, now));
        }
    }

    fn end(&mut self, listening: &mut Listening<'_, S>, outcome: Outcome, now: Instant) {
        let outcome = self.left.outcome(outcome);
        self.streams.drain(|pending| pending.finish(listening, outcome, now));
    }

    fn is_between(&self) -> bool {
        self.streams.is_empty()
            && self.requests.decoder.is_between_frames()
            && self.responses.decoder.is_between_frames()
    }
}

fn reason_of(error: Http2Error) -> UnparsedReason {
    match error {
        Http2Error::HeadTooLarge => UnparsedReason::HeadTooLarge,
        Http2Error::MalformedHead => UnparsedReason::MalformedHead,
        Http2Error::MalformedFrame => UnparsedReason::MalformedFrame,
        Http2Error::HeaderTableTooLarge => UnparsedReason::HeaderTableTooLarge,
    }
}

#[cfg(test)]
mod tests;
