//! The names of servers that no workload is known of, learned from the DNS answers that their clients were given.
//!
//! Anybody who can have a name of their own looked up can have it point at somebody else's address. So an answer counts for
//! connections of the workload that was given it, and for nobody else's; and one workload cannot push out what others were
//! told, nor take all of the names that may be shown.

mod shown;
mod told;

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowfold_flow::{ConnectionInfo, DnsExchange, Exchange};
use hashbrown::HashSet;

use shown::ShownNames;
use told::{Told, ToldNames, host_name};

use crate::cell::unix_nanos;
use crate::labels::is_named;

/// The most names that can be asked for.
pub const MAX_MAX_DESTINATION_NAMES: usize = 10_000;

/// The most addresses that can be asked for: so many take some four megabytes.
pub const MAX_MAX_DESTINATION_ADDRESSES: usize = 16_384;

/// The value of the label for names beyond those that may be shown. No host has such a name: it is not in lower case.
pub(crate) const OTHER_NAME: &str = "_OTHER";

/// How much is learned of the names of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestinationNameLimits {
    /// How many different names are shown at once (at most [`MAX_MAX_DESTINATION_NAMES`]); any other is `_OTHER`. A name
    /// makes room when the last of its series has expired. Before that, a workload with more than its share of them has to
    /// give one up for a workload with less, and the next [`Fold::expire`](crate::Fold::expire) gives up its series. 0: no
    /// names are learned.
    pub max_names: usize,
    /// For how many addresses, counted for each client's workload, names are kept (at most
    /// [`MAX_MAX_DESTINATION_ADDRESSES`]). Beyond it, the workload with the most of them loses the one that it was told
    /// first.
    pub max_addresses: usize,
    /// For how long a name is kept beyond the time that its answer holds: clients go on using an address for longer.
    pub grace: Duration,
}

impl Default for DestinationNameLimits {
    fn default() -> Self {
        Self { max_names: 0, max_addresses: 4_096, grace: Duration::from_mins(5) }
    }
}

/// The names of the whole agent.
#[derive(Debug)]
pub(crate) struct DestinationNames {
    told: ToldNames,
    shown: ShownNames,
}

impl DestinationNames {
    pub(crate) fn new(limits: &DestinationNameLimits) -> Self {
        let max_addresses = if limits.max_names == 0 { 0 } else { limits.max_addresses };
        Self {
            told: ToldNames::new(max_addresses.min(MAX_MAX_DESTINATION_ADDRESSES), limits.grace),
            shown: ShownNames::new(limits.max_names.min(MAX_MAX_DESTINATION_NAMES)),
        }
    }

    /// Whether any are learned.
    pub(crate) fn is_on(&self) -> bool {
        self.told.max() > 0
    }

    /// Learns what an answer told a local client.
    pub(crate) fn learn(&self, exchange: &Exchange<'_>, dns: &DnsExchange<'_>) {
        let info = exchange.connection;
        // Clients of which nothing is known would share what they are told.
        if dns.addresses.is_empty() || !self.is_on() || !info.reporters.client || !is_named(&info.source) {
            return;
        }
        if let Some(name) = host_name(dns.name) {
            let when = Told { unix_nanos: unix_nanos(exchange.started + exchange.duration), now: Instant::now() };
            self.told.learn(&info.source, name, dns.addresses, when);
        }
    }

    /// Whether a connection's server is one to look for the name of.
    pub(crate) fn is_wanted(&self, info: &ConnectionInfo) -> bool {
        self.is_on() && info.reporters.client && is_named(&info.source) && !is_named(&info.destination)
    }

    /// The name by which a connection's client knows its server, if it is one to look for: the one that it was told last
    /// before this time, in nanoseconds since 1970.
    pub(crate) fn name_of(&self, info: &ConnectionInfo, before: u64) -> Option<Arc<str>> {
        self.told.name_of(&info.source, info.server.ip(), Told { unix_nanos: before, now: Instant::now() })
    }

    /// The value of the label for this name, which a connection's client asked for.
    pub(crate) fn shown(&self, info: &ConnectionInfo, name: &str) -> Arc<str> {
        self.shown.shown(&info.source, name, Instant::now())
    }

    /// The names that had to make room for others, whose series are to be given up. Each is told once.
    pub(crate) fn take_given_up(&self) -> HashSet<Arc<str>> {
        self.shown.take_given_up()
    }

    /// Forgets what holds no longer, by a clock that says it is `now`.
    pub(crate) fn expire(&self, now: Instant) {
        self.told.expire(now);
    }

    /// How many addresses have names.
    pub(crate) fn addresses(&self) -> usize {
        self.told.len()
    }

    /// How many may have.
    pub(crate) fn max_addresses(&self) -> usize {
        self.told.max()
    }

    /// How many have lost theirs before its time.
    pub(crate) fn evicted(&self) -> u64 {
        self.told.evicted()
    }
}
