//! dnsmasq as the server, and a stub of our own that asks much at once.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;

use crate::eventually::{PATIENCE, eventually};
use crate::netns::Netns;
use crate::process::{Launch, Process};
use crate::world::{Family, World};

/// A name that has an address of each kind.
pub const NAME: &str = "www.example.test";
/// A name whose TXT record is longer than a datagram of 1232 bytes, and shorter than one of 4096.
pub const LONG_NAME: &str = "long.example.test";
/// A name that has the addresses of the client's side of the world.
pub const SERVED: &str = "api.payments.test";
/// An alias of that.
pub const ALIAS: &str = "shop.example.test";
/// A name that is not there.
pub const GONE: &str = "gone.example.test";

/// dnsmasq, which logs every question.
#[derive(Debug)]
pub struct Dnsmasq {
    process: Process,
    log: PathBuf,
}

impl Dnsmasq {
    /// Starts it on the client's side of the world, at port 53 of all addresses there.
    pub fn start(world: &World) -> Self {
        Self::start_by(world, world.remote("dnsmasq"), &world.client)
    }

    /// Starts it on the host, at port 53 of all addresses there. It is none of the steered processes.
    pub fn start_on_host(world: &World) -> Self {
        Self::start_by(world, world.beside("dnsmasq"), &world.host)
    }

    fn start_by(world: &World, launch: Launch, place: &Netns) -> Self {
        let log = world.directory().join("dnsmasq.log");
        let text = (0..8).map(|part| format!("{part}").repeat(250)).collect::<Vec<_>>().join(",");
        let own = |family| world.client_address(family, 53).ip();
        let command = launch
            .args([
                "--keep-in-foreground",
                "--no-resolv",
                "--no-hosts",
                "--conf-file=/dev/null",
                "--user=root",
                "--port=53",
            ])
            .args(["--pid-file=", "--local=/test/", "--edns-packet-max=4096", "--log-queries", "--cache-size=0"])
            .arg(format!("--log-facility={}", log.display()))
            .arg(format!("--host-record={NAME},192.0.2.7,2001:db8::7"))
            .arg(format!("--host-record={SERVED},{},{}", own(Family::V4), own(Family::V6)))
            .arg(format!("--cname={ALIAS},{SERVED}"))
            .arg(format!("--txt-record={LONG_NAME},{text}"));
        let process = command.start(world.directory(), "dnsmasq");
        let dnsmasq = Self { process, log };
        let server = world.loopback(Family::V4, 53);
        place.run(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").expect("a free port");
            socket.set_read_timeout(Some(std::time::Duration::from_millis(100))).expect("a UDP socket");
            eventually("dnsmasq to answer", || {
                socket.send_to(&query(0, 16, "ready.test"), server).ok()?;
                socket.recv(&mut [0; 512]).ok()
            });
        });
        dnsmasq
    }

    /// How many questions of each type it was asked, but for those by which it was waited for.
    pub fn asked(&self) -> BTreeMap<String, u64> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let mut asked = BTreeMap::new();
        for line in log.lines().filter(|line| !line.contains(" ready.test ")) {
            let kind = line.split_once("query[").and_then(|(_, rest)| rest.split_once(']')).map(|(kind, _)| kind);
            if let Some(kind) = kind {
                *asked.entry(kind.to_owned()).or_insert(0) += 1;
            }
        }
        asked
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

/// dig, which asks once and waits for two seconds.
pub fn dig(launch: Launch, server: SocketAddr, question: &[&str]) -> String {
    let command = launch.arg(format!("@{}", server.ip())).args(["-p", &server.port().to_string()]);
    let output = command.args(["+tries=1", "+time=2"]).args(question).output();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A question with this id for a type of records (RFC 1035 section 4.1).
pub fn query(id: u16, kind: u16, name: &str) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).expect("a label is short"));
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    message
}

/// How a stub's socket is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Connected, as most resolvers do it.
    Connected,
    /// Not connected: each datagram names its destination, and each answer its source.
    Unconnected,
}

/// Asks for the address of [`NAME`] `count` times over one socket, `depth` at a time, and holds each answer to be the one
/// to its question and to come from where it was asked. Returns how many came.
pub fn stub(server: SocketAddr, mode: Mode, count: u16, depth: u16) -> u16 {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).expect("a free port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a UDP socket");
    if mode == Mode::Connected {
        socket.connect(server).expect("a way to the server");
        assert_eq!(socket.peer_addr().expect("it is connected"), server);
    }
    let kind = if server.is_ipv4() { 1 } else { 28 };
    let ask = |id| match mode {
        Mode::Connected => socket.send(&query(id, kind, NAME)),
        Mode::Unconnected => socket.send_to(&query(id, kind, NAME), server),
    };
    let (mut asked, mut answered) = (0, 0);
    let mut waiting = vec![false; usize::from(count)];
    let mut buffer = [0; 2048];
    while answered < count {
        while asked < count && asked - answered < depth {
            ask(asked).expect("a question can be sent");
            waiting[usize::from(asked)] = true;
            asked += 1;
        }
        let (length, from) = socket.recv_from(&mut buffer).expect("an answer comes");
        assert_eq!(from, server);
        let question = query(0, kind, NAME).split_off(12);
        assert_eq!(&buffer[12..12 + question.len()], question, "{length} bytes");
        let id = u16::from_be_bytes([buffer[0], buffer[1]]);
        assert!(std::mem::take(&mut waiting[usize::from(id)]), "a second answer to {id}");
        answered += 1;
    }
    answered
}
