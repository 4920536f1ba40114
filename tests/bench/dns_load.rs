//! Asks a DNS server through some sockets: as fast as it answers, with some lookups at once on each, or at a given rate,
//! whatever the answers take.
//!
//!   dns_load SERVER SOCKETS AT_ONCE SECONDS NAME:TYPE...
//!   dns_load SERVER SOCKETS RATE/s SECONDS NAME:TYPE...
//!
//! Prints one line of JSON. The standard library is all it needs: the bench compiles it by itself.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, io, thread};

/// What is not answered by then is lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often somebody who waits for answers looks whether more are to come.
const LOOK: Duration = Duration::from_millis(50);

/// What one socket saw.
#[derive(Default)]
struct Seen {
    /// Nanoseconds.
    took: Vec<u64>,
    lost: usize,
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [server, sockets, pace, seconds, questions @ ..] = &arguments[..] else {
        panic!("dns_load SERVER SOCKETS AT_ONCE|RATE/s SECONDS NAME:TYPE...")
    };
    let server: SocketAddr = server.parse().expect("an address and a port");
    let sockets: u32 = sockets.parse().expect("how many sockets");
    let rate = pace.strip_suffix("/s").map(|rate| rate.parse::<u32>().expect("how many lookups a second"));
    let at_once: u16 = if rate.is_some() { 0 } else { pace.parse().expect("how many lookups at once") };
    let questions: Vec<Vec<u8>> = questions.iter().map(|text| question(text)).collect();
    let begins = Instant::now();
    let ends = begins + Duration::from_secs(seconds.parse().expect("how many seconds"));
    let threads: Vec<_> = (0..sockets)
        .map(|number| {
            let questions = questions.clone();
            thread::spawn(move || match rate {
                Some(rate) => {
                    let between = Duration::from_secs(1) / rate;
                    paced(server, begins + between * number, between * sockets, ends, &questions)
                }
                None => load(server, at_once, ends, &questions),
            })
        })
        .collect();
    let mut all = Seen::default();
    for thread in threads {
        let seen = thread.join().expect("no thread fails");
        all.took.extend(seen.took);
        all.lost += seen.lost;
    }
    // at a given rate, the last look for answers is not part of the load
    let elapsed = if rate.is_some() { ends.duration_since(begins) } else { begins.elapsed() }.as_secs_f64();
    all.took.sort_unstable();
    let at = |share: f64| all.took.get((all.took.len() as f64 * share) as usize).map_or(0.0, |took| *took as f64 / 1e3);
    println!(
        r#"{{"requests": {}, "failed": {}, "seconds": {elapsed}, "p50_us": {}, "p99_us": {}}}"#,
        all.took.len(),
        all.lost,
        at(0.5),
        at(0.99)
    );
}

/// A question without its id: RFC 1035 section 4.1.
fn question(text: &str) -> Vec<u8> {
    let (name, kind) = text.split_once(':').expect("NAME:TYPE");
    let mut message = b"\0\0\x01\0\0\x01\0\0\0\0\0\0".to_vec();
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).expect("a label is short"));
        message.extend(label.as_bytes());
    }
    let kind: u16 = kind.parse().expect("the number of a type of records");
    message.push(0);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    message
}

fn connected(server: SocketAddr, timeout: Duration) -> UdpSocket {
    let socket = UdpSocket::bind(if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).expect("a free port");
    socket.connect(server).expect("a way to the server");
    socket.set_read_timeout(Some(timeout)).expect("a UDP socket");
    socket
}

/// Asks a question every so often. A lookup takes from the moment at which it is sent: a sleep that is too long is not the
/// server's, and what was due meanwhile is sent at once.
fn paced(server: SocketAddr, begins: Instant, every: Duration, ends: Instant, questions: &[Vec<u8>]) -> Seen {
    let socket = connected(server, LOOK);
    // when each was sent, by its id, in nanoseconds; 0: it waits for no answer
    let asked: Vec<AtomicU64> = (0..=u16::MAX).map(|_| AtomicU64::new(0)).collect();
    let now = || u64::try_from(begins.elapsed().as_nanos()).expect("not for centuries").max(1);
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut questions: Vec<Vec<u8>> = questions.to_vec();
            let (mut due, mut sent) = (begins, 0);
            while due < ends {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                let id = (sent & usize::from(u16::MAX)) as u16;
                let count = questions.len();
                let message = &mut questions[sent % count];
                message[..2].copy_from_slice(&id.to_be_bytes());
                asked[usize::from(id)].store(now(), Ordering::Release);
                socket.send(message).expect("a question can be sent");
                sent += 1;
                due += every;
            }
            sent
        });
        let mut seen = Seen::default();
        let mut buffer = [0; 2048];
        let mut last = Instant::now();
        loop {
            match socket.recv(&mut buffer) {
                Ok(_) => {
                    let id = usize::from(u16::from_be_bytes([buffer[0], buffer[1]]));
                    let sent_at = asked[id].swap(0, Ordering::Acquire);
                    assert_ne!(sent_at, 0, "one answer for each question");
                    seen.took.push(now() - sent_at);
                    last = Instant::now();
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    let is_waiting = asked.iter().any(|sent_at| sent_at.load(Ordering::Acquire) != 0);
                    if sender.is_finished() && (!is_waiting || last.elapsed() > PATIENCE) {
                        break;
                    }
                }
                Err(error) => panic!("an answer should come: {error}"),
            }
        }
        // A server that had no core for some milliseconds drops what has no room: as for any client, its lookup takes until it
        // is given up.
        seen.took.resize(sender.join().expect("the sender does not fail"), PATIENCE.as_nanos() as u64);
        seen
    })
}

/// Keeps so many lookups under way. The id of each is its place in the table of those that wait.
fn load(server: SocketAddr, at_once: u16, ends: Instant, questions: &[Vec<u8>]) -> Seen {
    let socket = connected(server, PATIENCE);
    let mut questions: Vec<Vec<u8>> = questions.to_vec();
    let mut next = 0;
    let mut ask = |id: u16| {
        let count = questions.len();
        let message = &mut questions[next % count];
        next += 1;
        message[..2].copy_from_slice(&id.to_be_bytes());
        let asked = Instant::now();
        socket.send(message).expect("a question can be sent");
        asked
    };
    let mut waiting: Vec<Option<Instant>> = (0..at_once).map(|id| Some(ask(id))).collect();
    let mut seen = Seen::default();
    let mut buffer = [0; 2048];
    while waiting.iter().any(Option::is_some) {
        match socket.recv(&mut buffer) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                seen.lost += waiting.iter().flatten().count();
                return seen;
            }
            Err(error) => panic!("an answer should come: {error}"),
        }
        let now = Instant::now();
        let id = u16::from_be_bytes([buffer[0], buffer[1]]);
        let place = &mut waiting[usize::from(id)];
        let asked = place.take().expect("one answer for each question");
        seen.took.push((now - asked).as_nanos().try_into().expect("not for centuries"));
        if now < ends {
            *place = Some(ask(id));
        }
    }
    seen
}
