//! Every map of the object but the ring buffers (`rings`), and what bounds it.
//!
//! All maps belong to one agent serving one network namespace, so keys carry no namespace; hooks on a cgroup, which
//! may hold sockets of other namespaces, compare the namespace's cookie first.
//!
//! The records of connections live in LRU maps of fixed size. Beyond that each has its own end, named below, so that
//! in the normal course nothing is evicted. Evicting the record of an open connection costs what `getpeername` shows
//! and nothing else; evicting that of a UDP socket, its user's name.

use aya_ebpf::btf_maps::SkStorage;
use aya_ebpf::macros::{btf_map, map};
use aya_ebpf::maps::{Array, LruHashMap, PerCpuArray, SockMap};
use flowfold_redirect_abi::{
    CONNECTION_ENTRIES, Client, Counter, Endpoint, HANDOVER_ENTRIES, ListenerSlot, Origin, OwnerRecord, Tuple,
    UDP_CLIENT_ENTRIES, UDP_SOCKET_ENTRIES, UdpSocket, Upstream,
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

/// What is known of a UDP socket that asks named servers, or is one; from its first connect or datagram to one, or the first that
/// it is sent, until it is closed. Those of other network namespaces have nothing here. It lies with the socket, as long as
/// that: each datagram of the cgroup asks for it, and the others are to pay for that as little as may be. Its memory is the
/// agent's, some 200 bytes for each open socket of those.
#[btf_map]
pub(crate) static UDP_KNOWN: SkStorage<UdpSocket> = SkStorage::new();

/// Cookie of a UDP socket that asks named servers to who connected it, or sent to the last other server; until it is closed and
/// the agent has heard of that.
#[map]
pub(crate) static UDP_SOCKETS: LruHashMap<u64, Client> = LruHashMap::with_max_entries(UDP_SOCKET_ENTRIES, 0);

/// The last datagram for which a socket was looked up in the plan's network namespace, if it came to a named port; ports of zero
/// once the socket has it.
#[map]
pub(crate) static LOOKED_UP: PerCpuArray<Tuple> = PerCpuArray::with_max_entries(1, 0);

/// Process ids of those who asked named servers.
#[map]
pub(crate) static UDP_CLIENTS: LruHashMap<u32, u32> = LruHashMap::with_max_entries(UDP_CLIENT_ENTRIES, 0);
