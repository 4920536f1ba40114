//! Streams of HTTP/1, and of what may come in its place.

use fastrand::Rng;

use super::End;

/// What an end may send: nothing, noise, messages, and messages that are broken somewhere.
pub(super) fn any(rng: &mut Rng, end: End) -> Vec<u8> {
    let bytes = match rng.u8(..12) {
        0 => Vec::new(),
        1 => noise(rng, 200_000),
        2 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        3 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00".to_vec(),
        4 => b"220 mail.example ESMTP\r\nEHLO me\r\n".to_vec(),
        5 => [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'a'; rng.usize(..150_000)]].concat(),
        6 => b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
        7 => b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff1\r\n".to_vec(),
        _ => messages(rng, end),
    };
    broken_somewhere(rng, bytes)
}

/// Noise behind them, a wrong byte in them, or their end missing: three of four times.
pub(super) fn broken_somewhere(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    match rng.u8(..4) {
        0 => bytes.extend(noise(rng, 3_000)),
        1 if !bytes.is_empty() => {
            let place = rng.usize(..bytes.len());
            bytes[place] = rng.u8(..);
        }
        2 => bytes.truncate(rng.usize(..=bytes.len())),
        _ => {}
    }
    bytes
}

pub(super) fn noise(rng: &mut Rng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; rng.usize(..most)];
    rng.fill(&mut bytes);
    bytes
}

fn messages(rng: &mut Rng, end: End) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..rng.usize(1..20) {
        let start = if end == End::Client { "POST /a?b HTTP/1.1\r\nHost: a" } else { "HTTP/1.1 200 OK" };
        let content = noise(rng, 20_000);
        if rng.bool() {
            bytes.extend(format!("{start}\r\nContent-Length: {}\r\n\r\n", content.len()).bytes());
            bytes.extend(content);
        } else {
            bytes.extend(format!("{start}\r\nTransfer-Encoding: chunked\r\n\r\n").bytes());
            for chunk in content.chunks(4_000) {
                bytes.extend(format!("{:x};note=\"x\"\r\n", chunk.len()).bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\nTrailer: t\r\n\r\n");
        }
    }
    bytes
}
