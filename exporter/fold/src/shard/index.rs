//! A worker's own way to its series.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::dns::DnsPlaces;
use crate::kafka::{HeldOffsets, KafkaPlaces, KnownPositions};
use crate::labels::{ExchangeFamily, ExchangeLabels};
use crate::registry::{Registry, Ticket};
use crate::rpc_methods::RpcPlaces;
use crate::series::Series;
use crate::url_templates::UrlPlaces;

/// How many series that were given up a worker forgets at a time: so many take a microsecond or two.
const FORGOTTEN_AT_ONCE: usize = 32;

/// The series that a worker has met, and names and positions.
#[derive(Debug)]
pub(super) struct Index {
    table: HashTable<Arc<Series>>,
    /// The series that take what the ceiling turned away.
    overflow: [Option<Arc<Series>>; ExchangeFamily::ALL.len()],
    ticket: Ticket,
    pub(super) rpc_places: RpcPlaces,
    pub(super) url_places: UrlPlaces,
    pub(super) dns_places: DnsPlaces,
    pub(super) kafka_places: KafkaPlaces,
    pub(super) kafka_positions: KnownPositions,
    /// What a transaction held that ends: empty between two of them.
    pub(super) kafka_held: HeldOffsets,
}

impl Index {
    pub(super) fn new(ticket: Ticket) -> Self {
        Self {
            table: HashTable::default(),
            overflow: Default::default(),
            ticket,
            rpc_places: RpcPlaces::default(),
            url_places: UrlPlaces::default(),
            dns_places: DnsPlaces::default(),
            kafka_places: KafkaPlaces::default(),
            kafka_positions: KnownPositions::default(),
            kafka_held: HeldOffsets::default(),
        }
    }

    /// The worker's series of this label set, or the one that takes what the ceiling turns away.
    pub(super) fn find_or_create(&mut self, registry: &Registry, labels: ExchangeLabels) -> Arc<Series> {
        self.tidy();
        let hash = registry.hash(&labels);
        let is_it = |series: &Arc<Series>| !series.is_retired() && series.registered.labels == labels;
        if let Some(series) = self.table.find(hash, is_it) {
            return Arc::clone(series);
        }
        let family = labels.family;
        let Some(series) = registry.new_series(&self.ticket, hash, labels) else {
            let overflow = &mut self.overflow[family as usize];
            return Arc::clone(overflow.get_or_insert_with(|| registry.new_overflow_series(&self.ticket, family)));
        };
        self.table.insert_unique(hash, Arc::clone(&series), |series| series.registered.hash);
        series
    }

    /// Forgets some of the series that were given up.
    pub(super) fn tidy(&mut self) {
        for series in self.ticket.retired.try_iter().take(FORGOTTEN_AT_ONCE) {
            if let Ok(found) = self.table.find_entry(series.registered.hash, |other| Arc::ptr_eq(other, &series)) {
                found.remove();
            }
        }
        if self.table.is_empty() && self.table.capacity() > 0 {
            self.table = HashTable::default();
        }
    }
}
