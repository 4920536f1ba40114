//! One worker's part of the store.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use flowfold_flow::{
    ByteTally, ConnectionEnd, ConnectionInfo, Exchange, FlowSink, GrpcExchange, HttpExchange, Operation, Protocol,
    Refusal, Side,
};
use hashbrown::HashTable;

use crate::Fold;
use crate::buckets::{ADDED_LATENCY_NANOS, nanos};
use crate::labels::{ExchangeFamily, ExchangeLabels, Key, Reporter, Vocabulary};
use crate::rpc_methods::RpcPlaces;
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
    /// The series that take what the ceiling turned away.
    overflow: [Option<Arc<Series>>; ExchangeFamily::ALL.len()],
    rpc_places: RpcPlaces,
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
    keys: [Key; HELD],
    series: [Reported; HELD],
    /// Of an HTTP exchange's first byte.
    first_byte: Reported,
    /// Of a gRPC call's first message.
    first_message: Reported,
    /// The place of the method that was called last.
    rpc_method: u16,
}

/// The series that an exchange goes to: one for each side that it is reported for.
#[derive(Clone, Debug, Default)]
struct Reported {
    server: Option<Arc<Series>>,
    client: Option<Arc<Series>>,
}

impl Reported {
    fn is_empty(&self) -> bool {
        self.server.is_none() && self.client.is_none()
    }

    fn each(&self) -> impl Iterator<Item = &Series> {
        [&self.server, &self.client].into_iter().flatten().map(|series| &**series)
    }

    #[inline]
    fn observe(&self, nanos: u64) {
        self.each().for_each(|series| series.observe(nanos));
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
        let family = labels.family;
        let Some(series) = registry.new_series(hash, labels) else {
            let overflow = &mut index.overflow[family as usize];
            return Arc::clone(overflow.get_or_insert_with(|| registry.new_overflow_series(family)));
        };
        index.table.insert_unique(hash, Arc::clone(&series), |series| series.registered.hash);
        series
    }

    fn http(&self, connection: &mut Connection, exchange: &Exchange<'_>, http: &HttpExchange<'_>) {
        let key = Key::http(&self.vocabulary, http, exchange.outcome);
        let place = connection.held(key).unwrap_or_else(|| self.hold(connection, key, ExchangeFamily::http));
        connection.series[place].observe(nanos(exchange.duration));
        if let Some(first_byte) = exchange.time_to_first_byte {
            if connection.first_byte.is_empty() {
                connection.first_byte = self.first(&connection.info, ExchangeFamily::FirstByte);
            }
            connection.first_byte.observe(nanos(first_byte));
        }
    }

    fn grpc(&self, connection: &mut Connection, exchange: &Exchange<'_>, grpc: &GrpcExchange<'_>) {
        let method = self.index.borrow_mut().rpc_places.place(
            &self.vocabulary.rpc_methods,
            grpc,
            exchange.outcome,
            connection.rpc_method,
        );
        connection.rpc_method = method;
        let key = Key::rpc(method, grpc, exchange.outcome);
        let place = connection.held(key).unwrap_or_else(|| self.hold(connection, key, ExchangeFamily::rpc));
        for series in connection.series[place].each() {
            series.observe(nanos(exchange.duration));
            series.add_messages(grpc);
        }
        if let Some(first_message) = grpc.time_to_first_message {
            if connection.first_message.is_empty() {
                connection.first_message = self.first(&connection.info, ExchangeFamily::FirstMessage);
            }
            connection.first_message.observe(nanos(first_message));
        }
    }

    /// Finds the series of a key and lets the connection hold them. Returns their place.
    #[cold]
    fn hold(&self, connection: &mut Connection, key: Key, family: impl Fn(Reporter) -> ExchangeFamily) -> usize {
        let info = &connection.info;
        let series = self.reported(info, |reporter| ExchangeLabels {
            family: family(reporter),
            reporter,
            key,
            port: info.server.port(),
            source: Some(Arc::clone(&info.source)),
            destination: Some(Arc::clone(&info.destination)),
        });
        connection.hold(key, series)
    }

    /// Finds the series of a time to the first of something.
    #[cold]
    fn first(&self, info: &ConnectionInfo, family: ExchangeFamily) -> Reported {
        self.reported(info, |reporter| ExchangeLabels {
            family,
            reporter,
            key: Key::NONE,
            port: info.server.port(),
            source: None,
            destination: Some(Arc::clone(&info.destination)),
        })
    }
}

impl Connection {
    /// The place where the series of this key are held.
    #[inline]
    fn held(&self, key: Key) -> Option<usize> {
        self.keys.iter().position(|held| *held == key)
    }

    fn hold(&mut self, key: Key, series: Reported) -> usize {
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
            keys: [Key::NONE; HELD],
            series: Default::default(),
            first_byte: Reported::default(),
            first_message: Reported::default(),
            rpc_method: 0,
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
        match &exchange.operation {
            Operation::Http(http) => self.http(connection, exchange, http),
            Operation::Grpc(grpc) => self.grpc(connection, exchange, grpc),
            _ => {}
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
