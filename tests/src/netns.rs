//! Network namespaces of the tests' own.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// What the names of all our namespaces and cgroups begin with; the process id of the tests follows.
pub const PREFIX: &str = "ffe2e-";

/// Where `ip netns` keeps its namespaces.
pub const DIRECTORY: &str = "/run/netns";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A name that no other test, and no other run of the tests, uses.
pub fn unique_name() -> String {
    format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A network namespace with its loopback up. Removed on drop.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes a namespace.
    pub fn new() -> Self {
        let netns = Self { name: unique_name() };
        ip(&["netns", "add", &netns.name]);
        netns.ip(&["link", "set", "lo", "up"]);
        netns
    }

    /// The file that names this namespace.
    pub fn path(&self) -> PathBuf {
        Path::new(DIRECTORY).join(&self.name)
    }

    /// Runs `ip` inside of the namespace.
    pub fn ip(&self, arguments: &[&str]) {
        ip(&[&["-n", self.name.as_str()], arguments].concat());
    }

    /// Runs a closure on a thread of its own inside of the namespace. Sockets opened there stay there.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = self.open();
        thread::scope(|scope| {
            let inside = scope.spawn(move || within(&namespace, work));
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Begins the same and does not wait for it.
    pub fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let namespace = self.open();
        thread::spawn(move || within(&namespace, work))
    }

    fn open(&self) -> File {
        File::open(self.path()).expect("our namespace can be opened")
    }

    /// Joins this namespace and another by a veth pair with an IPv4 and an IPv6 address at each end.
    pub fn join(&self, other: &Self, ours: &[&str], theirs: &[&str]) {
        let (here, there) = ("veth0", "veth0");
        ip(&["link", "add", here, "netns", &self.name, "type", "veth", "peer", "name", there, "netns", &other.name]);
        for (netns, addresses) in [(self, ours), (other, theirs)] {
            for address in addresses {
                // an IPv6 address is of use at once when nobody asks first whether it is taken
                let nodad: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
                netns.ip(&[&["address", "add", address, "dev", "veth0"], nodad].concat());
            }
            netns.ip(&["link", "set", "veth0", "up"]);
        }
    }
}

impl Default for Netns {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

fn within<T>(namespace: &File, work: impl FnOnce() -> T) -> T {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .expect("our namespace can be entered");
    work()
}

/// Removes a namespace by its name, whoever made it.
pub fn remove(name: &str) {
    let removed = Command::new("ip").args(["netns", "delete", name]).status();
    let gone = removed.is_ok_and(|status| status.success());
    assert!(gone || thread::panicking(), "the namespace {name} could not be removed");
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().expect("iproute2 is installed");
    assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
