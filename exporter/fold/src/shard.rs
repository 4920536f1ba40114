//! One worker's part of the store.

mod dns;
mod index;
mod kafka;

use std::cell::RefCell;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flowfold_flow::{
    ByteTally, ConnectionEnd, ConnectionInfo, ConnectionOutcome, Exchange, FlowSink, GrpcExchange, HttpExchange,
    Operation, Protocol, Refusal, Reporters, Side, TraceContext,
};
use index::Index;

use crate::Fold;
use crate::buckets::{ADDED_LATENCY_NANOS, nanos};
use crate::budget::Budget;
use crate::cell::unix_nanos;
use crate::labels::{ExchangeFamily, ExchangeLabels, Key, Reporter, Vocabulary};
use crate::registry::Ticket;
use crate::series::{Record, Series};
use crate::worker::{DirectionCells, WorkerCells, direction_index};

/// One worker's part of the store. It may be moved to its worker's thread, but not shared: it is the only writer of
/// its cells.
#[derive(Debug)]
pub struct Shard {
    fold: Arc<Fold>,
    vocabulary: Arc<Vocabulary>,
    cells: Arc<WorkerCells>,
    index: RefCell<Index>,
    /// The bits of keys that are kept for either side.
    http_bits: u64,
    rpc_bits: u64,
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
    /// The place of the gRPC method or of the Kafka topic that was named last.
    last_name: u16,
    /// The table of route templates that holds for the server.
    routes: u16,
    /// The name by which the client knows the server, where one is learned.
    name: Option<Arc<str>>,
    /// When it was opened, in nanoseconds since 1970, until its name is settled.
    opened: Option<NonZeroU64>,
    /// The registry's generation when the series were looked for.
    generation: u32,
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

    #[inline]
    fn record(&self, record: &Record<'_>, budget: &Budget) {
        // Two conditions and no iterator, whose state would be written and read back for each exchange.
        if let Some(series) = &self.server {
            series.record(record, budget);
        }
        if let Some(series) = &self.client {
            series.record(record, budget);
        }
    }
}

impl Shard {
    pub(crate) fn new(fold: Arc<Fold>, vocabulary: Arc<Vocabulary>, cells: Arc<WorkerCells>, ticket: Ticket) -> Self {
        let http_bits = vocabulary.bits_of([ExchangeFamily::HttpServer, ExchangeFamily::HttpClient]);
        let rpc_bits = vocabulary.bits_of([ExchangeFamily::RpcServer, ExchangeFamily::RpcClient]);
        Self { fold, vocabulary, cells, index: RefCell::new(Index::new(ticket)), http_bits, rpc_bits }
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
        let labels = labels.kept(&self.vocabulary.uses);
        self.index.borrow_mut().find_or_create(self.fold.registry(), labels)
    }

    fn http(&self, connection: &mut Connection, exchange: &Exchange<'_>, http: &HttpExchange<'_>) {
        let vocabulary = &*self.vocabulary;
        let route = vocabulary.routes.place(connection.routes, http.method, http.path);
        let pattern = if route == 0 && vocabulary.url_templates.is_on() {
            let info = &connection.info;
            self.index.borrow_mut().url_places.place(&vocabulary.url_templates, info, http, exchange.outcome)
        } else {
            0
        };
        let key = Key::http(vocabulary, http, exchange.outcome, (route, pattern)).masked(self.http_bits);
        let place = connection.held(key).unwrap_or_else(|| self.hold(connection, key, ExchangeFamily::http));
        let record = Record::of(exchange.duration).with_trace(trace_of(exchange));
        connection.series[place].record(&record, self.fold.registry().budget());
        if let Some(first_byte) = exchange.time_to_first_byte {
            if connection.first_byte.is_empty() {
                connection.first_byte = self.first(connection, ExchangeFamily::FirstByte);
            }
            connection.first_byte.record(&Record::of(first_byte), self.fold.registry().budget());
        }
    }

    fn grpc(&self, connection: &mut Connection, exchange: &Exchange<'_>, grpc: &GrpcExchange<'_>) {
        let method = self.index.borrow_mut().rpc_places.place(
            &self.vocabulary.rpc_methods,
            grpc,
            exchange.outcome,
            connection.last_name,
        );
        connection.last_name = method;
        let key = Key::rpc(method, grpc, exchange.outcome).masked(self.rpc_bits);
        let place = connection.held(key).unwrap_or_else(|| self.hold(connection, key, ExchangeFamily::rpc));
        let record = Record::of(exchange.duration).with_trace(trace_of(exchange)).with_call(grpc);
        connection.series[place].record(&record, self.fold.registry().budget());
        if let Some(first_message) = grpc.time_to_first_message {
            if connection.first_message.is_empty() {
                connection.first_message = self.first(connection, ExchangeFamily::FirstMessage);
            }
            connection.first_message.record(&Record::of(first_message), self.fold.registry().budget());
        }
    }

    /// Lets a connection look for its series anew, because some have been given up.
    #[cold]
    fn let_go(&self, connection: &mut Connection, generation: u32) {
        connection.generation = generation;
        connection.keys = [Key::NONE; HELD];
        connection.series = Default::default();
        connection.first_byte = Reported::default();
        connection.first_message = Reported::default();
        self.index.borrow_mut().tidy();
    }

    /// Finds the series of a key and lets the connection hold them. Returns their place.
    #[cold]
    fn hold(&self, connection: &mut Connection, key: Key, family: impl Fn(Reporter) -> ExchangeFamily) -> usize {
        let name = self.shown_name(connection);
        let info = &connection.info;
        let both = self.vocabulary.tells_both_sides && info.reporters == Reporters::BOTH;
        let key_of = |reporter| if both && reporter == Reporter::Client { key.with_server_too() } else { key };
        let series = self.reported(info, |reporter| ExchangeLabels {
            family: family(reporter),
            reporter,
            key: key_of(reporter),
            port: info.server.port(),
            source: Some(Arc::clone(&info.source)),
            destination: Some(Arc::clone(&info.destination)),
            destination_name: name.clone().filter(|_| reporter == Reporter::Client),
        });
        connection.hold(key, series)
    }

    /// The name of a connection's server, as it is shown. It is looked for when the connection begins, and once more with
    /// its first exchange: the client may have connected before the answer that it had been given was read.
    fn shown_name(&self, connection: &mut Connection) -> Option<Arc<str>> {
        let names = &self.vocabulary.destination_names;
        if let Some(opened) = connection.opened.take()
            && let Some(name) = names.name_of(&connection.info, opened.get())
        {
            connection.name = Some(name);
        }
        connection.name.as_deref().map(|name| names.shown(&connection.info, name))
    }

    /// Counts a connection that is over by who its ends were.
    fn ended(&self, connection: &mut Connection, outcome: ConnectionOutcome) {
        let name = self.shown_name(connection);
        let info = &connection.info;
        let series = self.reported(info, |reporter| ExchangeLabels {
            family: ExchangeFamily::Connection,
            reporter,
            key: Key::connection(outcome, info.server.ip().to_canonical().is_ipv6()),
            port: 0,
            source: Some(Arc::clone(&info.source)),
            destination: Some(Arc::clone(&info.destination)),
            destination_name: name.clone().filter(|_| reporter == Reporter::Client),
        });
        series.record(&Record::of(Duration::ZERO), self.fold.registry().budget());
    }

    /// Finds the series of a time to the first of something.
    #[cold]
    fn first(&self, connection: &mut Connection, family: ExchangeFamily) -> Reported {
        let name = self.shown_name(connection);
        let info = &connection.info;
        self.reported(info, |reporter| ExchangeLabels {
            family,
            reporter,
            key: Key::NONE,
            port: info.server.port(),
            source: None,
            destination: Some(Arc::clone(&info.destination)),
            destination_name: name.clone().filter(|_| reporter == Reporter::Client),
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
        let names = &self.vocabulary.destination_names;
        let opened = names.is_wanted(info).then(|| NonZeroU64::new(unix_nanos(SystemTime::now()))).flatten();
        let name = opened.and_then(|opened| names.name_of(info, opened.get()));
        let connection = Connection {
            info: Arc::clone(info),
            protocol: Protocol::Unknown,
            direction: direction_index(info.reporters),
            oldest: 0,
            keys: [Key::NONE; HELD],
            series: Default::default(),
            first_byte: Reported::default(),
            first_message: Reported::default(),
            last_name: 0,
            routes: self.vocabulary.routes.table_of(&info.destination),
            name,
            opened,
            generation: self.fold.registry().generation(),
        };
        self.direction(&connection).open();
        self.index.borrow_mut().tidy();
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
        let generation = self.fold.registry().generation();
        if connection.generation != generation {
            self.let_go(connection, generation);
        }
        match &exchange.operation {
            Operation::Http(http) => self.http(connection, exchange, http),
            Operation::Grpc(grpc) => self.grpc(connection, exchange, grpc),
            Operation::Dns(dns) => self.dns(connection, exchange, dns),
            Operation::Kafka(kafka) => self.kafka(connection, exchange, kafka),
            _ => {}
        }
    }

    fn closed(&self, mut connection: Connection, end: &ConnectionEnd) {
        self.direction(&connection).close(connection.protocol, end.outcome);
        // Datagrams have no flags to be told of.
        if self.vocabulary.counts_connections && end.outcome != ConnectionOutcome::Silent {
            self.ended(&mut connection, end.outcome);
        }
    }

    fn refused(&self, refusal: Refusal) {
        self.cells.refused[refusal.index()].add(1);
    }

    fn wants_addresses(&self) -> bool {
        self.vocabulary.destination_names.is_on()
    }
}

/// The trace that an exchange can be found by, and when it was over. One whose spans nobody keeps leads nowhere.
#[inline]
fn trace_of<'a>(exchange: &'a Exchange<'_>) -> Option<(&'a TraceContext, u64)> {
    let trace = exchange.trace.as_ref().filter(|trace| trace.sampled)?;
    Some((trace, unix_nanos(exchange.started + exchange.duration)))
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
