//! A client that sends many requests before it reads an answer, and counts every byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use crate::account::Account;
use crate::eventually::PATIENCE;
use crate::peers::{HEAD, KINDS, Kind};

/// Sends `requests` in all over `connections`, `depth` of them at a time on each, and holds every answer against its kind.
pub fn load(server: SocketAddr, connections: usize, requests: usize, depth: usize) -> Account {
    let each = requests / connections;
    assert_eq!(each * connections, requests, "the requests divide among the connections");
    let mut account = Account::default();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..connections).map(|_| scope.spawn(|| one_connection(server, each, depth))).collect();
        for client in clients {
            account += &client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    account
}

fn one_connection(server: SocketAddr, requests: usize, depth: usize) -> Account {
    let mut stream = TcpStream::connect(server).expect("the server is there");
    stream.set_nodelay(true).expect("a TCP socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
    let mut account = Account::default();
    let mut received = Vec::new();
    let mut kinds = [HEAD].into_iter().chain(KINDS).cycle();
    let mut left = requests;
    while left > 0 {
        let round: Vec<Kind> = kinds.by_ref().take(depth.min(left)).collect();
        left -= round.len();
        let text: String = round.iter().map(|kind| request(server, *kind)).collect();
        stream.write_all(text.as_bytes()).expect("requests can be sent");
        account.sent += text.len() as u64;
        for kind in round {
            let status = answer(&mut stream, &mut received, &mut account, kind);
            assert_eq!(status, kind.status, "the answer to {kind:?}");
            account.answer(kind.method, status, 1);
        }
    }
    assert!(received.is_empty(), "{} bytes that nobody asked for", received.len());
    account
}

fn request(server: SocketAddr, kind: Kind) -> String {
    let Kind { method, path, body, .. } = kind;
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\n{length}\r\n{body}")
}

/// Takes one answer off the front of what has been received, reading on as needed, and returns its status.
fn answer(stream: &mut TcpStream, received: &mut Vec<u8>, account: &mut Account, kind: Kind) -> u16 {
    loop {
        if let Some((length, status)) = whole_answer(received, kind) {
            received.drain(..length);
            return status;
        }
        let mut buffer = [0; 16 * 1024];
        let count = stream.read(&mut buffer).expect("an answer comes");
        assert!(count > 0, "the connection ended before the answer to {kind:?}");
        account.received += count as u64;
        received.extend_from_slice(&buffer[..count]);
    }
}

fn whole_answer(received: &[u8], kind: Kind) -> Option<(usize, u16)> {
    let head = received.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&received[..head]).expect("nginx writes ASCII").to_ascii_lowercase();
    let status: u16 = text.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status line");
    let announced = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let content = if kind.method == "HEAD" || status == 204 { 0 } else { announced.expect("a length") };
    (received.len() >= head + content).then_some((head + content, status))
}
