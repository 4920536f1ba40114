//! A host and a client beside it, each in a network namespace of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use tempfile::TempDir;

use crate::cgroup::Cgroup;
use crate::netns::Netns;
use crate::process::Launch;

/// The version of IP that a test goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

impl Family {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];
}

/// A host: a namespace, and a cgroup for the processes that are steered. A client in another namespace can reach it.
#[derive(Debug)]
pub struct World {
    /// Processes that are steered belong here.
    pub cgroup: Cgroup,
    /// The host's namespace.
    pub host: Netns,
    /// The client's namespace.
    pub client: Netns,
    directory: TempDir,
}

impl World {
    /// Makes a host and a client, joined by a veth pair.
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("flowfold-e2e-").tempdir().expect("a scratch directory");
        open_to_all(directory.path());
        let (host, client) = (Netns::new(), Netns::new());
        host.join(&client, &["10.77.0.1/24", "fd77::1/64"], &["10.77.0.2/24", "fd77::2/64"]);
        Self { cgroup: Cgroup::new(), host, client, directory }
    }

    /// A directory for configurations and logs, gone with the world.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// An address of the host that the client can reach.
    pub fn host_address(&self, family: Family, port: u16) -> SocketAddr {
        let ip = match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1)),
            Family::V6 => IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1)),
        };
        SocketAddr::new(ip, port)
    }

    /// An address of the client that the host can reach.
    pub fn client_address(&self, family: Family, port: u16) -> SocketAddr {
        let ip = match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2)),
            Family::V6 => IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 2)),
        };
        SocketAddr::new(ip, port)
    }

    /// The host's loopback address, which belongs to its namespace alone.
    pub fn loopback(&self, family: Family, port: u16) -> SocketAddr {
        let ip = match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Family::V6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        SocketAddr::new(ip, port)
    }

    /// A program as a steered process of the host.
    pub fn steered(&self, program: impl AsRef<std::ffi::OsStr>) -> Launch {
        Launch::new(program).inside(&self.host).member_of(&self.cgroup)
    }

    /// A program of the host that is not among the steered processes.
    pub fn beside(&self, program: impl AsRef<std::ffi::OsStr>) -> Launch {
        Launch::new(program).inside(&self.host)
    }

    /// A program on the client's side.
    pub fn remote(&self, program: impl AsRef<std::ffi::OsStr>) -> Launch {
        Launch::new(program).inside(&self.client)
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Servers give up root and still have to reach their files.
fn open_to_all(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).expect("our own directory");
}
