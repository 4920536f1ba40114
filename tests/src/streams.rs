//! Streams of bytes that no proxy expects, and both ends to hold them against.
//!
//! A [`Case`] is made from a seed and a number, so that a client in another process and the server agree on it without
//! saying a word on the connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;

use fastrand::Rng;
use socket2::SockRef;

use crate::eventually::PATIENCE;

/// Which end of a connection somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The one that connected.
    Client,
    /// The one that accepted.
    Server,
}

/// How a connection comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Both ends send what they have and close their side.
    Together,
    /// This end closes its side first; the other sends the second half of its stream only after it has seen that.
    HalfClose(End),
    /// This end resets the connection when it has received everything.
    Reset(End),
}

/// The numbers below `cases` of connections that end in order, or of those that are reset.
pub fn numbers(seed: u64, cases: u64, reset: bool) -> Vec<u64> {
    (0..cases).filter(|number| Case::numbered(seed, *number).reset_by().is_some() == reset).collect()
}

/// Plays the client's end of these cases, one connection after the other.
pub fn play_client(server: SocketAddr, seed: u64, numbers: &[u64]) {
    for number in numbers {
        let case = Case::numbered(seed, *number);
        let stream = TcpStream::connect(server).expect("the server is there");
        case.play(End::Client, &stream);
        case.close(End::Client, stream);
    }
}

/// Plays the server's end of these cases, in the order in which the client comes with them.
pub fn play_server(listener: &TcpListener, seed: u64, numbers: &[u64]) {
    for number in numbers {
        let case = Case::numbered(seed, *number);
        let (stream, _) = listener.accept().expect("a client comes");
        case.play(End::Server, &stream);
        case.close(End::Server, stream);
    }
}

/// One connection: what each end sends, and how it ends.
#[derive(Debug)]
pub struct Case {
    from_client: Vec<u8>,
    from_server: Vec<u8>,
    ending: Ending,
    seed: u64,
}

impl Case {
    /// The case of this number. The same seed and number always give the same one.
    pub fn numbered(seed: u64, number: u64) -> Self {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number);
        let mut rng = Rng::with_seed(seed);
        let from_client = stream(&mut rng, End::Client);
        let from_server = stream(&mut rng, End::Server);
        let ending = match rng.u8(..6) {
            0 | 1 => Ending::Together,
            2 => Ending::HalfClose(End::Client),
            3 => Ending::HalfClose(End::Server),
            4 => Ending::Reset(End::Client),
            _ => Ending::Reset(End::Server),
        };
        Self { from_client, from_server, ending, seed }
    }

    /// Which end resets the connection, if one does. Bytes that a reset overtakes may never arrive.
    pub fn reset_by(&self) -> Option<End> {
        match self.ending {
            Ending::Reset(end) => Some(end),
            Ending::HalfClose(_) | Ending::Together => None,
        }
    }

    /// Bytes that the client and the server send.
    pub fn bytes(&self) -> (u64, u64) {
        (self.from_client.len() as u64, self.from_server.len() as u64)
    }

    /// Plays one end on a connection, and panics where anything arrives other than it was sent.
    pub fn play(&self, end: End, stream: &TcpStream) {
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a TCP socket");
        let (sends, expects) = match end {
            End::Client => (&self.from_client, &self.from_server),
            End::Server => (&self.from_server, &self.from_client),
        };
        let (tell, peer_has_closed) = channel::<()>();
        let (received, finish) = thread::scope(|scope| {
            let writer = scope.spawn(move || {
                let mut cuts = Rng::with_seed(self.seed ^ end as u64);
                let (before, after) = sends.split_at(self.sent_at_once(end));
                send_in_pieces(stream, before, &mut cuts)?;
                if self.ending == Ending::HalfClose(other(end)) {
                    let word = peer_has_closed.recv();
                    debug_assert!(
                        word.is_err(),
                        "the reader never says anything: it hangs up when it has seen the end"
                    );
                    send_in_pieces(stream, after, &mut cuts)?;
                }
                if matches!(self.ending, Ending::Reset(_)) { Ok(()) } else { stream.shutdown(Shutdown::Write) }
            });
            let received = self.receive(end, stream, expects.len());
            drop(tell);
            (received, writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        self.judge(end, &received, finish, expects);
    }

    /// How much an end sends without waiting for the other to close its side.
    fn sent_at_once(&self, end: End) -> usize {
        let all = if end == End::Client { self.from_client.len() } else { self.from_server.len() };
        if self.ending == Ending::HalfClose(other(end)) { all / 2 } else { all }
    }

    /// Reads to the end of the stream; the end that resets does so when it has all it expects.
    fn receive(&self, end: End, mut stream: &TcpStream, expected: usize) -> (Vec<u8>, io::Result<()>) {
        let mut received = Vec::new();
        let mut buffer = vec![0; 32 * 1024];
        loop {
            if self.ending == Ending::Reset(end) && received.len() >= expected {
                return (received, Ok(()));
            }
            match stream.read(&mut buffer) {
                Ok(0) => return (received, Ok(())),
                Ok(count) => received.extend_from_slice(&buffer[..count]),
                Err(error) => return (received, Err(error)),
            }
        }
    }

    fn judge(&self, end: End, received: &(Vec<u8>, io::Result<()>), sent: io::Result<()>, expects: &[u8]) {
        let (bytes, ended) = received;
        let arrived = expects.starts_with(bytes);
        assert!(arrived, "{end:?} {self}: of {} bytes, {} came, and not as sent", expects.len(), bytes.len());
        let complete = bytes.len() == expects.len();
        match (self.ending, ended) {
            (Ending::Reset(who), _) if who == end => assert!(complete, "{end:?} {self}: not all came"),
            (Ending::Reset(_), Err(error)) if error.kind() == ErrorKind::ConnectionReset => {}
            (Ending::Reset(_), other) => panic!("{end:?} {self}: a reset should have come, not {other:?}"),
            (_, Ok(())) => {
                assert!(complete, "{end:?} {self}: {} of {} bytes came", bytes.len(), expects.len());
                sent.unwrap_or_else(|error| panic!("{end:?} {self}: sending: {error}"));
            }
            (_, Err(error)) => panic!("{end:?} {self}: receiving after {} bytes: {error}", bytes.len()),
        }
    }

    /// Closes the connection after [`Case::play`] the way the case wants it.
    pub fn close(&self, end: End, stream: TcpStream) {
        if self.ending == Ending::Reset(end) {
            SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).expect("a TCP socket");
        }
        drop(stream);
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (client, server) = (self.from_client.len(), self.from_server.len());
        write!(formatter, "in case {:#x} ({client} and {server} bytes, {:?})", self.seed, self.ending)
    }
}

fn other(end: End) -> End {
    if end == End::Client { End::Server } else { End::Client }
}

/// Writes in pieces of random length; small ones often go out as packets of their own.
fn send_in_pieces(mut stream: &TcpStream, mut bytes: &[u8], rng: &mut Rng) -> io::Result<()> {
    while !bytes.is_empty() {
        let most = [3, 70, 2_000, 60_000][rng.usize(..4)];
        let (piece, rest) = bytes.split_at(rng.usize(1..=most).min(bytes.len()));
        stream.write_all(piece)?;
        if rng.u8(..4) == 0 {
            thread::yield_now();
        }
        bytes = rest;
    }
    Ok(())
}

/// What an end may send: nothing, noise, messages, and messages that are broken somewhere.
fn stream(rng: &mut Rng, end: End) -> Vec<u8> {
    let mut bytes = match rng.u8(..12) {
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

fn noise(rng: &mut Rng, most: usize) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::{numbers, play_client, play_server};

    #[test]
    fn both_ends_agree_where_nothing_is_between_them() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let all = [numbers(1, 60, false), numbers(1, 60, true)].concat();
        thread::scope(|scope| {
            scope.spawn(|| play_server(&listener, 1, &all));
            play_client(address, 1, &all);
        });
        assert_eq!(all.len(), 60);
    }
}
