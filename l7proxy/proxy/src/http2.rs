//! Follows an HTTP/2 connection: each stream is an exchange (RFC 9113 section 8.1).

mod following;
mod streams;

use std::time::Instant;

use flowfold_flow::{FailureReason, FlowSink, HttpVersion, Outcome, Side, UnparsedReason};
use flowfold_wire::http2::{Http2Decoder, Http2Error};

use crate::pending::Pending;
use crate::reader::{Listening, Reader, Reading};
use following::Following;
use streams::Streams;

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
    client_ended: bool,
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
            client_ended: false,
        }
    }
}

impl Http2Reader {
    /// A connection that was HTTP/1 until the answer to this request, which is its first stream now. The request is
    /// whole: its upgrade could not have been granted before.
    pub(crate) fn upgraded(mut request: Box<Pending>) -> Self {
        let mut reader = Self::default();
        request.request_whole = true;
        request.version = HttpVersion::Http2;
        request.status = None;
        request.first_byte = None;
        reader.streams.open(UPGRADED_STREAM, request);
        reader
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
        if side == Side::ClientToServer {
            // The server may still answer what it has.
            self.client_ended = true;
            return;
        }
        let client_ended = self.client_ended;
        self.streams.drain(|pending| {
            let given_up_by_client = client_ended && !pending.request_whole;
            let reason = if given_up_by_client { FailureReason::ClientClosed } else { FailureReason::ServerClosed };
            pending.finish(listening, Outcome::Failed(reason), now);
        });
    }

    fn end(&mut self, listening: &mut Listening<'_, S>, outcome: Outcome, now: Instant) {
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
