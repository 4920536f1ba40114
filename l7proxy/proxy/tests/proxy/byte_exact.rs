//! Whatever goes in comes out, both ways, however it is cut: HTTP, half of HTTP, and noise.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::running::Running;

/// Streams per kind. Each is up to a few hundred kilobytes both ways.
const ROUNDS: u64 = 24;

#[test]
fn noise_arrives_as_it_was_sent() {
    for seed in 0..ROUNDS {
        let mut random = fastrand::Rng::with_seed(seed);
        let (to_server, to_client) = (noise(&mut random), noise(&mut random));
        exchange(&mut random, &to_server, &to_client);
    }
}

#[test]
fn damaged_http_arrives_as_it_was_sent() {
    for seed in 0..ROUNDS {
        let mut random = fastrand::Rng::with_seed(1_000 + seed);
        let to_server = damaged(&mut random, b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789");
        let to_client =
            damaged(&mut random, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        exchange(&mut random, &to_server, &to_client);
    }
}

fn noise(random: &mut fastrand::Rng) -> Vec<u8> {
    let length = random.usize(0..400_000);
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}

/// Many messages, with some bytes changed, dropped or doubled.
fn damaged(random: &mut fastrand::Rng, message: &[u8]) -> Vec<u8> {
    let mut stream = message.repeat(random.usize(1..300));
    for _ in 0..random.usize(0..6) {
        let place = random.usize(0..stream.len());
        match random.u8(0..3) {
            0 => stream[place] = random.u8(..),
            1 => drop(stream.remove(place)),
            _ => stream.insert(place, random.u8(..)),
        }
    }
    stream
}

fn exchange(random: &mut fastrand::Rng, to_server: &[u8], to_client: &[u8]) {
    let proxy = Running::start();
    let (client, server) = proxy.connect();
    let seeds = (random.u64(..), random.u64(..));
    std::thread::scope(|scope| {
        let reader = |stream: &TcpStream| {
            let mut stream = stream.try_clone().expect("a socket can be cloned");
            move || {
                let mut got = Vec::new();
                stream.read_to_end(&mut got).expect("the stream ends in order");
                got
            }
        };
        let at_server = scope.spawn(reader(&server));
        let at_client = scope.spawn(reader(&client));
        scope.spawn(|| send_in_pieces(&client, to_server, seeds.0));
        scope.spawn(|| send_in_pieces(&server, to_client, seeds.1));
        // Not assert_eq: a difference would print megabytes.
        assert!(at_server.join().expect("no panic") == to_server, "the server got other bytes");
        assert!(at_client.join().expect("no panic") == to_client, "the client got other bytes");
    });
    drop((client, server));
    let record = proxy.records.next();
    assert_eq!(record.to_server.total(), to_server.len() as u64);
    assert_eq!(record.to_client.total(), to_client.len() as u64);
}

fn send_in_pieces(mut stream: &TcpStream, mut bytes: &[u8], seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    while !bytes.is_empty() {
        let largest = if random.bool() { 20 } else { 50_000 };
        let (piece, rest) = bytes.split_at(random.usize(1..=largest).min(bytes.len()));
        stream.write_all(piece).expect("the bytes can be sent");
        bytes = rest;
    }
    stream.shutdown(Shutdown::Write).expect("half a close");
}
