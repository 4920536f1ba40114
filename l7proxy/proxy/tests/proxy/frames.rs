//! Writes HTTP/2 frames by hand, so that a test says exactly what is on the wire.

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// `END_STREAM` (RFC 9113 sections 6.1 and 6.2).
pub(crate) const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// An empty SETTINGS frame, with which each side begins.
pub(crate) const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A whole header block: each field a literal without indexing and without Huffman coding (RFC 7541 section 6.2.2).
pub(crate) fn headers(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(0x1, flags | END_HEADERS, stream, &block(fields))
}

pub(crate) fn push_promise(stream: u32, promised: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(0x5, END_HEADERS, stream, &[&promised.to_be_bytes()[..], &block(fields)].concat())
}

fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("short strings"));
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

pub(crate) fn data(stream: u32, flags: u8, content: &[u8]) -> Vec<u8> {
    frame(0x0, flags, stream, content)
}

pub(crate) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(0x3, 0, stream, &code.to_be_bytes())
}

pub(crate) fn go_away(last_stream: u32) -> Vec<u8> {
    frame(0x7, 0, 0, &[last_stream.to_be_bytes(), [0; 4]].concat())
}

/// A gRPC message with its prefix.
pub(crate) fn message(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a message is short").to_be_bytes();
    [&[0][..], &length, content].concat()
}

pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    headers(stream, END_STREAM, &[(":method", "GET"), (":scheme", "http"), (":path", path)])
}
