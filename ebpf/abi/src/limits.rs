//! Sizes and marks, each with its reason.

/// Mark (`SO_MARK`) of the agent's own upstream sockets: connects that carry it are never steered.
///
/// It stays inside the low byte, which the users of marks that meet on a node leave alone: kube-proxy has bits 14 and
/// 15, Cilium bits 8 to 11 and 16 up, Calico and Tailscale bits 16 up.
pub const OWN_MARK: u32 = 0x5f;

/// A heartbeat older than this (nanoseconds) stops the steering. The agent beats several times per second, so this
/// is some missed beats, and it keeps the promise that two seconds after a hang new connections go direct.
pub const HEARTBEAT_STALE_NS: u64 = 1_000_000_000;

/// Entries of the maps that hold one record per open connection. The loader replaces it by what the descriptor limit
/// allows. Over it the least recently used go, which costs only what `getpeername` shows.
pub const CONNECTION_ENTRIES: u32 = 32_768;

/// Entries of the maps that hold a record for a moment: from a hook to the next, or until the agent accepts. As many
/// as four listeners' backlogs (4096 each), and enough that the per-processor free lists of an LRU map (128 entries
/// each) stay a small part of it on a big machine.
pub const HANDOVER_ENTRIES: u32 = 16_384;

/// Levels of the cgroup tree that an owner's record names; `cgroup.max.depth` is rarely set, but container runtimes
/// nest about ten deep. A deeper cgroup is known by its first ancestors.
pub const CGROUP_DEPTH: usize = 32;

/// Bytes kept of an agent's description of itself: a line of a terminal with its prefix.
pub const DESCRIPTION_BYTES: usize = 96;

/// UDP sockets whose user is known until they are closed, of those that ask named servers. Over the limit those go that were
/// noted the longest ago, and what they ask is nobody's in particular. Without a rule for datagrams the loader makes it one.
pub const UDP_SOCKET_ENTRIES: u32 = 65_536;

/// Processes that are known to have asked a named server. One that is forgotten costs a wake-up when it asks again.
pub const UDP_CLIENT_ENTRIES: u32 = 4_096;

/// Ring buffers of copied datagrams, a power of two. A processor writes to one of them alone, as long as there are no more
/// processors: what several of them write to in turn moves between their caches with each datagram, which takes longer than all
/// else that is done for it.
pub const DATAGRAM_RINGS: usize = 8;

/// Their names in the object.
pub const DATAGRAM_RING_MAPS: [&str; DATAGRAM_RINGS] = [
    "DATAGRAMS_0",
    "DATAGRAMS_1",
    "DATAGRAMS_2",
    "DATAGRAMS_3",
    "DATAGRAMS_4",
    "DATAGRAMS_5",
    "DATAGRAMS_6",
    "DATAGRAMS_7",
];

/// The number in the object that says how many of them are used, less one.
pub const DATAGRAM_RING_MASK: &str = "DATAGRAM_RING_MASK";

/// Size (bytes) of each ring buffer of copied datagrams, a power of two: what passes by in a twentieth of a second at a
/// hundred thousand small datagrams per second. A larger one would hold more than a processor's cache does, and the programs
/// write to all of it in turn. The loader makes those one page that are not used: without a rule for datagrams all, and else
/// those beyond the processors.
pub const DATAGRAM_RING_BYTES: u32 = 1024 * 1024;

/// While a ring buffer is so full (bytes), each datagram wakes its reader, who otherwise looks by himself every few
/// milliseconds. One is enough, which takes as long as copying; programs on several processors may together leap over a narrower
/// range.
pub const DATAGRAM_WAKE_BYTES: core::ops::Range<u64> =
    DATAGRAM_RING_BYTES as u64 / 8..DATAGRAM_RING_BYTES as u64 / 32 * 5;

/// How full (bytes) a ring buffer may be for what comes to local servers and leaves them to be copied. Whoever floods a
/// server leaves the rest to what local clients are told.
pub const DATAGRAM_SERVER_BYTES: u64 = DATAGRAM_RING_BYTES as u64 / 4 * 3;

/// How much (bytes) of a datagram is copied at most. Messages over UDP hardly exceed 1232 bytes (the size that resolvers have
/// agreed to announce, so that nothing is fragmented); what follows in a longer one is only counted.
pub const DATAGRAM_COPIED: usize = 4096;
