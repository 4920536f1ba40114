//! Random HTTP/2 directions, in random pieces, are told exactly; damaged ones are told alike however they are cut.

#[path = "support/http2_side.rs"]
mod http2_side;

use std::time::Duration;

use flowfold_wire::http2::{Fields, GrpcContentType};
use flowfold_wire::trace::TraceParent;
use httlib_hpack::Encoder;
use http2_side::{Side, Totals, described};
use proptest::prelude::*;

/// Something that one side sends.
#[derive(Clone, Debug)]
enum Sent {
    Block {
        stream: u32,
        head: Head,
        ends: bool,
        padding: Option<u8>,
        priority: bool,
        promised: Option<u32>,
        cuts: Vec<usize>,
    },
    Data {
        stream: u32,
        content: Vec<u8>,
        ends: bool,
        padding: Option<u8>,
    },
    Reset {
        stream: u32,
        code: u32,
    },
    GoAway {
        last: u32,
        code: u32,
        debug: Vec<u8>,
    },
    /// A frame of no interest.
    Other {
        kind: u8,
        flags: u8,
        stream: u32,
        payload: Vec<u8>,
    },
}

/// The fields of a header block, each with the flags that tell the encoder how to write it.
#[derive(Clone, Debug)]
struct Head {
    resize: Option<u32>,
    target: Option<(String, u8)>,
    status: Option<(u16, u8)>,
    kind: Option<(GrpcContentType, u8)>,
    timeout: Option<(u32, u8)>,
    trace: Option<([u8; 16], u8)>,
    others: Vec<(String, String, u8)>,
}

impl Head {
    /// The block, and what is kept of it in a line.
    fn write(&self, encoder: &mut Encoder<'_>) -> (Vec<u8>, String) {
        let mut block = Vec::new();
        if let Some(size) = self.resize {
            encoder.update_max_dynamic_size(size, &mut block).expect("a size");
        }
        let mut fields = Fields::default();
        let mut add = |name: &str, value: &str, how: u8| {
            let field = (name.as_bytes().to_vec(), value.as_bytes().to_vec(), how | Encoder::BEST_FORMAT);
            encoder.encode(field, &mut block).expect("a field");
        };
        if let Some((target, how)) = &self.target {
            add(":method", "PATCH", *how);
            add(":path", target, *how);
            fields.method = Some(b"PATCH");
            fields.target = Some(target.as_bytes());
            fields.path = target.split('?').next().map(str::as_bytes);
        }
        if let Some((status, how)) = self.status {
            add(":status", &status.to_string(), how);
            fields.status = Some(status);
        }
        for (name, value, how) in &self.others {
            add(name, value, *how);
        }
        if let Some((kind, how)) = self.kind {
            let value = match kind {
                GrpcContentType::Grpc => "application/grpc",
                GrpcContentType::Web => "application/grpc-web+proto",
                GrpcContentType::WebText => "application/grpc-web-text",
            };
            add("content-type", value, how);
            fields.grpc = Some(kind);
        }
        if let Some((timeout, how)) = self.timeout {
            add("grpc-timeout", &format!("{timeout}m"), how);
            fields.grpc_timeout = Some(Duration::from_millis(timeout.into()));
        }
        if let Some((trace_id, how)) = self.trace {
            let id = u128::from_be_bytes(trace_id);
            add("traceparent", &format!("00-{id:032x}-00000000000000ab-01"), how);
            let span_id = 0xab_u64.to_be_bytes();
            fields.trace = Some(TraceParent { trace_id, span_id, sampled: true });
        }
        (block, described(&fields))
    }
}

/// What is sent, and what must be told of it.
#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    events: Vec<String>,
    totals: Totals,
}

impl Written {
    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> usize {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        self.bytes.extend([&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat());
        self.totals.framing += 9;
        payload.len() + 9
    }

    fn add(&mut self, sent: &Sent, encoder: &mut Encoder<'_>) {
        match sent {
            Sent::Block { stream, head, ends, padding, priority, promised, cuts } => {
                let (block, line) = head.write(encoder);
                let mut pieces = Vec::new();
                let mut rest = &block[..];
                for cut in cuts {
                    let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                    pieces.push(piece);
                    rest = behind;
                }
                pieces.push(rest);
                let last = pieces.len() - 1;
                let mut wire = 0;
                for (at, piece) in pieces.into_iter().enumerate() {
                    let mut flags = if at == last { 4 } else { 0 };
                    let (mut kind, mut payload) = (9, piece.to_vec());
                    if at == 0 {
                        kind = if promised.is_some() { 5 } else { 1 };
                        if let Some(promised) = promised {
                            payload.splice(..0, (promised | 0x8000_0000).to_be_bytes());
                        } else {
                            flags |= u8::from(*ends);
                            if *priority {
                                flags |= 0x20;
                                payload.splice(..0, *b"\x80\0\0\x01\x10");
                            }
                        }
                        if let Some(padding) = padding {
                            flags |= 8;
                            payload.insert(0, *padding);
                            payload.resize(payload.len() + usize::from(*padding), 0);
                        }
                    }
                    wire += self.frame(kind, flags, *stream, &payload);
                    self.totals.head += payload.len();
                }
                self.events.push(match promised {
                    Some(promised) => format!("{stream} promises {promised}{line} {wire}B"),
                    None => format!("{stream} headers{line}{} {wire}B", if *ends { " end" } else { "" }),
                });
            }
            Sent::Data { stream, content, ends, padding } => {
                let mut payload = content.clone();
                let mut flags = u8::from(*ends);
                if let Some(padding) = padding {
                    flags |= 8;
                    payload.insert(0, *padding);
                    payload.resize(payload.len() + usize::from(*padding), 0);
                }
                let wire = self.frame(0, flags, *stream, &payload);
                self.totals.framing += payload.len() - content.len();
                self.totals.body += content.len();
                let text = content.get(..40).unwrap_or(content).escape_ascii();
                let end = if *ends { " end" } else { "" };
                self.events.push(format!("{stream} data {} \"{text}\"{end} {wire}B", content.len()));
            }
            Sent::Reset { stream, code } => {
                self.frame(3, 0, *stream, &code.to_be_bytes());
                self.totals.framing += 4;
                self.events.push(format!("{stream} reset {code}"));
            }
            Sent::GoAway { last, code, debug } => {
                let payload = [&last.to_be_bytes(), &code.to_be_bytes(), &debug[..]].concat();
                self.frame(7, 0, 0, &payload);
                self.totals.framing += payload.len();
                self.events.push(format!("goaway {last} {code}"));
            }
            Sent::Other { kind, flags, stream, payload } => {
                self.frame(*kind, *flags, *stream, payload);
                self.totals.framing += payload.len();
            }
        }
    }
}

/// All that is sent, without the messages of calls, which have tests of their own.
fn write(sent: &[Sent]) -> Written {
    let mut written = Written::default();
    let mut encoder = Encoder::with_dynamic_size(4096);
    for sent in sent {
        written.add(sent, &mut encoder);
    }
    written.events.push("closed: Clean".into());
    written
}

fn events(side: &Side) -> Vec<String> {
    side.events.iter().filter(|line| !line.contains(" messages ")).cloned().collect()
}

fn how() -> impl Strategy<Value = u8> {
    (0_u8..4, prop::sample::select(vec![0_u8, 4, 4, 8])).prop_map(|(coded, indexed)| coded | indexed)
}

fn head() -> impl Strategy<Value = Head> {
    let kinds = [GrpcContentType::Grpc, GrpcContentType::Web, GrpcContentType::WebText];
    let text = "[a-z0-9 /=;,A-Z~-]{0,60}";
    (
        prop::option::weighted(0.1, prop::sample::select(vec![0_u32, 100, 500, 4096, 65536])),
        prop::option::of(("/[a-z/]{0,20}(\\?[a-z=]{0,9})?", how())),
        prop::option::of((100_u16..=999, how())),
        prop::option::of((prop::sample::select(kinds.to_vec()), how())),
        prop::option::of((0_u32..=99_999_999, how())),
        prop::option::of((any::<u128>().prop_map(|id| (id | 1).to_be_bytes()), how())),
        prop::collection::vec(("x-[a-z-]{1,12}", text, how()), 0..8),
    )
        .prop_map(|(resize, target, status, kind, timeout, trace, others)| Head {
            resize,
            target,
            status,
            kind,
            timeout,
            trace,
            others,
        })
}

fn sent() -> impl Strategy<Value = Sent> {
    let stream = || 1_u32..=0x7fff_ffff;
    let padding = || prop::option::of(any::<u8>());
    let bytes = || prop::collection::vec(any::<u8>(), 0..60);
    // PRIORITY, PING, WINDOW_UPDATE, ALTSVC, ORIGIN, PRIORITY_UPDATE and types that nobody knows.
    let kind = prop::sample::select(vec![2_u8, 6, 8, 10, 12, 16, 0x7f, 0xff]);
    let block = (stream(), head(), any::<bool>(), padding(), any::<bool>(), prop::option::weighted(0.2, stream()));
    let cuts = prop::collection::vec(0_usize..40, 0..4);
    prop_oneof![
        4 => (block, cuts).prop_map(|((stream, head, ends, padding, priority, promised), cuts)| {
            Sent::Block { stream, head, ends, padding, priority, promised, cuts }
        }),
        3 => (stream(), bytes(), any::<bool>(), padding())
            .prop_map(|(stream, content, ends, padding)| Sent::Data { stream, content, ends, padding }),
        1 => (stream(), any::<u32>()).prop_map(|(stream, code)| Sent::Reset { stream, code }),
        1 => (0_u32..=0x7fff_ffff, any::<u32>(), bytes())
            .prop_map(|(last, code, debug)| Sent::GoAway { last, code, debug }),
        2 => (kind, any::<u8>(), any::<u32>(), bytes())
            .prop_map(|(kind, flags, stream, payload)| Sent::Other { kind, flags, stream, payload }),
    ]
}

/// Cuts a stream into pieces of these lengths, over and over.
fn pieces<'a>(mut stream: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if stream.is_empty() {
            break;
        }
        let (piece, rest) = stream.split_at((*length).min(stream.len()));
        pieces.push(piece);
        stream = rest;
    }
    pieces
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1_usize..4, 1_usize..100, Just(100_000)], 1..20)
}

proptest! {
    #[test]
    fn valid_directions_are_told_exactly(sent in prop::collection::vec(sent(), 0..20), lengths in lengths()) {
        let written = write(&sent);
        let side = Side::server().reads_all(pieces(&written.bytes, &lengths));
        prop_assert_eq!(events(&side), written.events);
        prop_assert_eq!(side.totals, written.totals);
        prop_assert!(side.decoder.is_between_frames());
    }

    /// One byte changed: whatever it comes to mean, it means the same in pieces, and every byte is in one class (which
    /// `Side` checks).
    #[test]
    fn damaged_directions_are_told_alike(
        sent in prop::collection::vec(sent(), 1..8),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        lengths in lengths(),
    ) {
        let mut stream = write(&sent).bytes;
        *at.get_mut(&mut stream) = byte;
        let whole = Side::server().reads_all([&stream[..]]);
        let cut = Side::server().reads_all(pieces(&stream, &lengths));
        prop_assert_eq!(&whole.events, &cut.events);
        prop_assert!(whole.error.is_some() || whole.totals == cut.totals);
    }
}
