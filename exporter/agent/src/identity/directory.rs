//! What all workers know of who is who, renewed by a thread of its own.

use std::collections::HashSet;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use flowfold_flow::Workload;

use super::cgroups::Cgroups;
use super::listeners::{Scanner, Sockets, Transport};
use super::{LocalProcess, Resolver, Side, Table, addresses, naming};

/// The inode number of the initial pid namespace: `PROC_PID_INIT_INO` of the kernel, which is fixed.
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// What a directory is told at its start.
#[derive(Debug, Default)]
pub struct Options {
    /// The configured workloads.
    pub table: Table,
    /// Whether a peer that nothing else tells is shown by its address.
    pub show_ips: bool,
    /// The ports whose listeners are looked for: those of the rules.
    pub ports: Vec<u16>,
    /// The ports whose UDP sockets are looked for: those of the rules for local servers.
    pub udp_ports: Vec<u16>,
    /// Where cgroup version 2 is mounted.
    pub cgroup2: Option<PathBuf>,
}

/// What all workers know of who is who.
#[derive(Debug)]
pub struct Directory {
    table: Table,
    show_ips: bool,
    scanned: ArcSwap<Scanned>,
    scanner: Mutex<Scanner>,
    /// The log has said that sockets cannot be listed, since they last could.
    says_unlisted: AtomicBool,
    /// Whether process ids mean the same here as to the programs.
    in_initial_pid_namespace: bool,
    pub(super) cgroups: Cgroups,
}

/// What the last scan found. A new one replaces it only when something differs, so that workers may keep what they
/// derived from it for as long as they see the same one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    addresses: HashSet<IpAddr>,
    listening: Sockets,
    /// Grows when the path of a cgroup was found late, after workers had gone on without.
    cgroups_found: u64,
}

impl Directory {
    /// A directory that knows the configured workloads, and nothing of this host until it is refreshed.
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new(Self {
            table: options.table,
            show_ips: options.show_ips,
            scanned: ArcSwap::default(),
            scanner: Mutex::new(Scanner::new(options.ports, options.udp_ports)),
            says_unlisted: AtomicBool::new(false),
            in_initial_pid_namespace: fs::metadata("/proc/self/ns/pid")
                .is_ok_and(|namespace| namespace.ino() == INITIAL_PID_NAMESPACE),
            cgroups: Cgroups::new(options.cgroup2),
        })
    }

    /// A worker's access.
    pub fn resolver(self: &Arc<Self>) -> Resolver {
        Resolver::new(Arc::clone(self))
    }

    /// Looks at this host anew: its addresses, and the processes that listen on the ports of the rules. To be called
    /// a few times per second on a thread in the steered network namespace; it takes a fraction of a millisecond.
    pub fn refresh(&self) {
        let last = self.scanned.load();
        let addresses = addresses::of_this_namespace().unwrap_or_else(|error| {
            tracing::debug!(%error, "cannot list this host's addresses; keeping the last list");
            last.addresses.clone()
        });
        let listening = self.scanner.lock().unwrap_or_else(PoisonError::into_inner).scan();
        let was_said = self.says_unlisted.swap(listening.is_err(), Ordering::Relaxed);
        let listening = listening.unwrap_or_else(|error| {
            if !was_said {
                tracing::warn!(%error, "cannot list listening sockets; local servers stay as last known, or go by address");
            }
            last.listening.clone()
        });
        let cgroups_found = last.cgroups_found + u64::from(self.cgroups.refresh());
        let scanned = Scanned { addresses, listening, cgroups_found };
        if scanned != **last {
            self.scanned.store(Arc::new(scanned));
        }
    }

    pub(super) fn scanned(&self) -> Arc<Scanned> {
        self.scanned.load_full()
    }

    /// Whether the last scan is another one than this.
    pub(super) fn has_moved_on(&self, from: &Arc<Scanned>) -> bool {
        !Arc::ptr_eq(&self.scanned.load(), from)
    }

    /// The command of a process: threads of a pool are called after the pool, so a process' own name tells more than that
    /// of the thread that connected. It costs one short file of /proc.
    pub(super) fn command(&self, pid: u32, thread: &[u8]) -> Option<String> {
        let own = self.in_initial_pid_namespace.then(|| fs::read(format!("/proc/{pid}/comm")).ok()).flatten();
        own.and_then(|comm| naming::of_command(&comm)).or_else(|| naming::of_command(thread))
    }

    /// Names a side by what is known of it.
    pub(super) fn name(&self, side: Side<'_>, process: &LocalProcess) -> Arc<Workload> {
        let side = Side { cgroup: process.cgroup.as_deref(), ..side };
        if let Some(configured) = self.table.find(&side) {
            return Arc::clone(configured);
        }
        let told = process.cgroup.as_deref().and_then(naming::of_cgroup);
        let told = told.or_else(|| process.command.as_deref().map(str::to_owned));
        Arc::new(match told {
            Some(name) => Workload::named(&name),
            None if self.show_ips => Workload::named(&side.ip.to_string()),
            None => Workload::unknown(),
        })
    }
}

impl Scanned {
    /// Whether an address is this host's own.
    pub(super) fn is_local(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.addresses.contains(&ip)
    }

    /// The process that listens on an address of this host: one that listens on this very address, else on all.
    pub(super) fn listener(&self, transport: Transport, ip: IpAddr, port: u16) -> Option<&LocalProcess> {
        if !self.is_local(ip) {
            return None;
        }
        let listening = self.listening.get(&(transport, port))?;
        let exact = listening.iter().find(|(own, _)| *own == ip);
        exact.or_else(|| listening.iter().find(|(own, _)| own.is_unspecified())).map(|(_, process)| process)
    }
}
