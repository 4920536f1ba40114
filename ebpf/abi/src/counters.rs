//! What the programs count, per processor.

/// Index of a counter. Only connections and datagrams to a port of the plan, and from it, are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Counter {
    /// Incoming, assigned to the agent's listener.
    SteeredIngress,
    /// Outgoing, rewritten to the agent's listener.
    SteeredEgress,
    /// The agent's own upstream connection, let through.
    OwnUpstream,
    /// Direct: the agent asked for a pause.
    DirectPaused,
    /// Direct: no heartbeat for a while.
    DirectStaleHeartbeat,
    /// Direct: no listener of this address family.
    DirectNoListener,
    /// Direct: the client's socket is bound to a device other than the loopback one.
    DirectBoundDevice,
    /// Direct: link-local IPv6 (its scope is out of a program's sight), multicast or broadcast.
    DirectSpecialDestination,
    /// Direct: the client's socket is in another network namespace.
    DirectOtherNamespace,
    /// Direct: the original destination could not be recorded. Of UDP: there was no memory for what is to be known of the socket.
    DirectMapFull,
    /// Direct: the kernel would not assign the connection to the listener.
    DirectAssignFailed,
    /// A record was refused after the decision was made.
    RecordsLost,
    /// Direct: the UDP socket is itself bound to a port of the plan, as a local server's is that answers a peer there.
    DirectNamedPort,
    /// Not read: the UDP socket is in another network namespace.
    UdpOtherNamespace,
    /// A datagram towards a named server went by without a copy for the agent: the ring buffer was full.
    UnreadToServer,
    /// The same, of a server's datagram.
    UnreadToClient,
    /// A datagram that came to a local server's socket went by without a copy: the ring buffer was as full as it may be for such.
    UnreadIntoServer,
    /// The same, of one that left a local server's socket.
    UnreadOutOfServer,
}

impl Counter {
    /// How many there are.
    pub const COUNT: u32 = Self::UnreadOutOfServer as u32 + 1;
}
