//! A gRPC server for benchmarks: it answers every call with the same message, and does nearly nothing for it.
//!
//! It reads frames, not headers, so what is measured is the client and whatever is between them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
const FRAME_HEADER: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const ACK: u8 = 0x1;

/// `:status: 200` by index, `content-type: application/grpc` by the index of its name (RFC 7541, appendix A).
const HEAD: &[u8] = b"\x88\x0f\x10\x10application/grpc";

/// One message of 16 bytes, not compressed.
const MESSAGE: &[u8; 21] = b"\x00\x00\x00\x00\x10\x0a\x0ea small answer";

/// What a message takes of the window.
const COST: i64 = 21;

/// `grpc-status: 0`.
const TRAILERS: &[u8] = b"\x00\x0bgrpc-status\x010";

/// The largest window of flow control (RFC 9113, section 6.9.1).
const WINDOW: u32 = 0x7fff_ffff;

/// What every connection begins with at the server's side: a large window for each stream, and for the connection.
fn greeting() -> Vec<u8> {
    let mut bytes = Vec::new();
    let stream_window = [&[0, 4][..], &WINDOW.to_be_bytes()].concat();
    frame(&mut bytes, SETTINGS, 0, 0, &stream_window);
    frame(&mut bytes, WINDOW_UPDATE, 0, 0, &(WINDOW - 0xffff).to_be_bytes());
    bytes
}

/// Serves for as long as the process lives..
pub fn serve(listen: SocketAddr) {
    let listener = TcpListener::bind(listen).expect("the address is free");
    for stream in listener.incoming().flatten() {
        // a thread needs little here, and the idle part of a benchmark makes thousands
        let started = thread::Builder::new().stack_size(64 * 1024).spawn(move || {
            // a client that goes away is a client's business
            drop(Connection::default().run(stream));
        });
        started.expect("a thread can be started");
    }
}

#[derive(Debug, Default)]
struct Connection {
    received: Vec<u8>,
    answer: Vec<u8>,
    /// Content that has come since the client was last told that it may send more.
    taken: u32,
    /// What the connection may still send, less what it has sent.
    window: i64,
    /// Streams whose answers wait for the window.
    waiting: Vec<u32>,
}

impl Connection {
    fn run(mut self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        stream.write_all(&greeting())?;
        self.window = 0xffff;
        let mut preface = [0; PREFACE];
        stream.read_exact(&mut preface)?;
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = stream.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            self.received.extend_from_slice(&buffer[..count]);
            let mut done = 0;
            while let Some(length) = whole_frame(&self.received[done..]) {
                self.take(done, length);
                done += length;
            }
            self.received.drain(..done);
            stream.write_all(&self.answer)?;
            self.answer.clear();
        }
    }

    fn take(&mut self, start: usize, length: usize) {
        let (head, content) = self.received[start..start + length].split_at(FRAME_HEADER);
        let (kind, flags) = (head[3], head[4]);
        let stream = number(&head[5..]) & WINDOW;
        match kind {
            SETTINGS if flags & ACK == 0 => frame(&mut self.answer, SETTINGS, ACK, 0, &[]),
            PING if flags & ACK == 0 => frame(&mut self.answer, PING, ACK, 0, content),
            WINDOW_UPDATE if stream == 0 => {
                self.window += i64::from(number(content));
                for stream in std::mem::take(&mut self.waiting) {
                    self.answer(stream);
                }
            }
            DATA | HEADERS => {
                self.taken += if kind == DATA { u32::try_from(content.len()).unwrap_or(0) } else { 0 };
                if self.taken > WINDOW / 4 {
                    frame(&mut self.answer, WINDOW_UPDATE, 0, 0, &self.taken.to_be_bytes());
                    self.taken = 0;
                }
                if flags & END_STREAM != 0 {
                    self.answer(stream);
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self, stream: u32) {
        if self.window < COST {
            self.waiting.push(stream);
            return;
        }
        self.window -= COST;
        frame(&mut self.answer, HEADERS, END_HEADERS, stream, HEAD);
        frame(&mut self.answer, DATA, 0, stream, MESSAGE);
        frame(&mut self.answer, HEADERS, END_HEADERS | END_STREAM, stream, TRAILERS);
    }
}

/// The length of the frame at the front, if all of it is there.
fn whole_frame(bytes: &[u8]) -> Option<usize> {
    let length = usize::try_from(number(bytes.get(..4)?) >> 8).ok()? + FRAME_HEADER;
    (bytes.len() >= length).then_some(length)
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, content: &[u8]) {
    bytes.extend(&u32::try_from(content.len()).expect("frames of ours are small").to_be_bytes()[1..]);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(content);
}
