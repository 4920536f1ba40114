//! Keys and values of the maps that the eBPF programs and their loader share.
//!
//! Everything here is plain memory: `repr(C)`, integers only, padding spelled out, sizes asserted, so that a map key
//! is hashed over the same bytes on both sides.
#![no_std]

mod address;
mod counters;
mod datagrams;
mod limits;
mod owner;
mod records;

pub use address::{Endpoint, Tuple};
pub use counters::Counter;
pub use datagrams::{DatagramCopy, DatagramEvent, DatagramHead};
pub use limits::{
    CGROUP_DEPTH, CONNECTION_ENTRIES, DATAGRAM_COPIED, DATAGRAM_RING_BYTES, DATAGRAM_RING_MAPS, DATAGRAM_RING_MASK,
    DATAGRAM_RINGS, DATAGRAM_SERVER_BYTES, DATAGRAM_WAKE_BYTES, DESCRIPTION_BYTES, HANDOVER_ENTRIES,
    HEARTBEAT_STALE_NS, OWN_MARK, UDP_CLIENT_ENTRIES, UDP_SOCKET_ENTRIES,
};
pub use owner::{OWNER_MAP, OWNER_VERSION, OwnerRecord, PortSet};
pub use records::{Client, ListenerSlot, Origin, UdpSocket, Upstream};

/// Memory that may be copied to and from a map as it is.
///
/// # Safety
///
/// The type has no padding and no invalid bit pattern.
pub unsafe trait Plain: Copy + 'static {}

// SAFETY: integers.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
