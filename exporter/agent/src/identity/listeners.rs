//! Which processes of this host listen on the ports of the rules.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use super::{LocalProcess, cgroups, naming};
use crate::socket_table;

/// How often the process of a listening socket is looked for before it is taken as untold. A scan of all processes'
/// descriptors is the dear part, and one in a foreign pid namespace is never found.
const MAX_TRIES: u8 = 3;

/// What a server's socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Transport {
    /// Connections: it listens.
    Tcp,
    /// Datagrams: it is not connected.
    Udp,
}

/// The servers' sockets by port: each address with the process behind it.
pub(super) type Sockets = BTreeMap<(Transport, u16), Vec<(IpAddr, LocalProcess)>>;

/// Finds listening sockets and remembers whose they are, so that a scan in the steady state is two short dialogues with the kernel.
#[derive(Debug)]
pub(super) struct Scanner {
    ports: BTreeSet<u16>,
    udp_ports: BTreeSet<u16>,
    /// By the inode number of the socket.
    known: HashMap<u64, Owner>,
}

#[derive(Clone, Debug, Default)]
struct Owner {
    process: Option<LocalProcess>,
    tries: u8,
}

impl Scanner {
    /// Looks for listeners on these ports alone, and for UDP sockets on those.
    pub(super) fn new(ports: impl IntoIterator<Item = u16>, udp_ports: impl IntoIterator<Item = u16>) -> Self {
        let (ports, udp_ports) = (ports.into_iter().collect(), udp_ports.into_iter().collect());
        Self { ports, udp_ports, known: HashMap::new() }
    }

    /// The sockets that are there now, in the network namespace of the calling thread.
    pub(super) fn scan(&mut self) -> io::Result<Sockets> {
        let mut sockets: Vec<_> = socket_table::listening()?.into_iter().map(|row| (Transport::Tcp, row)).collect();
        sockets.retain(|(_, socket)| self.ports.contains(&socket.local.port()));
        if !self.udp_ports.is_empty() {
            match socket_table::unconnected_datagrams() {
                Ok(mut rows) => {
                    rows.retain(|socket| self.udp_ports.contains(&socket.local.port()));
                    sockets.extend(rows.into_iter().map(|row| (Transport::Udp, row)));
                }
                // Those of connections are there all the same.
                Err(error) => tracing::debug!(%error, "this kernel does not list UDP sockets"),
            }
        }
        self.known.retain(|inode, _| sockets.iter().any(|(_, socket)| socket.inode == *inode));
        for (_, socket) in &sockets {
            self.known.entry(socket.inode).or_default();
        }
        self.find_owners();
        let mut found = Sockets::new();
        for (transport, socket) in sockets {
            let process = self.known.get(&socket.inode).and_then(|owner| owner.process.clone()).unwrap_or_default();
            found.entry((transport, socket.local.port())).or_default().push((socket.local.ip(), process));
        }
        Ok(found)
    }

    /// Looks through the descriptors of all processes for the sockets whose process isn't known yet.
    fn find_owners(&mut self) {
        let untold = |owner: &&mut Owner| owner.process.is_none() && owner.tries < MAX_TRIES;
        let mut left = 0_usize;
        for owner in self.known.values_mut().filter(untold) {
            owner.tries += 1;
            left += 1;
        }
        let Ok(processes) = fs::read_dir("/proc") else { return };
        for process in processes.flatten() {
            if left == 0 {
                return;
            }
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            // A process may go, or be another user's, while it is looked at.
            for descriptor in fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
                let Some(inode) = socket_inode(&descriptor.path()) else { continue };
                if let Some(owner) = self.known.get_mut(&inode).filter(|owner| owner.process.is_none()) {
                    owner.process = Some(describe(pid));
                    left = left.saturating_sub(1);
                }
            }
        }
    }
}

fn describe(pid: u32) -> LocalProcess {
    let command = fs::read(format!("/proc/{pid}/comm")).ok().and_then(|comm| naming::of_command(&comm));
    LocalProcess { cgroup: cgroups::of_process(pid), command: command.map(Into::into) }
}

/// The inode number of the socket that a descriptor's link leads to.
fn socket_inode(descriptor: &Path) -> Option<u64> {
    let target = fs::read_link(descriptor).ok()?;
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn a_listener_of_this_process_is_found_with_its_command() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut scanner = Scanner::new([port], []);
        let listening = scanner.scan().unwrap();
        let (ip, process) = &listening[&(Transport::Tcp, port)][0];
        assert_eq!(ip, &IpAddr::from(Ipv4Addr::LOCALHOST));
        let own = fs::read("/proc/self/comm").unwrap();
        assert_eq!(process.command.as_deref(), naming::of_command(&own).as_deref());
        assert_eq!(process.cgroup, cgroups::of_process(std::process::id()));
        drop(listener);
        assert!(scanner.scan().unwrap().is_empty());
        assert!(scanner.known.is_empty(), "what is gone is forgotten");
    }

    #[test]
    fn a_server_for_datagrams_is_found_with_its_command() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let _other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut scanner = Scanner::new([], [port]);
        let sockets = scanner.scan().unwrap();
        let (ip, process) = &sockets[&(Transport::Udp, port)][0];
        assert_eq!((sockets.len(), ip), (1, &IpAddr::from(Ipv4Addr::LOCALHOST)));
        let own = fs::read("/proc/self/comm").unwrap();
        assert_eq!(process.command.as_deref(), naming::of_command(&own).as_deref());
        assert!(Scanner::new([port], []).scan().unwrap().is_empty());
    }
}
