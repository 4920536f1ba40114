//! Random valid exchanges, written out as bytes together with what reading along must tell of them.

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::conversation::Totals;

/// What one side sends, and what must be told of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Side {
    pub(crate) bytes: Vec<u8>,
    pub(crate) events: Vec<String>,
    pub(crate) totals: Totals,
}

impl Side {
    fn head(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.totals.head += text.len();
    }

    fn body(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.totals.body += bytes.len();
    }

    fn framing(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.totals.framing += text.len();
    }

    fn tunnel(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.totals.tunnel += bytes.len();
    }

    fn content(&mut self, content: &Content) {
        match content {
            Content::None => {}
            Content::Counted(bytes) => self.body(bytes),
            Content::Chunked { chunks, trailers } => {
                for Chunk { data, zeros, extension } in chunks {
                    self.framing(&format!("{}{:X}{extension}\r\n", "0".repeat(*zeros), data.len()));
                    self.body(data);
                    self.framing("\r\n");
                }
                self.framing(&format!("0\r\n{}\r\n", trailers.concat()));
            }
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    None,
    Counted(Vec<u8>),
    Chunked { chunks: Vec<Chunk>, trailers: Vec<String> },
}

impl Content {
    /// The fields that say so.
    fn fields(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Counted(bytes) => format!("Content-Length: {}\r\n", bytes.len()),
            Self::Chunked { .. } => "Transfer-Encoding: chunked\r\n".into(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    data: Vec<u8>,
    zeros: usize,
    extension: String,
}

/// A request with its responses.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    method: &'static str,
    path: String,
    query: String,
    fields: Vec<String>,
    asks: bool,
    sent: Content,
    interim: Vec<u16>,
    status: u16,
    answered: Content,
    empty_lines: usize,
}

/// How a connection goes on behind its exchanges.
#[derive(Clone, Debug)]
pub(crate) enum Last {
    /// Not at all.
    Kept,
    /// With a response that the end of the stream ends.
    UntilClose(Vec<u8>),
    /// With a tunnel, by CONNECT or by an upgrade.
    Tunnel { connect: bool, client: Vec<u8>, server: Vec<u8> },
}

/// Writes out a connection.
pub(crate) fn write(exchanges: &[Exchange], last: &Last) -> (Side, Side) {
    let (mut client, mut server) = (Side::default(), Side::default());
    for exchange in exchanges {
        exchange.write_request(&mut client);
        exchange.write_responses(&mut server);
    }
    match last {
        Last::Kept => {}
        Last::UntilClose(bytes) => {
            client.head("GET /last HTTP/1.1\r\n\r\n");
            client.events.extend(["> GET /last path=/last Http11 keeps 22B Other".into(), "> end".into()]);
            server.head("HTTP/1.1 200 OK\r\n\r\n");
            server.body(bytes);
            server.events.extend(["< 200 Http11 closes 19B".into(), "< closed: Complete, 0 unanswered".into()]);
        }
        Last::Tunnel { connect: true, client: sent, server: answered } => {
            client.head("CONNECT a:1 HTTP/1.1\r\n\r\n");
            client.events.extend(["> CONNECT a:1 path= Http11 host=a:1 keeps 24B Connect".into(), "> end".into()]);
            client.tunnel(sent);
            server.head("HTTP/1.1 299\r\n\r\n");
            server.events.extend(["< 299 Http11 keeps 16B tunnel=Granted".into(), "< tunnel".into()]);
            server.tunnel(answered);
        }
        Last::Tunnel { connect: false, client: sent, server: answered } => {
            client.head("GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n");
            client.events.extend(["> GET / path=/ Http11 keeps 30B Upgrade".into(), "> end".into()]);
            client.tunnel(sent);
            server.head("HTTP/1.1 101 \r\n\r\n");
            server.events.extend(["< 101 Http11 keeps 17B tunnel=Granted".into(), "< tunnel".into()]);
            server.tunnel(answered);
        }
    }
    if !matches!(last, Last::UntilClose(_)) {
        server.events.push("< closed: Clean, 0 unanswered".into());
    }
    client.events.push("> closed: Clean, 0 held".into());
    (client, server)
}

impl Exchange {
    fn write_request(&self, side: &mut Side) {
        side.framing(&"\r\n".repeat(self.empty_lines));
        let Self { method, path, query, .. } = self;
        let asks = if self.asks { "Upgrade: h2c\r\n" } else { "" };
        let fields = self.fields.concat();
        let head = format!("{method} {path}{query} HTTP/1.1\r\nHost: h\r\n{fields}{asks}{}\r\n", self.sent.fields());
        let to = match (*method, self.asks) {
            ("HEAD", true) => "HeadUpgrade",
            ("HEAD", false) => "Head",
            (_, true) => "Upgrade",
            (_, false) => "Other",
        };
        let bytes = head.len();
        let offers = if self.asks { " offers-h2c" } else { "" };
        side.events.push(format!("> {method} {path}{query} path={path} Http11 host=h{offers} keeps {bytes}B {to}"));
        side.head(&head);
        side.content(&self.sent);
        side.events.push("> end".into());
    }

    fn write_responses(&self, side: &mut Side) {
        for status in &self.interim {
            let head = format!("HTTP/1.1 {status} Wait\r\nX: y\r\n\r\n");
            side.events.push(format!("< interim {status} Http11 keeps {}B", head.len()));
            side.head(&head);
        }
        let fields = self.fields.concat();
        let head = format!("HTTP/1.1 {} Reason\r\n{fields}{}\r\n", self.status, self.answered.fields());
        let mut event = format!("< {} Http11 keeps {}B", self.status, head.len());
        if self.asks {
            write!(event, " tunnel=Refused").expect("a string takes it");
        }
        side.events.push(event);
        side.head(&head);
        if self.method != "HEAD" && !matches!(self.status, 204 | 304) {
            side.content(&self.answered);
        }
        side.events.push("< end".into());
    }
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=most)
}

fn chunk() -> impl Strategy<Value = Chunk> {
    let extension = prop::sample::select(vec!["", "  ", ";a", ";a=b;c", " ;a=\"b;\\\"\t\u{e9}\""]);
    (prop::collection::vec(any::<u8>(), 1..=40), 0_usize..3, extension).prop_map(|(data, zeros, extension)| Chunk {
        data,
        zeros,
        extension: extension.into(),
    })
}

fn chunked() -> impl Strategy<Value = Content> {
    let trailers = prop::collection::vec("[A-Za-z-]{1,8}: ?[ -~]{0,8}[!-~]\r\n", 0..3);
    (prop::collection::vec(chunk(), 0..5), trailers)
        .prop_map(|(chunks, trailers)| Content::Chunked { chunks, trailers })
}

/// Fields that mean nothing to reading along.
fn fields() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("X-[A-Za-z0-9]{0,12}: ?[ -~]{0,30}[!-~]\r\n", 0..5)
}

/// An exchange that leaves the connection open.
pub(crate) fn exchange() -> impl Strategy<Value = Exchange> {
    let method = prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"]);
    let sent = prop_oneof![Just(Content::None), bytes(60).prop_map(Content::Counted), chunked()];
    let answered = prop_oneof![bytes(60).prop_map(Content::Counted), chunked()];
    let interim = prop::collection::vec(prop::sample::select(vec![100, 102, 103, 199]), 0..3);
    let status = prop_oneof![4 => 200_u16..=599, 1 => Just(204), 1 => Just(304)];
    let target = ("/[a-z/%]{0,20}", "(\\?[a-z=&?/]{0,20})?");
    (method, target, fields(), prop::bool::weighted(0.2), sent, interim, status, answered, 0_usize..3).prop_map(
        |(method, (path, query), fields, asks, sent, interim, status, answered, empty_lines)| Exchange {
            method,
            path,
            query,
            fields,
            asks,
            sent,
            interim,
            status,
            answered,
            empty_lines,
        },
    )
}

/// What follows the exchanges.
pub(crate) fn last() -> impl Strategy<Value = Last> {
    prop_oneof![
        Just(Last::Kept),
        bytes(60).prop_map(Last::UntilClose),
        (any::<bool>(), bytes(60), bytes(60)).prop_map(|(connect, client, server)| Last::Tunnel {
            connect,
            client,
            server
        }),
    ]
}
