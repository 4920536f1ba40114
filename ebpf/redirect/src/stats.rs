//! What the programs did and what state they are in.

use std::fmt;

use aya::maps::{Map, MapData, PerCpuArray};
use flowfold_redirect_abi::Counter;

use crate::{RedirectError, owner};

/// Counts since attach, summed over the processors. Only traffic to a port of the plan, or from it, is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SteeringStats {
    /// Incoming connections handed to the agent (a retransmitted SYN counts again).
    pub steered_ingress: u64,
    /// Outgoing connections sent to the agent.
    pub steered_egress: u64,
    /// Connections of the agent's own to the steered servers, let through.
    pub own_upstream: u64,
    /// Went direct because the agent asked for a pause ([`Redirect::set_paused`](crate::Redirect::set_paused)).
    pub direct_paused: u64,
    /// Went direct because the agent had not sent a heartbeat for a second.
    pub direct_stale_heartbeat: u64,
    /// Went direct because there is no listener for its address family.
    pub direct_no_listener: u64,
    /// Went direct because the client's socket is bound to a network device, which loopback traffic can't use.
    pub direct_bound_device: u64,
    /// Went direct because the destination needs more than an address (IPv6 link-local, of TCP alone) or is no host
    /// (multicast, broadcast). Of UDP, here and in the next, sockets that connect and datagrams of others are counted.
    pub direct_special_destination: u64,
    /// Went direct because the client's socket is in another network namespace than the listeners.
    pub direct_other_namespace: u64,
    /// Went direct because a map refused the record that steering needs. Of UDP: sockets, and datagrams to servers, that are not read
    /// as the kernel gave no memory to make a note of their socket.
    pub direct_map_full: u64,
    /// Went direct because the kernel refused to assign the connection to the agent's listener.
    pub direct_assign_failed: u64,
    /// Records that a map refused after the decision was made: whose a connection or a UDP socket is stays unknown.
    pub records_lost: u64,
    /// Not read because the UDP socket is bound to a port of the plan, as a server's is that answers a peer there.
    pub direct_named_port: u64,
    /// Not read because the UDP socket is in another network namespace.
    pub udp_other_namespace: u64,
    /// Datagrams of local clients to named servers that nobody has read, as the agent was too slow.
    pub unread_to_server: u64,
    /// The same, of named servers' datagrams to local clients.
    pub unread_to_client: u64,
    /// Datagrams to local servers that nobody has read, as the agent was too slow.
    pub unread_into_server: u64,
    /// The same, of local servers' datagrams.
    pub unread_out_of_server: u64,
}

/// One program of the set and whether it is attached now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgramStatus {
    /// Its name, as `bpftool prog show` prints it.
    pub name: &'static str,
    /// Attached at this moment.
    pub attached: bool,
}

/// The counters' map.
pub(crate) struct Counters {
    map: PerCpuArray<MapData, u64>,
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counters")
    }
}

impl Counters {
    /// Its name.
    pub(crate) const MAP: &str = "COUNTERS";

    pub(crate) fn new(map: Map) -> Result<Self, RedirectError> {
        let map = PerCpuArray::try_from(map).map_err(|_| RedirectError::Object { part: Self::MAP })?;
        Ok(Self { map })
    }

    pub(crate) fn read(&self) -> Result<SteeringStats, RedirectError> {
        let sum = |counter: Counter| match self.map.get(&(counter as u32), 0) {
            Ok(values) => Ok(values.iter().sum()),
            Err(error) => Err(RedirectError::Map { call: "read", map: Self::MAP, source: owner::errno_of(&error) }),
        };
        Ok(SteeringStats {
            steered_ingress: sum(Counter::SteeredIngress)?,
            steered_egress: sum(Counter::SteeredEgress)?,
            own_upstream: sum(Counter::OwnUpstream)?,
            direct_paused: sum(Counter::DirectPaused)?,
            direct_stale_heartbeat: sum(Counter::DirectStaleHeartbeat)?,
            direct_no_listener: sum(Counter::DirectNoListener)?,
            direct_bound_device: sum(Counter::DirectBoundDevice)?,
            direct_special_destination: sum(Counter::DirectSpecialDestination)?,
            direct_other_namespace: sum(Counter::DirectOtherNamespace)?,
            direct_map_full: sum(Counter::DirectMapFull)?,
            direct_assign_failed: sum(Counter::DirectAssignFailed)?,
            records_lost: sum(Counter::RecordsLost)?,
            direct_named_port: sum(Counter::DirectNamedPort)?,
            udp_other_namespace: sum(Counter::UdpOtherNamespace)?,
            unread_to_server: sum(Counter::UnreadToServer)?,
            unread_to_client: sum(Counter::UnreadToClient)?,
            unread_into_server: sum(Counter::UnreadIntoServer)?,
            unread_out_of_server: sum(Counter::UnreadOutOfServer)?,
        })
    }
}
