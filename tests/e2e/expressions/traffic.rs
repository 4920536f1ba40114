//! Exchanges of every kind: each protocol, the ways to end, each reporter. As few of each as tell something else: an exporter
//! that is not optimised has to render them all, once for each view.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flowfold_flow::{
    ByteTally, ConnectionEnd, ConnectionInfo, ConnectionOutcome, DnsAddress, DnsAnswer, DnsExchange, DnsRcode,
    DnsRecords, DnsTransport, DnsType, Exchange, FailureReason, FlowSink, GrpcCall, GrpcExchange, GrpcFlavour,
    GrpcMessages, GrpcStatus, HttpExchange, HttpVersion, KafkaApi, KafkaCluster, KafkaError, KafkaExchange,
    KafkaPartition, KafkaRecords, KafkaTopic, KnownMethod, Operation, Outcome, Protocol, Refusal, Reporters, Side,
    UnparsedReason, UrlScheme, Workload,
};
use flowfold_fold::{Health, NotObserved, SteeredDirection};

/// From whom to whom, each with its namespace, and who is local.
const PAIRS: [(&str, &str, &str, &str, Reporters); 3] = [
    ("shop", "web", "shop", "reviews", Reporters::BOTH),
    ("", "office", "shop", "reviews", Reporters::SERVER),
    ("shop", "reviews", "", "payments.example", Reporters::CLIENT),
];

/// The address that lookups are answered with. Nothing else is known of the server there.
const LOOKED_UP: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

/// How long exchanges take, in turn: most buckets get some.
const MILLIS: [u64; 6] = [1, 8, 40, 300, 1200, 6000];

const ANSWERS: [(KnownMethod, u16); 4] =
    [(KnownMethod::Get, 200), (KnownMethod::Post, 201), (KnownMethod::Get, 404), (KnownMethod::Post, 503)];

/// Those of clients, of servers, and of the agent.
const FAILURES: [FailureReason; 4] = [
    FailureReason::ClientCancelled,
    FailureReason::ServerReset,
    FailureReason::ConnectFailed,
    FailureReason::AgentStopped,
];

const CALLS: [(GrpcCall, GrpcStatus); 5] = [
    (GrpcCall::Unary, GrpcStatus::Ok),
    (GrpcCall::ClientStream, GrpcStatus::NotFound),
    (GrpcCall::ServerStream, GrpcStatus::DeadlineExceeded),
    (GrpcCall::BidiStream, GrpcStatus::Internal),
    (GrpcCall::Unary, GrpcStatus::Unavailable),
];

const APIS: [KafkaApi; 4] = [KafkaApi::PRODUCE, KafkaApi::FETCH, KafkaApi::OFFSET_COMMIT, KafkaApi::HEARTBEAT];

/// No error, a message that is too large, a group that is being shared out anew.
const ERRORS: [KafkaError; 3] = [KafkaError::NONE, KafkaError(10), KafkaError(27)];

/// The connections that it is about.
pub(super) struct Traffic {
    connections: Vec<Arc<ConnectionInfo>>,
    /// To a server that has a name by what its client looked up alone.
    to_looked_up: Arc<ConnectionInfo>,
    round: u64,
}

impl Traffic {
    pub(super) fn new() -> Self {
        let workload = |namespace: &str, name| Workload { namespace: namespace.into(), ..Workload::named(name) };
        let connection = |(source_namespace, source, namespace, destination, reporters)| ConnectionInfo {
            reporters,
            client: SocketAddr::from(([192, 0, 2, 1], 40_000)),
            server: SocketAddr::from(([192, 0, 2, 2], 9080)),
            source: workload(source_namespace, source).into(),
            destination: workload(namespace, destination).into(),
        };
        let [.., asking] = PAIRS.map(connection);
        let to_looked_up = ConnectionInfo {
            server: SocketAddr::from((LOOKED_UP, 80)),
            destination: Workload::named(&LOOKED_UP.to_string()).into(),
            ..asking
        };
        Self { connections: PAIRS.map(connection).map(Arc::new).into(), to_looked_up: Arc::new(to_looked_up), round: 0 }
    }

    /// Tells a sink of one more of everything.
    pub(super) fn tell(&mut self, sink: &impl FlowSink, health: &Health) {
        self.round += 1;
        for info in &self.connections {
            for (protocol, outcome) in Protocol::ALL.into_iter().zip(ConnectionOutcome::ALL.into_iter().cycle()) {
                let mut open = sink.opened(info);
                sink.protocol(&mut open, protocol);
                for exchange in Self::exchanges(info, protocol) {
                    sink.exchange(&mut open, &exchange);
                }
                self.kafka(sink, &mut open, info, protocol);
                carried(sink, &mut open);
                // the protocols are as many as the ways to end: each meets each in turn
                let turned =
                    (outcome.index() + usize::try_from(self.round).unwrap_or(0)) % ConnectionOutcome::ALL.len();
                sink.closed(open, &ConnectionEnd { outcome: ConnectionOutcome::ALL[turned] });
            }
        }
        // only now: a server has the name that its client was told before
        let mut open = sink.opened(&self.to_looked_up);
        sink.protocol(&mut open, Protocol::Http1);
        for exchange in Self::exchanges(&self.to_looked_up, Protocol::Http1) {
            sink.exchange(&mut open, &exchange);
        }
        sink.closed(open, &ConnectionEnd { outcome: ConnectionOutcome::Closed });
        for refusal in Refusal::ALL {
            sink.refused(refusal);
        }
        for reason in NotObserved::ALL {
            health.not_observed(reason, self.round);
        }
        for direction in SteeredDirection::ALL {
            health.steered(direction, self.round);
        }
        for side in Side::ALL {
            health.unread_datagrams(side, 1);
        }
    }

    /// The exchanges of a protocol but Kafka, which shows parts of a message.
    fn exchanges(info: &ConnectionInfo, protocol: Protocol) -> Vec<Exchange<'_>> {
        let took = |at: usize| Duration::from_millis(MILLIS[at % MILLIS.len()]);
        let numbered = |operation, outcome, at| exchange(info, operation, outcome, took(at));
        match protocol {
            Protocol::Http1 | Protocol::Http2 => {
                let answered = ANSWERS.into_iter().enumerate().map(|(at, (method, status))| {
                    numbered(http(protocol, method, Some(status)), Outcome::Answered, at)
                });
                let failed = FAILURES
                    .into_iter()
                    .enumerate()
                    .map(|(at, reason)| numbered(http(protocol, KnownMethod::Get, None), Outcome::Failed(reason), at));
                let calls = CALLS.into_iter().enumerate().filter(|_| protocol == Protocol::Http2);
                let calls =
                    calls.map(|(at, (call, status))| numbered(grpc(call, status, took(at)), Outcome::Answered, at));
                answered.chain(failed).chain(calls).collect()
            }
            Protocol::Dns => {
                let transports = [DnsTransport::Udp, DnsTransport::Tcp].into_iter();
                let mut lookups = Vec::new();
                for transport in transports {
                    for (at, code) in [0, 2, 3, 5].into_iter().enumerate() {
                        lookups.push(numbered(dns(transport, Some(DnsRcode(code))), Outcome::Answered, at));
                    }
                    for how in [FailureReason::Timeout, FailureReason::ConnectFailed] {
                        lookups.push(numbered(dns(transport, None), Outcome::Failed(how), 5));
                    }
                }
                lookups
            }
            _ => Vec::new(),
        }
    }

    fn kafka<S: FlowSink>(&self, sink: &S, open: &mut S::Connection, info: &ConnectionInfo, protocol: Protocol) {
        if protocol != Protocol::Kafka {
            return;
        }
        let written = i64::try_from(self.round).unwrap_or(0);
        for (at, (api, error)) in APIS.iter().flat_map(|api| ERRORS.map(|error| (*api, error))).enumerate() {
            let partitions = [KafkaPartition {
                topic: KafkaTopic::Named("orders"),
                partition: 0,
                error,
                records: KafkaRecords { count: 3, bytes: 300 },
                high_watermark: Some(9 * written),
                log_end: None,
                offset: Some(5 * written),
                has_no_offset: false,
            }];
            let duration = Duration::from_millis(MILLIS[at % MILLIS.len()]);
            let operation = Operation::Kafka(KafkaExchange {
                api,
                api_version: 9,
                cluster: Some(KafkaCluster::unknown()),
                client_id: Some("app-1"),
                group: Some("billing"),
                topic: Some(KafkaTopic::Named("orders")),
                error,
                throttle: Some(duration / 2),
                max_wait: (api == KafkaApi::FETCH).then_some(duration / 8),
                partitions: &partitions,
                more: KafkaRecords::default(),
                more_error: KafkaError::NONE,
                subject: None,
                is_replica: false,
            });
            sink.exchange(open, &exchange(info, operation, Outcome::Answered, duration));
        }
    }
}

/// Bytes of every class, and how long they took to be passed on.
fn carried<S: FlowSink>(sink: &S, open: &mut S::Connection) {
    for side in Side::ALL {
        sink.bytes(open, side, &ByteTally { parsed: 100, body: 1000, opaque: 30, ..ByteTally::default() });
        for reason in UnparsedReason::ALL {
            sink.bytes(open, side, &ByteTally { unparsed: 5, reason: Some(reason), ..ByteTally::default() });
        }
        sink.relayed(open, side, Duration::from_micros(17));
    }
}

fn exchange<'a>(
    connection: &'a ConnectionInfo,
    operation: Operation<'a>,
    outcome: Outcome,
    duration: Duration,
) -> Exchange<'a> {
    Exchange {
        connection,
        operation,
        outcome,
        started: SystemTime::UNIX_EPOCH,
        time_to_first_byte: (outcome == Outcome::Answered).then_some(duration / 4),
        duration,
        request_bytes: 100,
        response_bytes: 1000,
        trace: None,
    }
}

/// A request for a path that has a route, or, by another method than GET, for one whose pattern is learned.
fn http(protocol: Protocol, method: KnownMethod, status: Option<u16>) -> Operation<'static> {
    Operation::Http(HttpExchange {
        known_method: Some(method),
        method: method.as_label().as_bytes(),
        path: if method == KnownMethod::Get { b"/users/7" } else { b"/orders/17" },
        status,
        version: if protocol == Protocol::Http2 { HttpVersion::Http2 } else { HttpVersion::Http11 },
        scheme: UrlScheme::Http,
        tunnel: false,
    })
}

fn grpc(call: GrpcCall, status: GrpcStatus, duration: Duration) -> Operation<'static> {
    Operation::Grpc(GrpcExchange {
        flavour: GrpcFlavour::Grpc,
        method: b"shop.Cart/Add",
        status: Some(status),
        http_status: Some(200),
        call,
        request: GrpcMessages { count: 2, bytes: 10 },
        response: GrpcMessages { count: 2, bytes: 20 },
        timeout: None,
        time_to_first_message: Some(duration / 4),
        scheme: UrlScheme::Http,
    })
}

fn dns(transport: DnsTransport, code: Option<DnsRcode>) -> Operation<'static> {
    let addresses: &[_] = match code {
        Some(DnsRcode::NOERROR) => &[DnsAddress { ip: LOOKED_UP, ttl: 60 }],
        _ => &[],
    };
    let answer = code.map(|rcode| {
        let of_question = u16::try_from(addresses.len()).unwrap_or(u16::MAX);
        DnsAnswer { rcode, is_truncated: false, records: DnsRecords { of_question, ..DnsRecords::default() } }
    });
    Operation::Dns(DnsExchange { transport, name: b"details.example.test", kind: DnsType::A, answer, addresses })
}
