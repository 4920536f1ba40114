//! A server that waits for a word in the middle of its answer.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::eventually::PATIENCE;
use crate::netns::Netns;

/// What it answers with, in two halves.
pub const CONTENT: (&str, &str) = ("the first half, ", "and the second");

/// A server for one connection.
#[derive(Debug)]
pub struct SlowServer {
    go_on: Sender<()>,
    half_way: Receiver<()>,
    thread: JoinHandle<()>,
}

impl SlowServer {
    /// Listens at an address of the namespace.
    pub fn start(netns: &Netns, address: SocketAddr) -> Self {
        let listener = netns.run(|| TcpListener::bind(address)).expect("the address is free");
        let (go_on, word) = channel();
        let (tell, half_way) = channel();
        // the socket belongs to its namespace, whichever thread uses it
        let thread = std::thread::spawn(move || serve(&listener, &word, &tell));
        Self { go_on, half_way, thread }
    }

    /// Waits until the first half of the answer is on its way.
    pub fn wait_half_way(&self) {
        self.half_way.recv_timeout(PATIENCE).expect("a request comes");
    }

    /// Lets it send the second half, and waits until it has.
    pub fn finish(self) {
        self.go_on.send(()).expect("it waits");
        self.thread.join().expect("the server had no trouble");
    }
}

fn serve(listener: &TcpListener, word: &Receiver<()>, tell: &Sender<()>) {
    let (mut stream, _) = listener.accept().expect("a client comes");
    let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
    while lines.next().is_some_and(|line| line.is_ok_and(|text| !text.is_empty())) {}
    let (first, second) = CONTENT;
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{first}", first.len() + second.len()).expect("half");
    tell.send(()).expect("the test is there");
    // a test that hangs up wants no more
    if word.recv_timeout(2 * PATIENCE).is_ok() {
        write!(stream, "{second}").expect("the other half");
    }
}
