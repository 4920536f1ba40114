//! What the fuzz targets check. Each input starts with a byte that seeds the cuts.
//!
//! In the directory of this crate, five seconds of one target are
//! `mkdir -p corpus/sniff && cargo run --release --bin sniff -- -max_total_time=5 corpus/sniff seeds/sniff`.
//! cargo-fuzz works, too, with the pinned toolchain when `RUSTC_BOOTSTRAP=1` is set; only its sanitizers need that.

#[path = "../../tests/support/conversation.rs"]
mod conversation;
#[path = "../../tests/support/hpack_pair.rs"]
mod hpack_pair;
pub mod http2;
#[path = "../../tests/support/http2_side.rs"]
mod http2_side;
pub mod kafka;
#[path = "../../tests/support/kafka_bytes.rs"]
mod kafka_bytes;
#[path = "../../tests/support/kafka_side.rs"]
mod kafka_side;

use conversation::Conversation;
use flowfold_wire::dns::{KeptName, Message, StreamDecoder};
use flowfold_wire::http1::{RequestDecoder, RequestEvent, ResponseDecoder, ResponseEvent, ResponseTo};
use flowfold_wire::limits;
use flowfold_wire::sniff::{Verdict, sniff_client, sniff_client_of_kafka};

/// What stands between the client's and the server's bytes of a conversation. Neither byte occurs in UTF-8.
const BETWEEN_SIDES: &[u8] = b"\xff\xfe";

/// A client's bytes, in whatever pieces, are the same requests; and so they are however late the answers about tunnels
/// arrive.
pub fn requests(data: &[u8]) {
    let Some((&seed, stream)) = data.split_first() else { return };
    let granted = seed & 1 == 1;
    let whole = read_requests(&[stream], granted, Answers::AtOnce);
    assert_eq!(whole, read_requests(&pieces(stream, seed), granted, Answers::AtOnce));
    assert_eq!(whole, read_requests(&stream.chunks(1).collect::<Vec<_>>(), granted, Answers::AtOnce));
    if stream.len() <= limits::HELD_BYTES {
        assert_eq!(whole, read_requests(&pieces(stream, seed), granted, Answers::AtTheEnd));
    }
}

/// When the server's answer to a request for a tunnel arrives.
#[derive(Clone, Copy, PartialEq)]
enum Answers {
    AtOnce,
    AtTheEnd,
}

/// Reads a client's bytes.
fn read_requests(pieces: &[&[u8]], granted: bool, answers: Answers) -> Vec<String> {
    let mut decoder = RequestDecoder::new();
    let mut said = Vec::new();
    let mut asked = false;
    let mut read = |decoder: &mut RequestDecoder, mut input: &[u8]| {
        loop {
            let step = match decoder.advance(input) {
                Ok(step) if step.needs_more() => {
                    assert!(input.is_empty());
                    return true;
                }
                Ok(step) => step,
                Err(error) => {
                    said.push(format!("{error:?}"));
                    return false;
                }
            };
            input = &input[step.consumed..];
            let event = step.event;
            said.extend(event.map(|event| format!("{event:?}")));
            match event {
                Some(RequestEvent::Head(head)) => asked = head.response_to.may_tunnel(),
                Some(RequestEvent::End) if asked && answers == Answers::AtOnce => {
                    assert!(decoder.settle(granted).is_empty());
                }
                _ => {}
            }
        }
    };
    let mut readable = pieces.iter().all(|piece| read(&mut decoder, piece));
    while readable && decoder.held() > 0 {
        let held = decoder.settle(granted);
        readable = read(&mut decoder, &held);
    }
    if readable {
        said.push(format!("{:?}", decoder.finish()));
    }
    said
}

/// A server's bytes, in whatever pieces, are the same responses.
pub fn responses(data: &[u8]) {
    let Some((&seed, stream)) = data.split_first() else { return };
    let whole = read_responses(&[stream], seed);
    assert_eq!(whole, read_responses(&pieces(stream, seed), seed));
    assert_eq!(whole, read_responses(&stream.chunks(1).collect::<Vec<_>>(), seed));
}

/// Reads a server's bytes. The seed tells which requests they answer, and how many there were.
fn read_responses(pieces: &[&[u8]], seed: u8) -> Vec<String> {
    const ASKED: [ResponseTo; 5] =
        [ResponseTo::Other, ResponseTo::Head, ResponseTo::Upgrade, ResponseTo::Connect, ResponseTo::HeadUpgrade];
    let asked: Vec<_> = ASKED.iter().cycle().skip(usize::from(seed & 7)).take(usize::from(seed >> 3)).collect();
    let mut asked = asked.into_iter().copied().peekable();
    let mut decoder = ResponseDecoder::new();
    let mut said = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        loop {
            let step = match decoder.advance(input, asked.peek().copied()) {
                Ok(step) => step,
                Err(error) => {
                    said.push(format!("{error:?}"));
                    return said;
                }
            };
            if step.needs_more() {
                assert!(input.is_empty());
                break;
            }
            input = &input[step.consumed..];
            said.extend(step.event.map(|event| format!("{event:?}")));
            if matches!(step.event, Some(ResponseEvent::End | ResponseEvent::Tunnel)) {
                asked.next();
            }
        }
    }
    said.push(format!("{:?}", decoder.finish()));
    said
}

/// Both sides of a connection, in whatever pieces, say the same, and every byte is in one class.
pub fn conversation(data: &[u8]) {
    let Some((&seed, stream)) = data.split_first() else { return };
    let between = stream.windows(BETWEEN_SIDES.len()).position(|window| window == BETWEEN_SIDES);
    let (client, server) = between.map_or((stream, &[][..]), |at| (&stream[..at], &stream[at + BETWEEN_SIDES.len()..]));
    let whole = converse(&[client], &[server]);
    compare(&whole, &converse(&pieces(client, seed), &pieces(server, seed.rotate_left(3))));
    compare(&whole, &converse(&client.chunks(1).collect::<Vec<_>>(), &server.chunks(1).collect::<Vec<_>>()));
    interleave(&pieces(client, seed), &pieces(server, seed.rotate_left(5)));
}

fn converse(client: &[&[u8]], server: &[&[u8]]) -> Conversation {
    let mut conversation = Conversation::default();
    client.iter().for_each(|piece| conversation.client_sends(piece));
    server.iter().for_each(|piece| conversation.server_sends(piece));
    conversation.server_closes();
    conversation.client_closes();
    conversation
}

fn compare(whole: &Conversation, cut: &Conversation) {
    assert_eq!(whole.events, cut.events);
    // Where a direction could not be read on, pieces in front of that place were told that a whole input was not.
    if whole.client.error.is_none() {
        assert_eq!(whole.client.totals, cut.client.totals);
    }
    if whole.server.error.is_none() {
        assert_eq!(whole.server.totals, cut.server.totals);
    }
}

/// Both sides talk at once. Nothing to compare with: an answer may come before its question.
fn interleave(client: &[&[u8]], server: &[&[u8]]) {
    let mut conversation = Conversation::default();
    for at in 0..client.len().max(server.len()) {
        if let Some(piece) = client.get(at) {
            conversation.client_sends(piece);
        }
        if let Some(piece) = server.get(at) {
            conversation.server_sends(piece);
        }
    }
    conversation.client_closes();
    conversation.server_closes();
}

/// Each prefix of a stream gives the verdict of the whole, or asks for more.
pub fn sniff(data: &[u8]) {
    for judge in [sniff_client, sniff_client_of_kafka] {
        let last = judge(data);
        for end in 0..data.len() {
            let verdict = judge(&data[..end]);
            assert!(verdict == Verdict::NeedMore || verdict == last, "{end}: {verdict:?}, then {last:?}");
        }
    }
}

/// A stream, in whatever pieces, is the same messages; and a message can be read without looking beyond it.
pub fn dns(data: &[u8]) {
    let Some((&seed, stream)) = data.split_first() else { return };
    let whole = read_dns(&[stream]);
    assert_eq!(whole, read_dns(&pieces(stream, seed)));
    assert_eq!(whole, read_dns(&stream.chunks(1).collect::<Vec<_>>()));
}

fn read_dns(pieces: &[&[u8]]) -> Vec<String> {
    let mut decoder = StreamDecoder::default();
    let mut said = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        loop {
            let step = decoder.advance(input);
            if step.needs_more() {
                assert!(input.is_empty());
                break;
            }
            input = &input[step.consumed..];
            if let Some(framed) = step.event {
                let kept = &framed.bytes[..framed.bytes.len().min(limits::DNS_HELD_BYTES)];
                said.push(match Message::read(kept) {
                    Some(message) => {
                        if let Some(question) = &message.question {
                            let mut kept = KeptName::ROOT;
                            kept.set(&question.name);
                            assert_eq!(kept.name(), question.name);
                        }
                        let records: Vec<_> = message.answers().map(|record| (record.kind, record.address())).collect();
                        let addresses: Vec<_> = message.addresses().collect();
                        assert!(addresses.len() <= records.len());
                        format!("{} {:?} {} {records:?} {addresses:?}", message.id, message.question, message.rcode())
                    }
                    None => "unreadable".to_owned(),
                });
                said.push(framed.wire_bytes.to_string());
            }
        }
    }
    said
}

/// Cuts a stream into pieces of lengths that the seed decides.
fn pieces(stream: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = stream;
    let mut state = u32::from(seed) | 0x100;
    while !rest.is_empty() {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let length = 1 + (state >> 16) as usize % 24;
        let (piece, behind) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}
