//! Streams of bytes that no proxy expects, and both ends to hold them against.
//!
//! A [`Case`] is made from a [`Suite`] and a number, so that a client in another process and the server agree on it without
//! saying a word on the connection.

mod http1;
mod http2;

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

/// What the streams look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// HTTP/1, other protocols, and noise.
    Any,
    /// HTTP/2: frames of every type, many of them malformed.
    Http2,
}

/// Cases without end that a seed makes.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// What its streams look like.
    pub content: Content,
    /// Another seed makes other cases.
    pub seed: u64,
}

impl Suite {
    /// Cases of any content.
    pub const fn any(seed: u64) -> Self {
        Self { content: Content::Any, seed }
    }

    /// Cases of HTTP/2.
    pub const fn http2(seed: u64) -> Self {
        Self { content: Content::Http2, seed }
    }

    /// The numbers below `cases` of connections that end in order, or of those that are reset.
    pub fn numbers(self, cases: u64, reset: bool) -> Vec<u64> {
        (0..cases).filter(|number| self.case(*number).reset_by().is_some() == reset).collect()
    }

    /// The case of this number. The same suite and number always give the same one.
    pub fn case(self, number: u64) -> Case {
        let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number);
        let mut rng = Rng::with_seed(seed);
        let make = match self.content {
            Content::Any => http1::any,
            Content::Http2 => http2::any,
        };
        let from_client = make(&mut rng, End::Client);
        let mut from_server = make(&mut rng, End::Server);
        let ending = match rng.u8(..6) {
            0 | 1 => Ending::Together,
            2 => Ending::HalfClose(End::Client),
            3 => Ending::HalfClose(End::Server),
            4 => Ending::Reset(End::Client),
            _ => Ending::Reset(End::Server),
        };
        // A client that waits for nothing may be gone before a proxy has gone on to the server, which then waits for it.
        if ending == Ending::Reset(End::Client) && from_server.is_empty() {
            from_server.push(rng.u8(..));
        }
        Case { from_client, from_server, ending, seed }
    }
}

/// Plays the client's end of these cases, one connection after the other.
pub fn play_client(server: SocketAddr, suite: Suite, numbers: &[u64]) {
    for number in numbers {
        let case = suite.case(*number);
        let stream = TcpStream::connect(server).expect("the server is there");
        case.play(End::Client, &stream);
        case.close(End::Client, stream);
    }
}

/// Plays the server's end of these cases, in the order in which the client comes with them.
pub fn play_server(listener: &TcpListener, suite: Suite, numbers: &[u64]) {
    for number in numbers {
        let case = suite.case(*number);
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
            (Ending::Reset(who), _) if who == end => {
                assert!(complete, "{end:?} {self}: {} of {} bytes came, then {ended:?}", bytes.len(), expects.len());
            }
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::{End, Suite, play_client, play_server};

    #[test]
    fn a_client_that_resets_has_heard_from_the_server() {
        for suite in [Suite::any(1), Suite::http2(1)] {
            let cases = (0..2_000).map(|number| suite.case(number));
            let by_client: Vec<_> = cases.filter(|case| case.reset_by() == Some(End::Client)).collect();
            assert!(by_client.len() > 100, "{}", by_client.len());
            assert!(by_client.iter().all(|case| case.bytes().1 > 0));
        }
    }

    #[test]
    fn both_ends_agree_where_nothing_is_between_them() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        for suite in [Suite::any(1), Suite::http2(1)] {
            let all = [suite.numbers(60, false), suite.numbers(60, true)].concat();
            thread::scope(|scope| {
                scope.spawn(|| play_server(&listener, suite, &all));
                play_client(address, suite, &all);
            });
            assert_eq!(all.len(), 60);
        }
    }
}
