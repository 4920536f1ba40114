//! The record by which agents know of each other; it holds the programs' settings too.

use crate::{CGROUP_DEPTH, DESCRIPTION_BYTES, Plain};

/// Name of the map whose only entry is the record. Other agents find it among all loaded maps by this name.
pub const OWNER_MAP: &str = "FLOWFOLD_OWNER";

/// Tells a written record from a map that is still empty (all zeros). Fields are only ever added at the end, so an
/// agent can read the beginning of a later version's record.
pub const OWNER_VERSION: u32 = 1;

/// A set of ports, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct PortSet {
    words: [u64; Self::WORDS],
}

impl PortSet {
    /// No port at all.
    pub const EMPTY: Self = Self { words: [0; Self::WORDS] };
    const WORDS: usize = 1024;

    /// Adds a port.
    pub fn insert(&mut self, port: u16) {
        if let Some(word) = self.words.get_mut(usize::from(port >> 6)) {
            *word |= 1 << (port & 63);
        }
    }

    /// Is the port in the set?
    #[inline]
    pub fn contains(&self, port: u16) -> bool {
        self.words.get((port >> 6) as usize).is_some_and(|word| word >> (port & 63) & 1 == 1)
    }
}

/// Who steers what, and what the programs must know to do so. Written once, before anything is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct OwnerRecord {
    /// [`OWNER_VERSION`] once the record is written.
    pub version: u32,
    /// The agent's process id in its own pid namespace.
    pub pid: u32,
    /// When that process started: field 22 of `/proc/PID/stat`, in clock ticks since boot.
    pub process_start: u64,
    /// Inode number of the agent's pid namespace.
    pub pid_namespace: u64,
    /// Inode number of the network namespace that is steered.
    pub netns: u64,
    /// The kernel's cookie of that namespace (`SO_NETNS_COOKIE`), which a program can ask for.
    pub netns_cookie: u64,
    /// When steering was set up, in seconds since 1970.
    pub since: u64,
    /// Ids of the steered cgroup and its ancestors, from the root of the mount down; zeros fill the rest.
    pub cgroups: [u64; CGROUP_DEPTH],
    /// Local ports whose incoming connections are steered.
    pub ingress: PortSet,
    /// Destination ports whose outgoing connections are steered.
    pub egress: PortSet,
    /// Port of the agent's listeners on 127.0.0.1 and `::1`.
    pub listener_port: u32,
    /// One if there is a listener on `::1`.
    pub has_v6_listener: u32,
    /// What the agent says about itself: UTF-8, padded with zeros.
    pub description: [u8; DESCRIPTION_BYTES],
    /// Destination ports whose outgoing UDP datagrams are read, and the answers to them.
    pub egress_udp: PortSet,
    /// One if each answer wakes the reader of datagrams.
    pub prompt_answers: u32,
    /// Zero.
    pub padding: u32,
    /// Local ports whose incoming UDP datagrams are read, and the answers to them.
    pub ingress_udp: PortSet,
}

impl OwnerRecord {
    /// Claims no port: of an agent that has let go, or of a process that only tries whether the programs load.
    pub const IDLE: Self = Self {
        version: OWNER_VERSION,
        pid: 0,
        process_start: 0,
        pid_namespace: 0,
        netns: 0,
        netns_cookie: 0,
        since: 0,
        cgroups: [0; CGROUP_DEPTH],
        ingress: PortSet::EMPTY,
        egress: PortSet::EMPTY,
        listener_port: 0,
        has_v6_listener: 0,
        description: [0; DESCRIPTION_BYTES],
        egress_udp: PortSet::EMPTY,
        prompt_answers: 0,
        padding: 0,
        ingress_udp: PortSet::EMPTY,
    };

    /// Does it claim a port?
    pub fn is_idle(&self) -> bool {
        [&self.ingress, &self.egress, &self.egress_udp, &self.ingress_udp].iter().all(|ports| **ports == PortSet::EMPTY)
    }
}

// SAFETY: integers and arrays of them, no padding: the size asserted below is the sum of the fields.
unsafe impl Plain for OwnerRecord {}

const _: () = assert!(size_of::<PortSet>() == 8 * 1024);
const _: () =
    assert!(size_of::<OwnerRecord>() == 48 + 8 * CGROUP_DEPTH + 4 * size_of::<PortSet>() + 16 + DESCRIPTION_BYTES);
