//! A server whose answers take as long as their paths say.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::netns::Netns;

/// A server for a number of connections, each with one request for `/WAITms`.
#[derive(Debug)]
pub struct WaitingServer(JoinHandle<Vec<Vec<String>>>);

impl WaitingServer {
    /// Listens at an address of the namespace.
    pub fn start(netns: &Netns, address: SocketAddr, requests: usize) -> Self {
        let listener = netns.run(|| TcpListener::bind(address)).expect("the address is free");
        // the socket belongs to its namespace, whichever thread uses it
        Self(thread::spawn(move || listener.incoming().take(requests).flat_map(|taken| serve(taken?)).collect()))
    }

    /// Waits until it has had all its requests, and returns the lines of each.
    pub fn finish(self) -> Vec<Vec<String>> {
        self.0.join().expect("the server had no trouble")
    }
}

fn serve(mut stream: TcpStream) -> std::io::Result<Vec<String>> {
    let lines = BufReader::new(stream.try_clone()?).lines();
    let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let wait = head.first().and_then(|line| line.split(['/', 'm']).nth(1)?.parse().ok());
    thread::sleep(Duration::from_millis(wait.expect("a path that says how long")));
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\ndone\n")?;
    Ok(head)
}
