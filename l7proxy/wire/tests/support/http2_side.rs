//! One direction of an HTTP/2 connection, read along as a proxy would, with everything it says written down.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flowfold_wire::http2::{ByteClass, Fields, GrpcMessages, Http2Decoder, Http2Error, Http2Event};

/// Bytes by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) head: usize,
    pub(crate) body: usize,
    pub(crate) framing: usize,
}

/// A direction and its books. `events` has one line for each thing said.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) events: Vec<String>,
    pub(crate) totals: Totals,
    pub(crate) error: Option<Http2Error>,
    pub(crate) decoder: Http2Decoder,
    /// The most memory that the decoder owned when a piece was read.
    pub(crate) memory: usize,
    fed: usize,
    /// Of the DATA frame under way.
    content: Vec<u8>,
    /// Of the calls under way.
    messages: BTreeMap<u32, GrpcMessages>,
}

impl Side {
    /// The client's direction.
    pub(crate) fn client() -> Self {
        Self::new(Http2Decoder::client())
    }

    /// The server's direction.
    pub(crate) fn server() -> Self {
        Self::new(Http2Decoder::server())
    }

    fn new(decoder: Http2Decoder) -> Self {
        Self {
            events: Vec::new(),
            totals: Totals::default(),
            error: None,
            decoder,
            memory: 0,
            fed: 0,
            content: Vec::new(),
            messages: BTreeMap::new(),
        }
    }

    /// All of these pieces, and the end.
    pub(crate) fn reads_all<'a>(mut self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        pieces.into_iter().for_each(|piece| self.reads(piece));
        if self.error.is_none() {
            self.events.push(format!("closed: {:?}", self.decoder.finish()));
        }
        self
    }

    /// The next piece.
    pub(crate) fn reads(&mut self, mut input: &[u8]) {
        self.fed += input.len();
        while self.error.is_none() {
            match self.decoder.advance(input) {
                Ok(step) if step.needs_more() => {
                    assert!(input.is_empty(), "bytes are left over");
                    break;
                }
                Ok(step) => {
                    match step.class {
                        ByteClass::Head => self.totals.head += step.consumed,
                        ByteClass::Body => self.totals.body += step.consumed,
                        ByteClass::Framing => self.totals.framing += step.consumed,
                        ByteClass::Tunnel | ByteClass::Unread | ByteClass::Held => panic!("{:?}", step.class),
                    }
                    input = &input[step.consumed..];
                    match step.event {
                        Some(Http2Event::Data { content, .. }) => assert_eq!(content.len(), step.consumed),
                        Some(_) => assert_ne!(step.class, ByteClass::Body),
                        None => {}
                    }
                    if let Some(event) = step.event {
                        tell(&mut self.events, &mut self.messages, &mut self.content, event);
                    }
                }
                Err(error) => {
                    self.error = Some(error);
                    self.events.push(format!("{error:?}"));
                }
            }
            self.memory = self.memory.max(self.decoder.memory());
        }
        let Totals { head, body, framing } = self.totals;
        let told = head + body + framing;
        assert!(told == self.fed || (self.error.is_some() && told < self.fed), "bytes");
    }
}

fn tell(events: &mut Vec<String>, calls: &mut BTreeMap<u32, GrpcMessages>, frame: &mut Vec<u8>, event: Http2Event<'_>) {
    let mut ended = None;
    match event {
        Http2Event::Headers { stream, fields, end_stream, wire_bytes } => {
            if let Some(kind) = fields.grpc {
                calls.insert(stream, GrpcMessages::new(kind));
            }
            events.push(format!("{stream} headers{}{} {wire_bytes}B", described(&fields), end(end_stream)));
            ended = end_stream.then_some(stream);
        }
        Http2Event::PushPromise { stream, promised, fields, wire_bytes } => {
            events.push(format!("{stream} promises {promised}{} {wire_bytes}B", described(&fields)));
        }
        Http2Event::Data { stream, content } => {
            assert!(!content.is_empty());
            frame.extend_from_slice(content);
            if let Some(messages) = calls.get_mut(&stream) {
                messages.read(content);
            }
        }
        Http2Event::DataEnd { stream, end_stream, wire_bytes } => {
            let content = std::mem::take(frame);
            let text = content.get(..40).unwrap_or(&content).escape_ascii();
            events.push(format!("{stream} data {} \"{text}\"{} {wire_bytes}B", content.len(), end(end_stream)));
            ended = end_stream.then_some(stream);
        }
        Http2Event::Reset { stream, code } => {
            events.push(format!("{stream} reset {code}"));
            ended = Some(stream);
        }
        Http2Event::GoAway { last_stream, code } => events.push(format!("goaway {last_stream} {code}")),
    }
    if let Some((stream, messages)) = ended.and_then(|stream| calls.remove_entry(&stream)) {
        let (count, bytes) = (messages.count(), messages.bytes());
        let mut line = format!("{stream} messages {count} with {bytes}B");
        if !messages.is_whole() {
            line.push_str(if messages.began() { ", one cut" } else { ", trailers cut" });
        }
        if let Some(status) = messages.web_status() {
            write!(line, ", status {status}").expect("a string takes it");
        }
        events.push(line);
    }
}

fn end(end_stream: bool) -> &'static str {
    if end_stream { " end" } else { "" }
}

/// What is kept of a header block, in a line.
pub(crate) fn described(fields: &Fields<'_>) -> String {
    let mut line = String::new();
    let texts =
        [(" ", fields.method), (" target=", fields.target), (" path=", fields.path), (" protocol=", fields.protocol)];
    for (name, value) in texts {
        if let Some(value) = value {
            write!(line, "{name}{}", value.escape_ascii()).expect("a string takes it");
        }
    }
    if fields.https {
        line.push_str(" https");
    }
    let status = fields.status.map(|status| format!(" {status}"));
    let grpc = fields.grpc.map(|kind| format!(" {kind:?}"));
    let grpc_status = fields.grpc_status.map(|status| format!(" status={status}"));
    let timeout = fields.grpc_timeout.map(|timeout| format!(" timeout={timeout:?}"));
    let trace = fields.trace.map(|trace| {
        let sampled = if trace.sampled { " sampled" } else { "" };
        let (trace, span) = (u128::from_be_bytes(trace.trace_id), u64::from_be_bytes(trace.span_id));
        format!(" trace={trace:x} span={span:x}{sampled}")
    });
    line.extend([status, grpc, grpc_status, timeout, trace].into_iter().flatten());
    line
}
