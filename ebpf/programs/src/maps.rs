//! Every map of the object, and what bounds it.
//!
//! All maps belong to one agent serving one network namespace, so keys carry no namespace; hooks on a cgroup, which
//! may hold sockets of other namespaces, compare the namespace's cookie first.
//!
//! The records of connections live in LRU maps of fixed size. Beyond that each has its own end, named below, so that
//! in the normal course nothing is evicted. Evicting the record of an open connection costs what `getpeername` shows
//! and nothing else.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, LruHashMap, PerCpuArray, SockMap};
use flowfold_redirect_abi::{
    CONNECTION_ENTRIES, Client, Counter, Endpoint, HANDOVER_ENTRIES, ListenerSlot, Origin, OwnerRecord, Tuple,
    UDP_SERVERS_PER_FAMILY, Upstream,
};

/// Settings and the record for other agents; one entry. Its name is `flowfold_redirect_abi::OWNER_MAP`.
#[map]
pub(crate) static FLOWFOLD_OWNER: Array<OwnerRecord> = Array::with_max_entries(1, 0);

/// When the agent last said that it is alive: nanoseconds of `CLOCK_MONOTONIC`; zero before the first time.
#[map]
pub(crate) static HEARTBEAT: Array<u64> = Array::with_max_entries(1, 0);

/// Not zero while the agent wants no new connections.
#[map]
pub(crate) static PAUSED: Array<u32> = Array::with_max_entries(1, 0);

/// One listening socket of the agent per address family; the kernel goes from it to its `SO_REUSEPORT` group.
#[map]
pub(crate) static LISTENERS: SockMap = SockMap::with_max_entries(ListenerSlot::COUNT, 0);

/// Indexed by [`Counter`].
#[map]
pub(crate) static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Counter::COUNT, 0);

/// Client socket's cookie to where it was going; from connect until the socket closes (`sock_ops`).
#[map]
pub(crate) static EGRESS_SOCKETS: LruHashMap<u64, Origin> = LruHashMap::with_max_entries(CONNECTION_ENTRIES, 0);

/// The same under what the agent sees of the client; from the SYN until the agent takes it after accept.
#[map]
pub(crate) static EGRESS_ACCEPTS: LruHashMap<Endpoint, Origin> = LruHashMap::with_max_entries(HANDOVER_ENTRIES, 0);

/// Cookie of a local client's socket on its way to a steered local port; from connect to the SYN.
#[map]
pub(crate) static LOCAL_CONNECTS: LruHashMap<u64, Client> = LruHashMap::with_max_entries(HANDOVER_ENTRIES, 0);

/// The same under what the agent sees; from the SYN until the agent takes it after accept. A client whose connection
/// turns out to be for another host stays until eviction.
#[map]
pub(crate) static LOCAL_CLIENTS: LruHashMap<Tuple, Client> = LruHashMap::with_max_entries(HANDOVER_ENTRIES, 0);

/// Cookie of an upstream socket of the agent to the client it connects for; filed by the agent, until the SYN.
#[map]
pub(crate) static UPSTREAM_STARTS: LruHashMap<u64, Endpoint> = LruHashMap::with_max_entries(HANDOVER_ENTRIES, 0);

/// The agent's upstream connections; from before the SYN until the agent's socket closes (`sock_ops`).
#[map]
pub(crate) static UPSTREAMS: LruHashMap<Tuple, Upstream> = LruHashMap::with_max_entries(CONNECTION_ENTRIES, 0);

/// The agent's sockets for datagrams, those of IPv4 in the first half; port zero where there is none.
#[map]
pub(crate) static UDP_POOL: Array<Endpoint> = Array::with_max_entries(2 * UDP_SERVERS_PER_FAMILY, 0);

/// For IPv4 and IPv6: not zero once all of the pool have their servers.
#[map]
pub(crate) static UDP_POOL_SPENT: Array<u32> = Array::with_max_entries(2, 0);

/// A socket of the pool to the server that it stands for. A pair is made with the first datagram and holds for as long
/// as the agent lives: a client may be connected to the socket for all that time.
#[map]
pub(crate) static UDP_SERVERS: HashMap<Endpoint, Endpoint> = HashMap::with_max_entries(2 * UDP_SERVERS_PER_FAMILY, 0);

/// The same the other way round.
#[map]
pub(crate) static UDP_LISTENERS: HashMap<Endpoint, Endpoint> = HashMap::with_max_entries(2 * UDP_SERVERS_PER_FAMILY, 0);

/// Cookie of a steered UDP socket to the process that used it last.
#[map]
pub(crate) static UDP_CLIENTS: LruHashMap<u64, Client> = LruHashMap::with_max_entries(HANDOVER_ENTRIES, 0);

/// Cookies of the sockets that were bound to the loopback device when they were steered.
#[map]
pub(crate) static UDP_BOUND: LruHashMap<u64, u32> = LruHashMap::with_max_entries(HANDOVER_ENTRIES, 0);
