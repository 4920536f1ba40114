//! nginx, with a log that tells whom it saw.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::account::Account;
use crate::eventually::eventually;
use crate::netns::Netns;
use crate::peers::{HEAD, KINDS};
use crate::process::{Launch, Process};
use crate::world::World;

/// One line of its access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who asked, as `accept()` told it.
    pub client: SocketAddr,
    /// The method of the request.
    pub method: String,
    /// The status of the answer.
    pub status: u16,
    /// Bytes of the request, head and content.
    pub request_bytes: u64,
    /// Bytes of the answer, head and content.
    pub response_bytes: u64,
    /// The target of the request.
    pub target: String,
}

/// A server that runs.
#[derive(Debug)]
pub struct Nginx {
    process: Process,
    log: PathBuf,
}

impl Nginx {
    /// Starts it as a steered process of the world's host, on these ports, over IPv4 and IPv6.
    pub fn start(world: &World, ports: &[u16]) -> Self {
        Self::start_as(world, world.steered("nginx"), &world.host, "nginx", ports, "")
    }

    /// The same for HTTP/2 with prior knowledge.
    pub fn start_http2(world: &World, ports: &[u16]) -> Self {
        Self::start_as(world, world.steered("nginx"), &world.host, "nginx-http2", ports, "http2")
    }

    /// Starts it on the client's side of the world, for traffic that leaves the host.
    pub fn start_remote(world: &World, ports: &[u16]) -> Self {
        Self::start_as(world, world.remote("nginx"), &world.client, "nginx-remote", ports, "")
    }

    fn start_as(world: &World, launch: Launch, netns: &Netns, name: &str, ports: &[u16], protocol: &str) -> Self {
        let directory = world.directory().join(name);
        fs::create_dir_all(directory.join("www")).expect("a directory for nginx");
        fs::write(directory.join("www/index.html"), "a file that is served as it is\n").expect("a file to serve");
        let log = directory.join("access.log");
        let config = directory.join("nginx.conf");
        fs::write(&config, configuration(&directory, ports, protocol)).expect("a configuration for nginx");
        let command = launch.args(["-e", "stderr", "-p"]).arg(&directory).arg("-c").arg(&config);
        let mut process = command.start(world.directory(), name);
        netns.run(|| {
            for port in ports {
                let address = SocketAddr::from(([127, 0, 0, 1], *port));
                eventually("nginx to listen", || {
                    assert!(process.ended().is_none(), "nginx ended:\n{}", process.stderr());
                    std::net::TcpStream::connect(address).ok()
                });
            }
        });
        Self { process, log }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// All requests it has logged.
    pub fn log(&self) -> Vec<Entry> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        // the last line may be on its way to the file
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| entry(line).unwrap_or_else(|| panic!("not a line of ours: {line}"))).collect()
    }

    /// Waits until this many requests have been logged: nginx writes the line after the answer is out.
    pub fn logged(&self, requests: usize) -> Vec<Entry> {
        eventually("nginx to log the requests", || Some(self.log()).filter(|entries| entries.len() >= requests))
    }

    /// The requests in its log, counted as a client would.
    pub fn account(&self, requests: usize) -> Account {
        let mut account = Account::default();
        for entry in self.logged(requests) {
            account.answer(&entry.method, entry.status, 1);
            account.sent += entry.request_bytes;
            account.received += entry.response_bytes;
        }
        account
    }
}

/// One process and no workers: a worker would outlive a master that is killed.
fn configuration(directory: &std::path::Path, ports: &[u16], protocol: &str) -> String {
    let directory = directory.display();
    let listen = |port| format!("listen {port} {protocol}; listen [::]:{port} ipv6only=on {protocol}; ");
    let listen: String = ports.iter().map(listen).collect();
    let mut statuses: Vec<u16> = KINDS.iter().chain([&HEAD]).map(|kind| kind.status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let locations: String = statuses.iter().map(|status| location(*status)).collect();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {directory}/{kind}; "))
        .collect();
    format!(
        "daemon off; master_process off; pid {directory}/nginx.pid; error_log stderr warn;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ {temporary}\n\
         log_format seen '$remote_addr $remote_port $request_method $status $request_length $http_content_length $bytes_sent $request_uri';\n\
         access_log {directory}/access.log seen;\n\
         keepalive_requests 10000000; keepalive_timeout 300s;\n\
         server {{ {listen} root {directory}/www;\n{locations}}} }}\n"
    )
}

fn location(status: u16) -> String {
    match status {
        204 => "location = /204 { return 204; }\n".to_owned(),
        302 => "location = /302 { return 302 /200; }\n".to_owned(),
        _ => format!("location = /{status} {{ return {status} \"this is {status}\\n\"; }}\n"),
    }
}

fn entry(line: &str) -> Option<Entry> {
    let mut fields = line.split(' ');
    let ip: IpAddr = fields.next()?.parse().ok()?;
    let client = SocketAddr::new(ip, fields.next()?.parse().ok()?);
    Some(Entry {
        client,
        method: fields.next()?.to_owned(),
        status: fields.next()?.parse().ok()?,
        // the first number leaves out content that nothing asked for, which is all of it here
        request_bytes: fields.next()?.parse::<u64>().ok()? + fields.next()?.parse().unwrap_or(0),
        response_bytes: fields.next()?.parse().ok()?,
        target: fields.next()?.to_owned(),
    })
}
