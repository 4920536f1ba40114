//! The tests' own clients and servers as a process, for where a process is needed: a cgroup has no threads of others.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "standard output is how a peer reports to the test that started it")]

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use flowfold_e2e::peers::{canned_grpc, dns, pipelining};
use flowfold_e2e::streams::{self, Suite};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["names", server] => names(address(server)),
        ["serve-names", listen] => serve_names(address(listen)),
        ["pipelining", server, connections, requests, depth] => {
            let account = pipelining::load(address(server), number(connections), number(requests), number(depth));
            println!("{}", account.to_json());
        }
        ["streams", server, seed, numbers @ ..] => {
            let numbers: Vec<u64> = numbers.iter().map(|text| text.parse().expect("a number")).collect();
            streams::play_client(address(server), Suite::any(seed.parse().expect("a seed")), &numbers);
        }
        ["dns-stub", server, mode, count, depth] => {
            let mode = if *mode == "connected" { dns::Mode::Connected } else { dns::Mode::Unconnected };
            let number = |text: &str| text.parse().expect("a small number");
            println!("{}", dns::stub(address(server), mode, number(count), number(depth)));
        }
        ["serve-grpc", listen] => canned_grpc::serve(address(listen)),
        _ => panic!("peer names | serve-names | serve-grpc | pipelining | streams | dns-stub: see main()"),
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address and a port")
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

/// Prints its own address and whom `getpeername` names after `connect`, and the content of an answer.
fn names(server: SocketAddr) {
    let mut stream = TcpStream::connect(server).expect("the server is there");
    println!("{}", stream.local_addr().expect("it is connected"));
    println!("{}", stream.peer_addr().expect("it is connected"));
    stream.write_all(b"GET /200 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("a request can be sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer comes");
    println!("{}", answer.split("\r\n\r\n").nth(1).expect("an HTTP answer"));
}

/// Answers each connection with its client as `accept` and as `getpeername` name it.
fn serve_names(listen: SocketAddr) {
    let listener = TcpListener::bind(listen).expect("the address is free");
    loop {
        let (mut stream, accepted) = listener.accept().expect("a client comes");
        let named = stream.peer_addr().map_or_else(|error| error.to_string(), |peer| peer.to_string());
        let request = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let fields = request.count();
        let content = format!("{accepted} {named}");
        let length = content.len();
        let sent = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{content}");
        if let Err(error) = sent {
            println!("{accepted}, after {fields} lines: {error}");
        }
    }
}
