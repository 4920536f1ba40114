//! What the agent tells about itself beside the traffic.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use flowfold_flow::Side;

use crate::labels::Labels;
use crate::names::label;
use crate::snapshot::Scalar;

/// Why a connection to a named port went by unobserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotObserved {
    /// It was open before the agent steered.
    OlderThanAgent,
    /// The agent was near a ceiling and had paused steering.
    Paused,
    /// The agent's heartbeat was late.
    StaleHeartbeat,
    /// A map of the programs had no room for it, or the kernel no memory.
    MapFull,
    /// The agent has no listener of its address family.
    NoListener,
    /// Its socket is bound to a device, which steering would take it away from.
    BoundDevice,
    /// It goes to an address that is not one host's, such as a multicast group.
    SpecialDestination,
    /// Its socket is in another network namespace than the agent's listeners.
    OtherNamespace,
    /// The kernel did not let the programs hand it to the agent.
    AssignFailed,
    /// A UDP socket, which is in another network namespace than the one that is observed.
    UdpOtherNamespace,
    /// A datagram, or the socket that sends it: the socket is bound to a named port, as that of a local server is that
    /// answers.
    NamedPort,
}

impl NotObserved {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::OlderThanAgent,
        Self::Paused,
        Self::StaleHeartbeat,
        Self::MapFull,
        Self::NoListener,
        Self::BoundDevice,
        Self::SpecialDestination,
        Self::OtherNamespace,
        Self::AssignFailed,
        Self::UdpOtherNamespace,
        Self::NamedPort,
    ];

    /// The label value of this reason.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::OlderThanAgent => "older_than_agent",
            Self::Paused => "paused",
            Self::StaleHeartbeat => "stale_heartbeat",
            Self::MapFull => "map_full",
            Self::NoListener => "no_listener",
            Self::BoundDevice => "bound_device",
            Self::SpecialDestination => "special_destination",
            Self::OtherNamespace => "other_namespace",
            Self::AssignFailed => "assign_failed",
            Self::UdpOtherNamespace => "udp_other_namespace",
            Self::NamedPort => "named_port",
        }
    }
}

/// Which kind of rule steered a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SteeredDirection {
    /// A rule for a local server's port.
    Ingress,
    /// A rule for the port that local clients connect to.
    Egress,
}

impl SteeredDirection {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];

    /// The label value of this kind.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

/// Gauges and counters that the agent sets from what it reads elsewhere, such as the counters of the BPF programs.
#[derive(Debug, Default)]
pub struct Health {
    programs: Mutex<BTreeMap<&'static str, bool>>,
    not_observed: [AtomicU64; NotObserved::ALL.len()],
    steered: [AtomicU64; SteeredDirection::ALL.len()],
    unread: [AtomicU64; Side::ALL.len()],
}

impl Health {
    /// Says whether a BPF program is attached.
    pub fn program(&self, name: &'static str, attached: bool) {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner).insert(name, attached);
    }

    /// The number of connections that went by unobserved for this reason, as a running total. A total lower than one
    /// told before is ignored, so that the counter never falls.
    pub fn not_observed(&self, reason: NotObserved, total: u64) {
        self.not_observed[reason as usize].fetch_max(total, Ordering::Relaxed);
    }

    /// The number of connections that the programs steered to the agent, as a running total that never falls.
    pub fn steered(&self, direction: SteeredDirection, total: u64) {
        self.steered[direction as usize].fetch_max(total, Ordering::Relaxed);
    }

    /// So many more datagrams of this side passed by without being read.
    pub fn unread_datagrams(&self, side: Side, more: u64) {
        self.unread[side as usize].fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn program_points(&self) -> Vec<Scalar> {
        let programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        let point = |(name, attached): (&&'static str, &bool)| {
            Scalar::new(Labels::new([(label::PROGRAM, *name)]), u64::from(*attached))
        };
        programs.iter().map(point).collect()
    }

    pub(crate) fn not_observed_points(&self) -> Vec<Scalar> {
        let point = |reason: NotObserved| {
            let total = self.not_observed[reason as usize].load(Ordering::Relaxed);
            Scalar::new(Labels::new([(label::REASON, reason.as_label())]), total)
        };
        NotObserved::ALL.map(point).into()
    }

    pub(crate) fn steered_points(&self) -> Vec<Scalar> {
        let point = |direction: SteeredDirection| {
            let total = self.steered[direction as usize].load(Ordering::Relaxed);
            Scalar::new(Labels::new([(label::DIRECTION, direction.as_label())]), total)
        };
        SteeredDirection::ALL.map(point).into()
    }

    pub(crate) fn unread_points(&self) -> Vec<Scalar> {
        let point = |side: Side| {
            let total = self.unread[side as usize].load(Ordering::Relaxed);
            Scalar::new(Labels::new([(label::SIDE, side.as_label())]), total)
        };
        Side::ALL.map(point).into()
    }
}
