//! What the programs did and what state they are in.

/// Counts since attach, summed over the processors. Only connections to a port of the plan are counted.
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
    /// Went direct because the destination needs more than an address (IPv6 link-local) or is no host
    /// (multicast, broadcast).
    pub direct_special_destination: u64,
    /// Went direct because the client's socket is in another network namespace than the listeners.
    pub direct_other_namespace: u64,
    /// Went direct because a map refused the record that steering needs.
    pub direct_map_full: u64,
    /// Went direct because the kernel refused to assign the connection to the agent's listener.
    pub direct_assign_failed: u64,
    /// Records of steered or upstream connections that a map refused after the decision was made.
    pub records_lost: u64,
}

/// One program of the set and whether it is attached now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgramStatus {
    /// Its name, as `bpftool prog show` prints it.
    pub name: &'static str,
    /// Attached at this moment.
    pub attached: bool,
}
