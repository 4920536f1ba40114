//! What a label set is made of, and how it becomes names and values.

mod context;
mod dns_key;
mod field;
mod kafka_key;
mod key;
mod rpc_key;
mod uses;

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::SystemTime;

use flowfold_flow::Workload;

pub(crate) use context::{Context, Contexts, is_named};
pub(crate) use dns_key::Answers;
pub(crate) use field::{Column, Field};
pub(crate) use kafka_key::KafkaKey;
pub(crate) use key::Key;
pub(crate) use uses::Uses;

use crate::destination_names::DestinationNames;
use crate::dns::DnsNames;
use crate::kafka::KafkaNames;
use crate::names::{self, Metric, label};
use crate::router::Router;
use crate::url_templates::UrlTemplates;
use crate::{Methods, RpcMethods};

/// A histogram family that exchanges or connections feed. It is a part of the store; the metrics are made of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ExchangeFamily {
    /// Durations of HTTP exchanges, reported for the server.
    HttpServer,
    /// Durations of HTTP exchanges, reported for the client.
    HttpClient,
    /// Durations of gRPC calls, reported for the server.
    RpcServer,
    /// Durations of gRPC calls, reported for the client.
    RpcClient,
    /// Times to first byte of HTTP exchanges, reported for either.
    FirstByte,
    /// Times to first message of gRPC calls, reported for either.
    FirstMessage,
    /// Connections that are over, where a view shows them, reported for either. They count, and have no duration.
    Connection,
    /// Durations of Kafka exchanges, reported for either.
    KafkaRequest,
    /// Records of topics, reported for either. Their time is 0.
    KafkaRecords,
    /// What brokers took for a Fetch beyond the wait that it allowed, reported for either.
    KafkaFetch,
    /// How long brokers held clients back, reported for either.
    KafkaThrottle,
    /// Durations of DNS lookups, reported for either.
    DnsLookup,
}

/// Which protocol the keys of a family are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Http,
    Rpc,
    Kafka,
    Dns,
}

impl ExchangeFamily {
    pub(crate) const ALL: [Self; 12] = [
        Self::HttpServer,
        Self::HttpClient,
        Self::RpcServer,
        Self::RpcClient,
        Self::FirstByte,
        Self::FirstMessage,
        Self::Connection,
        Self::KafkaRequest,
        Self::KafkaRecords,
        Self::KafkaFetch,
        Self::KafkaThrottle,
        Self::DnsLookup,
    ];

    /// The metric that the family is named after.
    pub(crate) const fn metric(self) -> &'static Metric {
        match self {
            Self::HttpServer => &names::HTTP_SERVER_REQUEST_DURATION,
            Self::HttpClient => &names::HTTP_CLIENT_REQUEST_DURATION,
            Self::RpcServer => &names::RPC_SERVER_CALL_DURATION,
            Self::RpcClient => &names::RPC_CLIENT_CALL_DURATION,
            Self::FirstByte => &names::HTTP_TIME_TO_FIRST_BYTE,
            Self::FirstMessage => &names::RPC_TIME_TO_FIRST_MESSAGE,
            Self::Connection => &names::HUBBLE_TCP_FLAGS,
            Self::KafkaRequest => &names::KAFKA_REQUEST_DURATION,
            Self::KafkaRecords => &names::KAFKA_RECORDS,
            Self::KafkaFetch => &names::KAFKA_FETCH_BEYOND_WAIT,
            Self::KafkaThrottle => &names::KAFKA_THROTTLE,
            Self::DnsLookup => &names::DNS_LOOKUP_DURATION,
        }
    }

    /// The durations of HTTP exchanges.
    pub(crate) const fn http(reporter: Reporter) -> Self {
        match reporter {
            Reporter::Server => Self::HttpServer,
            Reporter::Client => Self::HttpClient,
        }
    }

    /// The durations of gRPC calls.
    pub(crate) const fn rpc(reporter: Reporter) -> Self {
        match reporter {
            Reporter::Server => Self::RpcServer,
            Reporter::Client => Self::RpcClient,
        }
    }

    /// Whether its series count messages or records, too.
    pub(crate) const fn has_messages(self) -> bool {
        matches!(self, Self::RpcServer | Self::RpcClient | Self::KafkaRecords)
    }

    /// What its keys are made of.
    pub(crate) const fn key_kind(self) -> KeyKind {
        match self {
            Self::HttpServer | Self::HttpClient | Self::FirstByte | Self::Connection => KeyKind::Http,
            Self::RpcServer | Self::RpcClient | Self::FirstMessage => KeyKind::Rpc,
            Self::KafkaRequest | Self::KafkaRecords | Self::KafkaFetch | Self::KafkaThrottle => KeyKind::Kafka,
            Self::DnsLookup => KeyKind::Dns,
        }
    }

    /// What tells the keys of Kafka's families apart.
    pub(crate) const fn place_in_kafka(self) -> u64 {
        (self as u64).saturating_sub(Self::KafkaRequest as u64)
    }
}

/// For which side an exchange is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reporter {
    Server,
    Client,
}

impl Reporter {
    const fn as_label(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }

    const fn as_traffic_direction(self) -> &'static str {
        match self {
            Self::Server => "ingress",
            Self::Client => "egress",
        }
    }
}

/// The words that the small integers of a key stand for.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) methods: Methods,
    pub(crate) routes: Router,
    pub(crate) rpc_methods: RpcMethods,
    pub(crate) url_templates: UrlTemplates,
    pub(crate) kafka: KafkaNames,
    pub(crate) dns: DnsNames,
    pub(crate) destination_names: DestinationNames,
    /// Whether label sets of the client's side say that the server's side is reported, too.
    pub(crate) tells_both_sides: bool,
    /// Whether connections that are over make label sets.
    pub(crate) counts_connections: bool,
    /// What is kept of the label sets of each family.
    pub(crate) uses: [Uses; ExchangeFamily::ALL.len()],
}

impl Vocabulary {
    /// These words, no learned patterns, and everything kept.
    #[cfg(test)]
    pub(crate) fn new(methods: Methods, routes: Router) -> Self {
        Self {
            methods,
            routes,
            rpc_methods: RpcMethods::default(),
            url_templates: UrlTemplates::new(0),
            kafka: KafkaNames::new(&crate::KafkaLimits::default()),
            dns: DnsNames::new(&crate::DnsLimits::default(), false),
            destination_names: DestinationNames::new(&crate::DestinationNameLimits::default()),
            tells_both_sides: false,
            counts_connections: false,
            uses: [Uses::ALL; ExchangeFamily::ALL.len()],
        }
    }

    /// The bits that the keys of either of two families keep.
    pub(crate) fn bits_of(&self, families: [ExchangeFamily; 2]) -> u64 {
        families.into_iter().fold(0, |bits, family| bits | self.uses[family as usize].key)
    }
}

/// The labels of a series that exchanges feed. Two of them with equal parts have equal names and values, and the other
/// way round, so a series is found without writing its labels out.
#[derive(Clone, Debug)]
pub(crate) struct ExchangeLabels {
    pub(crate) family: ExchangeFamily,
    pub(crate) reporter: Reporter,
    /// What the exchange itself adds; [`Key::NONE`] in the families that keep nothing of it.
    pub(crate) key: Key,
    /// The server's port; 0 where the family has none.
    pub(crate) port: u16,
    /// The client's workload; absent where the family has none.
    pub(crate) source: Option<Arc<Workload>>,
    /// The server's workload; absent where the family has none.
    pub(crate) destination: Option<Arc<Workload>>,
    /// The name by which the client knows the server, as it is shown; absent where the family has none, and where none was
    /// learned. Only the client's reports have one.
    pub(crate) destination_name: Option<Arc<str>>,
}

impl ExchangeLabels {
    /// With nothing but what is kept.
    pub(crate) fn kept(self, uses: &[Uses; ExchangeFamily::ALL.len()]) -> Self {
        let uses = &uses[self.family as usize];
        Self {
            key: self.key.masked(uses.key),
            port: if uses.port { self.port } else { 0 },
            source: self.source.filter(|_| uses.source),
            destination: self.destination.filter(|_| uses.destination),
            destination_name: self.destination_name.filter(|_| uses.destination_name),
            ..self
        }
    }

    /// The labels of the series that takes what the ceiling turned away.
    pub(crate) const fn overflow(family: ExchangeFamily) -> Self {
        Self {
            family,
            reporter: Reporter::Server,
            key: Key::OVERFLOW,
            port: 0,
            source: None,
            destination: None,
            destination_name: None,
        }
    }

    /// Whether they have an `error_type`.
    pub(crate) fn is_error(&self) -> bool {
        self.key.is_error(self.reporter)
    }

    /// Whether this is the series that takes what the ceiling turned away.
    pub(crate) fn is_overflow(&self) -> bool {
        self.key == Key::OVERFLOW
    }
}

/// Only the name and the namespace of a workload are labels: the rest of it must not make a second series.
fn of_workload(workload: Option<&Arc<Workload>>) -> Option<(&str, &str)> {
    workload.map(|workload| (&*workload.name, &*workload.namespace))
}

impl PartialEq for ExchangeLabels {
    fn eq(&self, other: &Self) -> bool {
        (self.family, self.reporter, self.key, self.port) == (other.family, other.reporter, other.key, other.port)
            && of_workload(self.source.as_ref()) == of_workload(other.source.as_ref())
            && of_workload(self.destination.as_ref()) == of_workload(other.destination.as_ref())
            && self.destination_name == other.destination_name
    }
}

impl Eq for ExchangeLabels {}

impl Hash for ExchangeLabels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.family, self.reporter, self.key, self.port).hash(state);
        of_workload(self.source.as_ref()).hash(state);
        of_workload(self.destination.as_ref()).hash(state);
        self.destination_name.hash(state);
    }
}

/// A label set that the whole store knows.
#[derive(Debug)]
pub(crate) struct Registered {
    /// The hash of its labels, kept so that a table that grows need not hash strings.
    pub(crate) hash: u64,
    pub(crate) labels: ExchangeLabels,
    /// When it was first seen: the start of its counts.
    pub(crate) since: SystemTime,
    pub(crate) vocabulary: Arc<Vocabulary>,
}

/// The labels of a series, to be visited as names and values.
#[derive(Clone, Debug)]
pub struct Labels(pub(crate) Inner);

#[derive(Clone, Debug)]
pub(crate) enum Inner {
    Fixed(Box<[(&'static str, Cow<'static, str>)]>),
    /// These columns of a label set of the store.
    Exchange(Arc<Registered>, Arc<[Column]>),
}

impl Labels {
    /// No label.
    pub fn none() -> Self {
        Self(Inner::Fixed(Box::default()))
    }

    /// These names and values. Labels with an empty value are left out, which is the same to Prometheus.
    pub fn new<V: Into<Cow<'static, str>>>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name, value.into()));
        Self(Inner::Fixed(pairs.filter(|(_, value)| !value.is_empty()).collect()))
    }

    /// Calls `visit` with each name and value, always in the same order. Values are as they are, not escaped, and
    /// never empty.
    pub fn visit(&self, mut visit: impl FnMut(&'static str, &str)) {
        match &self.0 {
            Inner::Fixed(pairs) => pairs.iter().for_each(|(name, value)| visit(name, value)),
            Inner::Exchange(registered, columns) => visit_columns(registered, columns, &mut visit),
        }
    }
}

/// Calls `visit` with the name and value of each of these columns that has a value.
pub(crate) fn visit_columns(registered: &Registered, columns: &[Column], visit: &mut impl FnMut(&'static str, &str)) {
    if registered.labels.is_overflow() {
        visit(label::OTEL_METRIC_OVERFLOW, "true");
        return;
    }
    for column in columns {
        column.field.value(&registered.labels, &registered.vocabulary, |value| {
            if !value.is_empty() {
                visit(column.name, value);
            }
        });
    }
}
