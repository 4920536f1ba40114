//! Streams of HTTP/2 frames: most of them in order, some of them nothing that RFC 9113 allows.

use fastrand::Rng;

use super::End;
use super::http1::{broken_somewhere, noise};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// What an end may send.
pub(super) fn any(rng: &mut Rng, end: End) -> Vec<u8> {
    let mut bytes = if end == End::Client { PREFACE.to_vec() } else { Vec::new() };
    frame(&mut bytes, SETTINGS, 0, 0, &settings(rng));
    let mut newest = 1;
    for _ in 0..rng.usize(..80) {
        if end == End::Client && rng.bool() {
            newest += 2;
        }
        let stream = if rng.u8(..4) == 0 { rng.u32(..newest + 4) } else { newest };
        something(rng, &mut bytes, stream, end);
    }
    broken_somewhere(rng, bytes)
}

fn something(rng: &mut Rng, bytes: &mut Vec<u8>, stream: u32, end: End) {
    match rng.u8(..16) {
        0..=4 => headers(rng, bytes, stream, end),
        5..=8 => {
            let mut content = noise(rng, 20_000);
            if rng.bool() {
                grpc_message(rng, &mut content);
            }
            let flags = rng.u8(..) & (END_STREAM | PADDED);
            frame(bytes, DATA, flags, stream, &content);
        }
        9 => frame(bytes, RST_STREAM, 0, stream, &rng.u32(..16).to_be_bytes()),
        10 => frame(bytes, SETTINGS, rng.u8(..2), 0, &settings(rng)),
        11 => frame(bytes, PING, rng.u8(..2), 0, &rng.u64(..).to_be_bytes()),
        12 => frame(bytes, WINDOW_UPDATE, 0, stream, &rng.u32(..).to_be_bytes()),
        13 => frame(bytes, GOAWAY, 0, 0, &[stream.to_be_bytes(), rng.u32(..16).to_be_bytes()].concat()),
        14 => frame(bytes, PUSH_PROMISE, END_HEADERS, stream, &[vec![0, 0, 0, 2], block(rng, end)].concat()),
        // Whatever type, flags and length: one that no frame announces follows now and then.
        _ => {
            let content = noise(rng, 300);
            let kind = rng.u8(..);
            frame(bytes, kind, rng.u8(..), rng.u32(..), &content);
            if rng.u8(..4) == 0 {
                bytes.extend([rng.u8(..), rng.u8(..), rng.u8(..), rng.u8(..10), rng.u8(..), 0, 0, 0, rng.u8(..)]);
            }
        }
    }
}

/// A header block, in one frame or cut into several.
fn headers(rng: &mut Rng, bytes: &mut Vec<u8>, stream: u32, end: End) {
    let mut content = block(rng, end);
    let mut flags = rng.u8(..) & (END_STREAM | PADDED | PRIORITY);
    if flags & PRIORITY != 0 {
        content.splice(0..0, [0, 0, 0, 0, 16]);
    }
    if flags & PADDED != 0 {
        let padding = rng.u8(..9);
        content.insert(0, padding);
        content.extend(std::iter::repeat_n(0, usize::from(padding)));
    }
    let cut = rng.usize(..=content.len());
    if rng.bool() {
        flags |= END_HEADERS;
        frame(bytes, HEADERS, flags, stream, &content);
    } else {
        frame(bytes, HEADERS, flags, stream, &content[..cut]);
        frame(bytes, CONTINUATION, END_HEADERS, stream, &content[cut..]);
    }
}

/// Fields as an encoder might write them (RFC 7541, section 6): from both tables, literal, and with new sizes of the table.
fn block(rng: &mut Rng, end: End) -> Vec<u8> {
    let mut block = if end == End::Client { vec![0x83, 0x86, 0x84] } else { vec![0x88] };
    if rng.bool() {
        // content-type is entry 31 of the static table: 15 in the prefix and 16 in the byte behind
        literal(&mut block, b"\x0f\x10", b"application/grpc");
    }
    for _ in 0..rng.usize(..8) {
        match rng.u8(..6) {
            0 => block.push(0x80 | rng.u8(1..62)),
            1 => block.push(0x80 | rng.u8(62..)),
            2 => block.push(0x20 | rng.u8(..31)),
            3 => block.extend([0x3f, rng.u8(..), rng.u8(..128)]),
            4 => literal(&mut block, b"\x40\x05x-own", &noise(rng, 120)),
            _ => literal(&mut block, b"\x00\x05x-own", &noise(rng, 120)),
        }
    }
    block
}

fn literal(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.extend(name);
    block.push(u8::try_from(value.len()).expect("lengths below 127 are one byte"));
    block.extend(value);
}

fn grpc_message(rng: &mut Rng, content: &mut Vec<u8>) {
    let length = if rng.bool() { u32::try_from(content.len()).expect("it is small") } else { rng.u32(..) };
    content.splice(0..0, [rng.u8(..2)].into_iter().chain(length.to_be_bytes()));
}

fn settings(rng: &mut Rng) -> Vec<u8> {
    let mut settings = Vec::new();
    for _ in 0..rng.usize(..4) {
        settings.extend(rng.u16(..9).to_be_bytes());
        settings.extend(rng.u32(..).to_be_bytes());
    }
    settings
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, content: &[u8]) {
    bytes.extend(&u32::try_from(content.len()).expect("it is small").to_be_bytes()[1..]);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(content);
}
