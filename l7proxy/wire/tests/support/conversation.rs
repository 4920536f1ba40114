//! Both directions of a connection, read along as a proxy would, with everything they say written down.

use std::collections::VecDeque;
use std::fmt::Write as _;

use flowfold_wire::http1::{
    ByteClass, End, Http1Error, RequestDecoder, RequestEvent, RequestHead, ResponseDecoder, ResponseEvent,
    ResponseHead, ResponseTo, Tunnel,
};

/// Bytes of one direction by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) head: usize,
    pub(crate) body: usize,
    pub(crate) framing: usize,
    pub(crate) tunnel: usize,
}

impl Totals {
    fn add(&mut self, class: ByteClass, bytes: usize) {
        match class {
            ByteClass::Head => self.head += bytes,
            ByteClass::Body => self.body += bytes,
            ByteClass::Framing => self.framing += bytes,
            ByteClass::Tunnel => self.tunnel += bytes,
            // Told when it is given back.
            ByteClass::Held => {}
            ByteClass::Unread => panic!("{class:?}"),
        }
    }

    /// Bytes of all classes.
    pub(crate) fn sum(&self) -> usize {
        self.head + self.body + self.framing + self.tunnel
    }
}

/// One direction's books.
#[derive(Debug, Default)]
pub(crate) struct Direction {
    pub(crate) totals: Totals,
    /// Bytes that arrived.
    pub(crate) fed: usize,
    /// Why it can't be read further.
    pub(crate) error: Option<Http1Error>,
}

/// A connection. `events` has one line for each thing said.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    pub(crate) events: Vec<String>,
    pub(crate) client: Direction,
    pub(crate) server: Direction,
    pub(crate) requests: RequestDecoder,
    pub(crate) responses: ResponseDecoder,
    expected: VecDeque<ResponseTo>,
}

impl Conversation {
    /// The client sent these bytes.
    pub(crate) fn client_sends(&mut self, input: &[u8]) {
        self.client.fed += input.len();
        self.read_client(input);
    }

    fn read_client(&mut self, mut input: &[u8]) {
        while self.client.error.is_none() {
            match self.requests.advance(input) {
                Ok(step) if step.needs_more() => {
                    assert!(input.is_empty(), "bytes are left over");
                    break;
                }
                Ok(step) => {
                    self.client.totals.add(step.class, step.consumed);
                    input = &input[step.consumed..];
                    match step.event {
                        Some(RequestEvent::Head(head)) => {
                            self.expected.push_back(head.response_to);
                            self.events.push(request_line(&head));
                        }
                        Some(RequestEvent::End) => self.events.push("> end".into()),
                        None => {}
                    }
                }
                Err(error) => self.client.fails(error, ">", &mut self.events),
            }
        }
        let told = self.client.totals.sum() + self.requests.held();
        assert!(told == self.client.fed || (self.client.error.is_some() && told < self.client.fed), "client bytes");
    }

    /// The server sent these bytes.
    pub(crate) fn server_sends(&mut self, mut input: &[u8]) {
        self.server.fed += input.len();
        while self.server.error.is_none() {
            let mut answer = Tunnel::NotAsked;
            match self.responses.advance(input, self.expected.front().copied()) {
                Ok(step) if step.needs_more() => {
                    assert!(input.is_empty(), "bytes are left over");
                    break;
                }
                Ok(step) => {
                    self.server.totals.add(step.class, step.consumed);
                    input = &input[step.consumed..];
                    match step.event {
                        Some(ResponseEvent::Interim(head)) => self.events.push(status_line("< interim", &head)),
                        Some(ResponseEvent::Head(head)) => {
                            answer = head.tunnel;
                            self.events.push(status_line("<", &head));
                        }
                        Some(ResponseEvent::End) => {
                            self.expected.pop_front();
                            self.events.push("< end".into());
                        }
                        Some(ResponseEvent::Tunnel) => {
                            self.expected.pop_front();
                            self.events.push("< tunnel".into());
                        }
                        None => {}
                    }
                }
                Err(error) => self.server.fails(error, "<", &mut self.events),
            }
            if answer != Tunnel::NotAsked {
                let held = self.requests.settle(answer == Tunnel::Granted);
                self.read_client(&held);
            }
        }
        let told = self.server.totals.sum();
        assert!(told == self.server.fed || (self.server.error.is_some() && told < self.server.fed), "server bytes");
    }

    /// The server closed its direction.
    pub(crate) fn server_closes(&mut self) {
        if self.server.error.is_none() {
            let end = self.responses.finish();
            if end == End::Complete {
                self.expected.pop_front();
            }
            self.events.push(format!("< closed: {end:?}, {} unanswered", self.expected.len()));
        }
    }

    /// The client closed its direction.
    pub(crate) fn client_closes(&mut self) {
        if self.client.error.is_none() {
            let held = self.requests.held();
            self.events.push(format!("> closed: {:?}, {held} held", self.requests.finish()));
        }
    }
}

impl Direction {
    fn fails(&mut self, error: Http1Error, mark: &str, events: &mut Vec<String>) {
        self.error = Some(error);
        events.push(format!("{mark} {error:?}"));
    }
}

fn request_line(head: &RequestHead<'_>) -> String {
    let mut line = format!(
        "> {} {} path={} {:?}",
        head.method.escape_ascii(),
        head.target.escape_ascii(),
        head.path.escape_ascii(),
        head.version
    );
    add_fields(&mut line, &[("host", head.host), ("type", head.content_type)]);
    if let Some(trace) = head.trace {
        let id = u128::from_be_bytes(trace.trace_id);
        write!(line, " trace={id:x} span={:x}", u64::from_be_bytes(trace.span_id)).expect("a string takes it");
    }
    if head.upgrade_h2c {
        line.push_str(" offers-h2c");
    }
    if head.expect_continue {
        line.push_str(" expects-continue");
    }
    add_rest(&mut line, head.keep_alive, head.head_bytes);
    write!(line, " {:?}", head.response_to).expect("a string takes it");
    line
}

fn status_line(mark: &str, head: &ResponseHead<'_>) -> String {
    let mut line = format!("{mark} {} {:?}", head.status, head.version);
    add_fields(&mut line, &[("type", head.content_type)]);
    if head.h2c {
        line.push_str(" h2c");
    }
    add_rest(&mut line, head.keep_alive, head.head_bytes);
    if head.tunnel != Tunnel::NotAsked {
        write!(line, " tunnel={:?}", head.tunnel).expect("a string takes it");
    }
    line
}

fn add_fields(line: &mut String, fields: &[(&str, Option<&[u8]>)]) {
    for (name, value) in fields {
        if let Some(value) = value {
            write!(line, " {name}={}", value.escape_ascii()).expect("a string takes it");
        }
    }
}

fn add_rest(line: &mut String, keep_alive: bool, bytes: u64) {
    let then = if keep_alive { "keeps" } else { "closes" };
    write!(line, " {then} {bytes}B").expect("a string takes it");
}
