//! What the frames of one direction mean for the streams.

use std::time::Instant;

use flowfold_flow::{FailureReason, FlowSink, HttpVersion, Outcome, Side, UnparsedReason, UrlScheme};
use flowfold_wire::http1::{ByteClass, Step};
use flowfold_wire::http2::{Fields, Http2Event};

use super::streams::{Place, Streams};
use crate::call::Call;
use crate::pending::Request;
use crate::reader::Listening;

/// `REFUSED_STREAM` (RFC 9113 section 7): the stream was closed before anything was done with it.
const REFUSED_STREAM: u32 = 0x7;

/// The reader of one piece of one direction.
pub(super) struct Following<'a, 'b, S: FlowSink> {
    pub(super) listening: &'a mut Listening<'b, S>,
    pub(super) streams: &'a mut Streams,
    pub(super) last_served: &'a mut Option<u32>,
    pub(super) head_started: &'a mut Option<Instant>,
    pub(super) frame_content: &'a mut u64,
    pub(super) side: Side,
    pub(super) now: Instant,
}

impl<S: FlowSink> Following<'_, '_, S> {
    /// Counts the bytes of a step and follows what it says.
    pub(super) fn take(&mut self, step: Step<Http2Event<'_>>) -> Result<(), UnparsedReason> {
        if !matches!(step.event, Some(Http2Event::Data { .. })) {
            self.count(step.class, step.consumed as u64);
        }
        match step.event {
            None => {
                if step.class == ByteClass::Head {
                    self.head_started.get_or_insert(self.now);
                }
                Ok(())
            }
            Some(Http2Event::Headers { stream, fields, end_stream, wire_bytes }) => {
                let began = self.head_started.take().unwrap_or(self.now);
                match self.side {
                    Side::ClientToServer => self.request_fields(stream, &fields, wire_bytes, began)?,
                    Side::ServerToClient => self.response_fields(stream, &fields, end_stream, wire_bytes, began)?,
                }
                if end_stream {
                    self.side_ended(stream);
                }
                Ok(())
            }
            Some(Http2Event::PushPromise { promised, fields, wire_bytes, .. }) => {
                let began = self.head_started.take().unwrap_or(self.now);
                self.promise(promised, &fields, wire_bytes, began)
            }
            Some(Http2Event::Data { stream, content }) => self.content(stream, content),
            Some(Http2Event::DataEnd { stream, end_stream, wire_bytes }) => {
                let framing = wire_bytes.saturating_sub(std::mem::take(self.frame_content));
                self.add_bytes(stream, framing)?;
                if end_stream {
                    self.side_ended(stream);
                }
                Ok(())
            }
            Some(Http2Event::Reset { stream, code }) => {
                self.reset(stream, code);
                Ok(())
            }
            Some(Http2Event::GoAway { last_stream, .. }) => {
                self.go_away(last_stream);
                Ok(())
            }
        }
    }

    /// A header block of the client's: a new request, or the trailers of one.
    fn request_fields(
        &mut self,
        stream: u32,
        fields: &Fields<'_>,
        wire_bytes: u64,
        began: Instant,
    ) -> Result<(), UnparsedReason> {
        match self.streams.find(stream) {
            Place::Open(pending) => pending.request_bytes += wire_bytes,
            // The exchange is over already, and the client had not heard of that when it sent its trailers.
            Place::Tunnel | Place::Gone => {}
            Place::Never if stream % 2 == 1 => {
                let beyond = self.last_served.is_some_and(|last| stream > last);
                self.open(stream, fields, wire_bytes, began)?;
                if beyond && let Some(pending) = self.streams.close(stream) {
                    pending.finish(self.listening, Outcome::Failed(FailureReason::Refused), self.now);
                }
            }
            Place::Never => return Err(UnparsedReason::MalformedFrame),
        }
        Ok(())
    }

    fn open(
        &mut self,
        stream: u32,
        fields: &Fields<'_>,
        wire_bytes: u64,
        began: Instant,
    ) -> Result<(), UnparsedReason> {
        if self.streams.is_full() {
            return Err(UnparsedReason::TooManyInFlight);
        }
        let held = self.streams.live();
        let mut pending = self.listening.tools.pending.take(held).ok_or(UnparsedReason::TooManyInFlight)?;
        pending.begin(
            Request {
                method: fields.method.unwrap_or_default(),
                path: fields.path.unwrap_or_default(),
                version: HttpVersion::Http2,
                scheme: if fields.https { UrlScheme::Https } else { UrlScheme::Http },
                trace: fields.trace,
                call: fields.grpc.map(|content_type| Call::new(content_type, fields.grpc_timeout)),
            },
            began,
        );
        pending.request_bytes = wire_bytes;
        self.streams.open(stream, pending);
        Ok(())
    }

    /// A request that the server answers without having been asked (RFC 9113 section 8.4).
    fn promise(
        &mut self,
        promised: u32,
        fields: &Fields<'_>,
        wire_bytes: u64,
        began: Instant,
    ) -> Result<(), UnparsedReason> {
        let may_promise = self.side == Side::ServerToClient && promised != 0 && promised.is_multiple_of(2);
        if !may_promise || !matches!(self.streams.find(promised), Place::Never) {
            return Err(UnparsedReason::MalformedFrame);
        }
        self.open(promised, fields, wire_bytes, began)?;
        if let Place::Open(pending) = self.streams.find(promised) {
            pending.request_whole = true;
        }
        Ok(())
    }

    /// A header block of the server's: an interim response, the final one, or its trailers.
    fn response_fields(
        &mut self,
        stream: u32,
        fields: &Fields<'_>,
        end_stream: bool,
        wire_bytes: u64,
        began: Instant,
    ) -> Result<(), UnparsedReason> {
        let pending = match self.streams.find(stream) {
            Place::Open(pending) => pending,
            Place::Tunnel | Place::Gone => return Ok(()),
            Place::Never => return Err(UnparsedReason::UnexpectedResponse),
        };
        pending.response_bytes += wire_bytes;
        let status = fields.status.filter(|status| pending.status.is_none() && *status >= 200);
        if let Some(status) = status {
            pending.status = Some(status);
            pending.first_byte = Some(began);
            if let Some(call) = &mut pending.call {
                call.answered(status, fields.grpc);
            }
        }
        if let Some(call) = &mut pending.call {
            call.status(fields.grpc_status);
        }
        // RFC 9113 section 8.5, and RFC 8441 with `:protocol`: the content of the stream is the tunnel's from here on.
        let tunnels = pending.is_connect() && !end_stream && status.is_some_and(|status| status < 300);
        if tunnels && let Some(mut pending) = self.streams.make_tunnel(stream) {
            pending.tunnel = true;
            pending.finish(self.listening, Outcome::Answered, self.now);
        }
        Ok(())
    }

    fn content(&mut self, stream: u32, content: &[u8]) -> Result<(), UnparsedReason> {
        let (side, now) = (self.side, self.now);
        let count = content.len() as u64;
        *self.frame_content += count;
        match self.streams.find(stream) {
            Place::Open(pending) => {
                match side {
                    Side::ClientToServer => pending.request_bytes += count,
                    Side::ServerToClient => pending.response_bytes += count,
                }
                if let Some(call) = &mut pending.call {
                    call.read(side, content, now);
                }
                self.count(ByteClass::Body, count);
            }
            Place::Gone => self.count(ByteClass::Body, count),
            Place::Tunnel => self.count(ByteClass::Tunnel, count),
            Place::Never => {
                self.count(ByteClass::Body, count);
                return Err(UnparsedReason::MalformedFrame);
            }
        }
        Ok(())
    }

    fn add_bytes(&mut self, stream: u32, count: u64) -> Result<(), UnparsedReason> {
        match (self.streams.find(stream), self.side) {
            (Place::Open(pending), Side::ClientToServer) => pending.request_bytes += count,
            (Place::Open(pending), Side::ServerToClient) => pending.response_bytes += count,
            (Place::Tunnel | Place::Gone, _) => {}
            (Place::Never, _) => return Err(UnparsedReason::MalformedFrame),
        }
        Ok(())
    }

    /// This side has no more to say on a stream. An answer can be over before its request is; the exchange ends with
    /// the later of the two.
    fn side_ended(&mut self, stream: u32) {
        let over = match self.streams.find(stream) {
            Place::Open(pending) => {
                match self.side {
                    Side::ClientToServer => pending.request_whole = true,
                    Side::ServerToClient => pending.answered_at = Some(self.now),
                }
                pending.request_whole && pending.answered_at.is_some()
            }
            Place::Tunnel => {
                self.streams.end_tunnel_side(stream, self.side);
                false
            }
            Place::Gone | Place::Never => false,
        };
        if over && let Some(pending) = self.streams.close(stream) {
            pending.finish(self.listening, Outcome::Answered, self.now);
        }
    }

    fn reset(&mut self, stream: u32, code: u32) {
        let Some(mut pending) = self.streams.close(stream) else { return };
        let open_for = self.now.saturating_duration_since(pending.started);
        let timed_out = pending.call.as_mut().is_some_and(|call| call.reset(code, open_for));
        let reason = match self.side {
            _ if timed_out => FailureReason::DeadlineExceeded,
            Side::ClientToServer => FailureReason::ClientCancelled,
            Side::ServerToClient if code == REFUSED_STREAM => FailureReason::Refused,
            Side::ServerToClient => FailureReason::StreamReset,
        };
        pending.finish(self.listening, Outcome::Failed(reason), self.now);
    }

    /// The server will look at no later stream than this. A client says the same of streams that were pushed, which
    /// changes nothing for those under way.
    fn go_away(&mut self, last_stream: u32) {
        if self.side == Side::ClientToServer {
            return;
        }
        *self.last_served = Some(self.last_served.map_or(last_stream, |last| last.min(last_stream)));
        let Self { streams, listening, now, .. } = self;
        streams.refuse_after(last_stream, |pending| {
            pending.finish(listening, Outcome::Failed(FailureReason::Refused), *now);
        });
    }

    fn count(&mut self, class: ByteClass, count: u64) {
        self.listening.count(self.side, class, count);
    }
}
