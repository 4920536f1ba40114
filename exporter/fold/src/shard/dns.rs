//! From a DNS lookup to its series.

use flowfold_flow::{DnsExchange, Exchange};

use super::{Connection, Shard, trace_of};
use crate::labels::{ExchangeFamily, Key};
use crate::series::Record;

impl Shard {
    pub(super) fn dns(&self, connection: &mut Connection, exchange: &Exchange<'_>, dns: &DnsExchange<'_>) {
        const FAMILY: ExchangeFamily = ExchangeFamily::DnsLookup;
        self.vocabulary.destination_names.learn(exchange, dns);
        let name = self.index.borrow_mut().dns_places.place(&self.vocabulary.dns, dns);
        let key = Key::dns(name, dns, exchange.outcome).masked(self.vocabulary.uses[FAMILY as usize].key);
        let place = connection.held(key).unwrap_or_else(|| self.hold(connection, key, |_| FAMILY));
        let record = Record::of(exchange.duration).with_trace(trace_of(exchange));
        connection.series[place].record(&record, self.fold.registry().budget());
    }
}
