//! Clients that would make a reader of HTTP/2 keep or do too much: memory stays bounded, bytes arrive, others are served.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flowfold_e2e::agent::Agent;
use flowfold_e2e::eventually::PATIENCE;
use flowfold_e2e::http;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::world::{Family, World};

use crate::{Test, privileged};

pub(crate) const TESTS: &[Test] = &[privileged("hostile_http2::memory_stays_bounded", memory_stays_bounded)];

/// How long each attack goes on.
const TIME: Duration = Duration::from_millis(1_200);

/// What the agent may grow by over all attacks. Many times more than that is sent.
const MOST_MEMORY: f64 = 16.0 * 1024.0 * 1024.0;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const NEVER_HEARD_OF: u8 = 0xbe;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// `GET http://a/`
const GET: &[u8] = b"\x82\x86\x84\x41\x01a";

/// `POST http://a/` of gRPC.
const POST: &[u8] = b"\x83\x86\x84\x41\x01a\x0f\x10\x10application/grpc";

/// What an attacker sends: what comes once, and what comes again and again, made from the round's number.
struct Attack {
    name: &'static str,
    once: fn(&mut Vec<u8>),
    again: fn(&mut Vec<u8>, u32),
}

const ATTACKS: [Attack; 6] = [
    Attack { name: "rapid reset", once: |_| {}, again: rapid_reset },
    Attack { name: "streams that never end", once: |_| {}, again: open_stream },
    Attack {
        name: "endless CONTINUATION",
        once: |bytes| frame(bytes, HEADERS, END_STREAM, 1, GET),
        again: |bytes, round| frame(bytes, CONTINUATION, 0, 1, &many_fields(round)),
    },
    Attack {
        name: "a message of 4 GiB",
        once: |bytes| {
            frame(bytes, HEADERS, END_HEADERS, 1, POST);
            frame(bytes, DATA, 0, 1, b"\x00\xff\xff\xff\xff");
        },
        again: |bytes, _| frame(bytes, DATA, 0, 1, &[b'x'; 16_384]),
    },
    Attack {
        name: "frames of 16 MiB",
        once: |_| {},
        again: |bytes, round| {
            let kind = if round.is_multiple_of(2) { DATA } else { NEVER_HEARD_OF };
            bytes.extend([0xff, 0xff, 0xff, kind, 0, 0, 0, 0, 1]);
            bytes.extend(std::iter::repeat_n(b'x', 0x00ff_ffff));
        },
    },
    Attack { name: "table churn", once: |_| {}, again: table_churn },
];

fn rapid_reset(bytes: &mut Vec<u8>, round: u32) {
    let stream = 2 * round + 1;
    frame(bytes, HEADERS, END_HEADERS | END_STREAM, stream, GET);
    frame(bytes, RST_STREAM, 0, stream, &[0, 0, 0, 8]);
}

fn open_stream(bytes: &mut Vec<u8>, round: u32) {
    frame(bytes, HEADERS, END_HEADERS, 2 * round + 1, POST);
}

/// Fields that ask to be kept in the table, each with a name that was not there before.
fn many_fields(round: u32) -> Vec<u8> {
    let mut block = Vec::new();
    for number in 0..400 {
        block.extend(format!("\x40\x10{round:08x}{number:08x}\x10{number:016}").bytes());
    }
    block
}

/// The table as large as the server allows (which is 4 GiB), filled, emptied, and so on.
fn table_churn(bytes: &mut Vec<u8>, round: u32) {
    let mut block = vec![0x3f, 0xe0, 0xff, 0xff, 0xff, 0x0f];
    block.extend_from_slice(GET);
    block.extend(many_fields(round));
    if round.is_multiple_of(3) {
        // sizes may change at the front of a block only, so this makes the block wrong: whoever reads it must live on
        block.push(0x20);
    }
    frame(bytes, HEADERS, END_HEADERS | END_STREAM, 2 * round + 1, &block);
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, content: &[u8]) {
    bytes.extend(&u32::try_from(content.len()).expect("it is small").to_be_bytes()[1..]);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(content);
}

fn memory_stays_bounded() {
    let world = World::new();
    let _nginx = Nginx::start(&world, &[9081]);
    // one worker, so that attacks and requests are on the same one
    let rules = "<Ingress/9080/TCP/AUTO>,<Ingress/9081/TCP/HTTP>";
    let agent = Agent::steering_with(&world, rules, &["--workers", "1"]);
    let (victim, bystander) = (world.host_address(Family::V4, 9080), world.host_address(Family::V4, 9081));
    let listener = world.host.run(|| TcpListener::bind(victim)).expect("the port is free");
    let quiet = world.client.run(|| ask_for(bystander, &AtomicBool::new(false), TIME / 2));
    report(&format!("{:<24} p99 of others {:>7.2} ms", "no attack", quiet.as_secs_f64() * 1e3));
    let resident = || agent.scrape().sum("process_resident_memory_bytes", &[]);
    let before = resident();
    for attack in &ATTACKS {
        let over = AtomicBool::new(false);
        let (sent, arrived, p99) = thread::scope(|scope| {
            let sink = scope.spawn(|| swallow(&listener));
            let others = scope.spawn(|| world.client.run(|| ask_for(bystander, &over, PATIENCE)));
            let sent = world.client.run(|| send(victim, attack));
            over.store(true, Ordering::Relaxed);
            (sent, sink.join().expect("the server has no trouble"), others.join().expect("all are answered"))
        });
        assert_eq!(arrived, sent, "{}: every byte arrives", attack.name);
        let grown = resident() - before;
        report(&format!(
            "{:<24} p99 of others {:>7.2} ms, {:>6} MiB sent, memory {:+.1} MiB",
            attack.name,
            p99.as_secs_f64() * 1e3,
            sent >> 20,
            grown / 1_048_576.0
        ));
        assert!(sent > 1 << 20, "{}: {sent} bytes are no attack", attack.name);
        assert!(grown < MOST_MEMORY, "{}: the agent grew by {grown} bytes", attack.name);
    }
    agent.stop();
}

/// Attacks for a while and returns how many bytes that took.
fn send(victim: SocketAddr, attack: &Attack) -> u64 {
    let mut stream = TcpStream::connect(victim).expect("the server is there");
    stream.set_write_timeout(Some(PATIENCE)).expect("a TCP socket");
    let mut bytes = PREFACE.to_vec();
    frame(&mut bytes, SETTINGS, 0, 0, &[]);
    (attack.once)(&mut bytes);
    let (mut sent, start, mut round) = (0, Instant::now(), 0);
    while start.elapsed() < TIME {
        while bytes.len() < 64 * 1024 {
            (attack.again)(&mut bytes, round);
            round += 1;
        }
        stream.write_all(&bytes).expect("it is taken");
        sent += bytes.len() as u64;
        bytes.clear();
    }
    stream.shutdown(Shutdown::Write).expect("it is open");
    // the other side is closed when everything has arrived
    let mut rest = Vec::new();
    stream.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
    stream.read_to_end(&mut rest).expect("the server ends in order");
    sent
}

/// A server that allows everything, reads everything, and answers nothing. Returns how many bytes came.
fn swallow(listener: &TcpListener) -> u64 {
    let (mut stream, _) = listener.accept().expect("a client comes");
    let mut greeting = Vec::new();
    // SETTINGS_HEADER_TABLE_SIZE (1) and SETTINGS_MAX_FRAME_SIZE (5), as large as they can be
    frame(&mut greeting, SETTINGS, 0, 0, b"\x00\x01\xff\xff\xff\xff\x00\x05\x00\xff\xff\xff");
    stream.write_all(&greeting).expect("it is open");
    let (mut buffer, mut arrived) = (vec![0; 256 * 1024], 0);
    loop {
        match stream.read(&mut buffer).expect("it is open") {
            0 => return arrived,
            count => arrived += count as u64,
        }
    }
}

/// Makes requests, each on a connection of its own, until they are over, and returns the 99th percentile of their time.
fn ask_for(server: SocketAddr, over: &AtomicBool, most: Duration) -> Duration {
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed() < most && !over.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let answer = http::get(server, "/200").expect("others are served");
        assert_eq!(answer.status, 200);
        times.push(asked.elapsed());
    }
    assert!(times.len() > 10, "{} requests tell nothing", times.len());
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

#[expect(clippy::print_stderr, reason = "timings are shown, not judged")]
fn report(text: &str) {
    eprintln!("hostile_http2: {text}");
}
