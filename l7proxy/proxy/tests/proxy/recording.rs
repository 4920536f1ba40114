//! A sink that remembers what it heard.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowfold_flow::{
    ByteTally, ConnectionEnd, ConnectionInfo, ConnectionOutcome, Exchange, FlowSink, GrpcCall, GrpcFlavour,
    GrpcMessages, GrpcStatus, HttpVersion, KafkaCluster, KafkaExchange, KafkaPartition, KafkaRecords, KafkaSubject,
    KafkaTopic, Operation, Outcome, Protocol, Refusal, Side, TraceContext, UnparsedReason,
};

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// An exchange, with what it borrowed copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: Option<u16>,
    pub(crate) version: HttpVersion,
    pub(crate) outcome: Outcome,
    pub(crate) tunnel: bool,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) first_byte_known: bool,
    pub(crate) call: Option<HeardCall>,
    pub(crate) kafka: Option<HeardKafka>,
    /// Of the name that was looked up, with their seconds.
    pub(crate) addresses: Vec<(String, u32)>,
    pub(crate) trace: Option<TraceContext>,
}

/// What a gRPC call told beside that. Its method stands in `path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeardCall {
    pub(crate) flavour: GrpcFlavour,
    pub(crate) status: Option<GrpcStatus>,
    pub(crate) call: GrpcCall,
    pub(crate) request: GrpcMessages,
    pub(crate) response: GrpcMessages,
    pub(crate) timeout: Option<Duration>,
    pub(crate) first_message_known: bool,
}

/// Topic, number, error, records and their bytes, high watermark, offset.
pub(crate) type HeardPartition = (String, i32, i16, u64, u64, Option<i64>, Option<i64>);

/// The id of a transaction, its producer, whether it is committed, and how long it may be open.
pub(crate) type HeardTransaction = (String, (i64, i16), bool, Option<Duration>);

/// What an exchange with a Kafka broker told. The name of what was asked stands in `method`, the topic in `path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeardKafka {
    pub(crate) version: i16,
    /// The id of the broker's cluster.
    pub(crate) cluster: String,
    pub(crate) client_id: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) topic: Option<String>,
    pub(crate) error: i16,
    pub(crate) throttle: Option<Duration>,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) partitions: Vec<HeardPartition>,
    pub(crate) more: (u64, u64, i16),
    pub(crate) log_ends: Vec<i64>,
    /// The partitions of which the group has no offset.
    pub(crate) no_offsets: Vec<i32>,
    pub(crate) deleted_groups: Vec<String>,
    pub(crate) transaction: Option<HeardTransaction>,
    pub(crate) is_replica: bool,
}

impl HeardKafka {
    fn of(kafka: &KafkaExchange<'_>) -> Self {
        let topic = |topic: KafkaTopic<'_>| match topic {
            KafkaTopic::Named(name) => name.to_owned(),
            KafkaTopic::Unknown => "?".to_owned(),
        };
        let partition = |one: &KafkaPartition<'_>| {
            let (KafkaRecords { count, bytes }, error) = (one.records, one.error.0);
            (topic(one.topic), one.partition, error, count, bytes, one.high_watermark, one.offset)
        };
        let (mut deleted_groups, mut transaction) = (Vec::new(), None);
        match kafka.subject {
            Some(KafkaSubject::DeletedGroups(names)) => {
                deleted_groups.extend(names.iter().map(|&name| name.to_owned()));
            }
            Some(KafkaSubject::Transaction(of)) => {
                transaction = Some((of.transactional_id.to_owned(), of.producer, of.commits, of.timeout));
            }
            None => {}
        }
        Self {
            version: kafka.api_version,
            cluster: kafka.cluster.map_or("?", KafkaCluster::id).to_owned(),
            client_id: kafka.client_id.map(str::to_owned),
            group: kafka.group.map(str::to_owned),
            topic: kafka.topic.map(topic),
            error: kafka.error.0,
            throttle: kafka.throttle,
            max_wait: kafka.max_wait,
            partitions: kafka.partitions.iter().map(partition).collect(),
            more: (kafka.more.count, kafka.more.bytes, kafka.more_error.0),
            log_ends: kafka.partitions.iter().filter_map(|one| one.log_end).collect(),
            no_offsets: kafka.partitions.iter().filter(|one| one.has_no_offset).map(|one| one.partition).collect(),
            deleted_groups,
            transaction,
            is_replica: kafka.is_replica,
        }
    }
}

/// What was heard of one connection, told when it closes.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionRecord {
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) exchanges: Vec<Heard>,
    pub(crate) to_server: ByteTally,
    pub(crate) to_client: ByteTally,
    pub(crate) outcome: Option<ConnectionOutcome>,
}

/// Where the records of closed connections come out.
pub(crate) struct Records(Receiver<ConnectionRecord>);

impl Records {
    pub(crate) fn next(&self) -> ConnectionRecord {
        self.0.recv_timeout(PATIENCE).expect("a connection should have closed by now")
    }

    /// Those of the connections that have closed.
    pub(crate) fn come(&self) -> impl Iterator<Item = ConnectionRecord> {
        self.0.try_iter()
    }

    /// Whether no more can come: whoever tells of them is gone.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.0.try_recv(), Err(TryRecvError::Disconnected))
    }
}

/// The sink. Exchanges can be watched while a connection is open.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    closed: Sender<ConnectionRecord>,
    pub(crate) exchanges: Arc<Mutex<Vec<Heard>>>,
    /// Panics when an exchange has this path, as a sink with a fault would.
    pub(crate) faulty_path: Option<&'static str>,
    /// How many connections are open.
    open: Arc<AtomicUsize>,
}

impl Recording {
    pub(crate) fn new() -> (Self, Records) {
        let (closed, records) = channel();
        (Self { closed, exchanges: Arc::default(), faulty_path: None, open: Arc::default() }, Records(records))
    }
}

impl Recording {
    /// How many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl FlowSink for Recording {
    type Connection = ConnectionRecord;

    fn opened(&self, _info: &Arc<ConnectionInfo>) -> ConnectionRecord {
        self.open.fetch_add(1, Ordering::Relaxed);
        ConnectionRecord::default()
    }

    fn protocol(&self, connection: &mut ConnectionRecord, protocol: Protocol) {
        connection.protocols.push(protocol);
    }

    fn bytes(&self, connection: &mut ConnectionRecord, side: Side, tally: &ByteTally) {
        match side {
            Side::ClientToServer => connection.to_server += *tally,
            Side::ServerToClient => connection.to_client += *tally,
        }
    }

    fn relayed(&self, _connection: &mut ConnectionRecord, _side: Side, _added: Duration) {}

    fn exchange(&self, connection: &mut ConnectionRecord, exchange: &Exchange<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (method, path, status, version, tunnel, call) = match &exchange.operation {
            Operation::Http(http) => (text(http.method), text(http.path), http.status, http.version, http.tunnel, None),
            Operation::Grpc(grpc) => {
                let call = HeardCall {
                    flavour: grpc.flavour,
                    status: grpc.status,
                    call: grpc.call,
                    request: grpc.request,
                    response: grpc.response,
                    timeout: grpc.timeout,
                    first_message_known: grpc.time_to_first_message.is_some(),
                };
                ("POST".into(), text(grpc.method), grpc.http_status, HttpVersion::Http2, false, Some(call))
            }
            Operation::Kafka(kafka) => {
                let topic = HeardKafka::of(kafka).topic.unwrap_or_default();
                (kafka.api.name().unwrap_or("unknown").to_owned(), topic, None, HttpVersion::Http2, false, None)
            }
            // The name stands in `path`, the transport and the type in `method`, the code in `status`.
            Operation::Dns(dns) => {
                let method = format!("{} {}", dns.transport.as_label(), dns.kind.0);
                let rcode = dns.answer.map(|answer| answer.rcode.0);
                (method, text(dns.name), rcode, HttpVersion::Http2, false, None)
            }
            _ => panic!("nothing else is read"),
        };
        let kafka = match &exchange.operation {
            Operation::Kafka(kafka) => Some(HeardKafka::of(kafka)),
            _ => None,
        };
        let addresses = match &exchange.operation {
            Operation::Dns(dns) => dns.addresses.iter().map(|told| (told.ip.to_string(), told.ttl)).collect(),
            _ => Vec::new(),
        };
        let heard = Heard {
            method,
            path,
            status,
            version,
            outcome: exchange.outcome,
            tunnel,
            request_bytes: exchange.request_bytes,
            response_bytes: exchange.response_bytes,
            first_byte_known: exchange.time_to_first_byte.is_some(),
            call,
            kafka,
            addresses,
            trace: exchange.trace,
        };
        assert!(self.faulty_path.is_none_or(|path| path != heard.path), "a fault that a test asked for");
        self.exchanges.lock().expect("no test panics with the lock").push(heard.clone());
        connection.exchanges.push(heard);
    }

    fn closed(&self, mut connection: ConnectionRecord, end: &ConnectionEnd) {
        connection.outcome = Some(end.outcome);
        self.open.fetch_sub(1, Ordering::Relaxed);
        // A test that has seen enough no longer listens.
        drop(self.closed.send(connection));
    }

    fn refused(&self, _refusal: Refusal) {}

    fn wants_addresses(&self) -> bool {
        true
    }
}

impl ConnectionRecord {
    /// The reasons for which bytes were not read.
    pub(crate) fn unparsed_reason(&self) -> Option<UnparsedReason> {
        self.to_server.reason.or(self.to_client.reason)
    }
}
