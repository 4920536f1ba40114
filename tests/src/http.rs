//! The least of an HTTP client: for scrapes and for requests whose sockets a test wants to look at.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::eventually::PATIENCE;

/// An answer, head and content apart.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Status line and fields as they came.
    pub head: String,
    /// The content, as it came.
    pub body: Vec<u8>,
    /// The client's own address of the connection.
    pub local: SocketAddr,
}

impl Answer {
    /// The content as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Asks for a path on a connection of its own. Call it inside of the namespace that can reach the address.
pub fn get(address: SocketAddr, path: &str) -> std::io::Result<Answer> {
    request(address, path, &[], PATIENCE)
}

/// Asks for a path with more fields, and waits no longer than `patience` for each read.
pub fn request(address: SocketAddr, path: &str, fields: &[&str], patience: Duration) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(head.as_bytes())?;
    let mut received = Vec::new();
    stream.read_to_end(&mut received)?;
    let local = stream.local_addr()?;
    parse(&received, local).ok_or_else(|| std::io::Error::other(format!("no HTTP answer: {} bytes", received.len())))
}

fn parse(received: &[u8], local: SocketAddr) -> Option<Answer> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = &received[end + 4..];
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunk(body)? } else { body.to_vec() };
    Some(Answer { status, head, body, local })
}

fn unchunk(mut framed: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let line = framed.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&framed[..line]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(content);
        }
        content.extend_from_slice(framed.get(line + 2..line + 2 + size)?);
        framed = framed.get(line + 2 + size + 2..)?;
    }
}
