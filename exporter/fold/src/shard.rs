//! One worker's part of the store.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use flowfold_flow::{ByteTally, ConnectionEnd, ConnectionInfo, Exchange, FlowSink, Operation, Protocol, Refusal, Side};
use hashbrown::HashTable;

use crate::Fold;
use crate::buckets::{ADDED_LATENCY_NANOS, nanos};
use crate::labels::{ExchangeLabels, HttpKey, Reporter, Vocabulary};
use crate::series::Series;
use crate::worker::{DirectionCells, WorkerCells, direction_index};

/// One worker's part of the store. It may be moved to its worker's thread, but not shared: it is the only writer of
/// its cells.
#[derive(Debug)]
pub struct Shard {
    fold: Arc<Fold>,
    vocabulary: Arc<Vocabulary>,
    cells: Arc<WorkerCells>,
    index: RefCell<Index>,
}

/// The worker's own way to its series.
#[derive(Debug, Default)]
struct Index {
    table: HashTable<Arc<Series>>,
    /// How many series the worker has put into its list.
    listed: usize,
}

/// For how many keys a connection holds its series. Most connections carry one kind of request and one or two answers
/// to it; what is not held is found in the worker's table.
const HELD: usize = 4;

/// What a shard keeps for an open connection. To be given back to the shard that made it, never to another.
#[derive(Debug)]
pub struct Connection {
    info: Arc<ConnectionInfo>,
    protocol: Protocol,
    /// The position of its rules, so that an exchange need not look into `info`.
    direction: u8,
    /// The place in `keys` and `series` that is given up next.
    oldest: u8,
    keys: [HttpKey; HELD],
    series: [Reported; HELD],
    first_byte: Reported,
}

/// The series that an exchange goes to: one for each side that it is reported for.
#[derive(Clone, Debug, Default)]
struct Reported {
    server: Option<Arc<Series>>,
    client: Option<Arc<Series>>,
}

impl Reported {
    #[inline]
    fn observe(&self, nanos: u64) {
        for series in [&self.server, &self.client].into_iter().flatten() {
            series.observe(nanos);
        }
    }
}

impl Shard {
    pub(crate) fn new(fold: Arc<Fold>, vocabulary: Arc<Vocabulary>, cells: Arc<WorkerCells>) -> Self {
        Self { fold, vocabulary, cells, index: RefCell::default() }
    }

    /// The store that this is a part of.
    pub fn fold(&self) -> &Arc<Fold> {
        &self.fold
    }

    fn direction(&self, connection: &Connection) -> &DirectionCells {
        &self.cells.directions[usize::from(connection.direction)]
    }

    /// Finds the series of each reporting side.
    #[cold]
    fn reported(&self, info: &ConnectionInfo, labels: impl Fn(Reporter) -> ExchangeLabels) -> Reported {
        let series = |reporter| self.find_or_create(labels(reporter));
        Reported {
            server: info.reporters.server.then(|| series(Reporter::Server)),
            client: info.reporters.client.then(|| series(Reporter::Client)),
        }
    }

    fn find_or_create(&self, labels: ExchangeLabels) -> Arc<Series> {
        let registry = self.fold.registry();
        let hash = registry.hash(&labels);
        let mut index = self.index.borrow_mut();
        if let Some(series) = index.table.find(hash, |series| series.registered.labels == labels) {
            return Arc::clone(series);
        }
        let registered = registry.find_or_create(hash, labels);
        // Where the store is full this is the overflow series, which the worker may have met before.
        let hash = registered.hash;
        let same = |series: &Arc<Series>| Arc::ptr_eq(&series.registered, &registered);
        if let Some(series) = index.table.find(hash, same) {
            return Arc::clone(series);
        }
        let series = Arc::new(Series::new(registered));
        if self.cells.series.put(index.listed, Arc::clone(&series)) {
            index.listed += 1;
        }
        index.table.insert_unique(hash, Arc::clone(&series), |series| series.registered.hash);
        series
    }
}

impl Connection {
    /// The place where the series of this key are held.
    #[inline]
    fn held(&self, key: HttpKey) -> Option<usize> {
        self.keys.iter().position(|held| *held == key)
    }

    fn hold(&mut self, key: HttpKey, series: Reported) -> usize {
        let place = usize::from(self.oldest) % HELD;
        self.oldest = self.oldest.wrapping_add(1);
        self.keys[place] = key;
        self.series[place] = series;
        place
    }
}

impl FlowSink for Shard {
    type Connection = Connection;

    fn opened(&self, info: &Arc<ConnectionInfo>) -> Connection {
        let connection = Connection {
            info: Arc::clone(info),
            protocol: Protocol::Unknown,
            direction: direction_index(info.reporters),
            oldest: 0,
            keys: [HttpKey::VACANT; HELD],
            series: Default::default(),
            first_byte: Reported::default(),
        };
        self.direction(&connection).open();
        connection
    }

    fn protocol(&self, connection: &mut Connection, protocol: Protocol) {
        connection.protocol = protocol;
    }

    fn bytes(&self, _: &mut Connection, side: Side, tally: &ByteTally) {
        self.cells.sides[side as usize].add(tally);
    }

    fn relayed(&self, _: &mut Connection, side: Side, added: Duration) {
        self.cells.sides[side as usize].added_latency.observe(&ADDED_LATENCY_NANOS, nanos(added));
    }

    fn exchange(&self, connection: &mut Connection, exchange: &Exchange<'_>) {
        self.direction(connection).exchange(exchange.outcome);
        let Operation::Http(http) = &exchange.operation else { return };
        let key = HttpKey::new(&self.vocabulary, http, exchange.outcome);
        let place = connection.held(key).unwrap_or_else(|| {
            let info = Arc::clone(&connection.info);
            let series = self.reported(&info, |reporter| ExchangeLabels::Http {
                reporter,
                key,
                port: info.server.port(),
                source: Arc::clone(&info.source),
                destination: Arc::clone(&info.destination),
            });
            connection.hold(key, series)
        });
        connection.series[place].observe(nanos(exchange.duration));
        if let Some(first_byte) = exchange.time_to_first_byte {
            let info = &connection.info;
            if connection.first_byte.server.is_none() && connection.first_byte.client.is_none() {
                connection.first_byte = self.reported(info, |reporter| ExchangeLabels::FirstByte {
                    reporter,
                    port: info.server.port(),
                    destination: Arc::clone(&info.destination),
                });
            }
            connection.first_byte.observe(nanos(first_byte));
        }
    }

    fn closed(&self, connection: Connection, end: &ConnectionEnd) {
        self.direction(&connection).close(connection.protocol, end.outcome);
    }

    fn refused(&self, refusal: Refusal) {
        self.cells.refused[refusal.index()].add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_costs_little() {
        // Nine thousand of them are to fit in a small agent; what it shares with others is not counted here.
        assert!(size_of::<Connection>() <= 192, "{}", size_of::<Connection>());
    }
}
