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

/// Servers of one address family whose datagrams are steered: each has a listener of its own, by which the agent knows
/// the server. A host asks a handful of resolvers; one that is a resolver itself asks thousands, and goes direct beyond.
pub const UDP_SERVERS_PER_FAMILY: u32 = 64;
