//! A store with a little of everything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flowfold_flow::{
    ByteTally, ConnectionEnd, ConnectionInfo, ConnectionOutcome, DnsAnswer, DnsExchange, DnsRcode, DnsRecords,
    DnsTransport, DnsType, Exchange, FailureReason, FlowSink, GrpcCall, GrpcExchange, GrpcFlavour, GrpcMessages,
    GrpcStatus, HttpExchange, HttpVersion, KafkaApi, KafkaCluster, KafkaError, KafkaExchange, KafkaPartition,
    KafkaRecords, KafkaTopic, KnownMethod, Operation, Outcome, Protocol, Refusal, Reporters, Side, UnparsedReason,
    UrlScheme, Workload,
};
use flowfold_fold::{Fold, FoldOptions, NotObserved, RouteTable, SteeredDirection, View};

/// A workload whose name has what escaping is for.
pub(crate) const ODD_NAME: &str = "odd \"name\" \\ with\nall \u{1f600}";

/// A connection from `shop/web` to this server on port 9080.
pub(crate) fn connection(reporters: Reporters, server: &str) -> Arc<ConnectionInfo> {
    let source = Workload { namespace: "shop".into(), ..Workload::named("web") };
    Arc::new(ConnectionInfo {
        reporters,
        client: SocketAddr::from(([192, 0, 2, 1], 40_000)),
        server: SocketAddr::from(([192, 0, 2, 2], 9080)),
        source: source.into(),
        destination: Workload::named(server).into(),
    })
}

/// A GET of `/users/7` that was answered with this status after this time.
pub(crate) fn answered(info: &ConnectionInfo, status: u16, duration: Duration) -> Exchange<'_> {
    Exchange {
        connection: info,
        operation: Operation::Http(HttpExchange {
            known_method: Some(KnownMethod::Get),
            method: b"GET",
            path: b"/users/7",
            status: Some(status),
            version: HttpVersion::Http11,
            scheme: UrlScheme::Http,
            tunnel: false,
        }),
        outcome: Outcome::Answered,
        started: SystemTime::UNIX_EPOCH,
        time_to_first_byte: Some(duration / 4),
        duration,
        request_bytes: 100,
        response_bytes: 1000,
        trace: None,
    }
}

/// A call of `shop.Cart/Add` with a message each way.
pub(crate) fn called(info: &ConnectionInfo, status: GrpcStatus, duration: Duration) -> Exchange<'_> {
    let operation = Operation::Grpc(GrpcExchange {
        flavour: GrpcFlavour::Grpc,
        method: b"shop.Cart/Add",
        status: Some(status),
        http_status: Some(200),
        call: GrpcCall::Unary,
        request: GrpcMessages { count: 1, bytes: 10 },
        response: GrpcMessages { count: 1, bytes: 20 },
        timeout: None,
        time_to_first_message: Some(duration / 4),
        scheme: UrlScheme::Http,
    });
    Exchange { operation, ..answered(info, 200, duration) }
}

/// A Kafka request of a consumer group about a partition of `orders`, with three records where it carries any. The broker
/// held the client back for it.
pub(crate) fn asked<'a>(
    info: &'a ConnectionInfo,
    api: KafkaApi,
    partitions: &'a [KafkaPartition<'a>],
    duration: Duration,
) -> Exchange<'a> {
    let operation = Operation::Kafka(KafkaExchange {
        api,
        api_version: 9,
        cluster: Some(KafkaCluster::unknown()),
        client_id: Some("app-1"),
        group: Some("billing"),
        topic: Some(KafkaTopic::Named("orders")),
        error: partitions.first().map_or(KafkaError::NONE, |partition| partition.error),
        throttle: Some(duration / 2),
        max_wait: (api == KafkaApi::FETCH).then_some(duration / 8),
        partitions,
        more: KafkaRecords::default(),
        more_error: KafkaError::NONE,
        subject: None,
        is_replica: false,
    });
    Exchange { operation, ..answered(info, 200, duration) }
}

/// A partition of `orders` that has three records for whoever asks.
pub(crate) const PARTITION: KafkaPartition<'static> = KafkaPartition {
    topic: KafkaTopic::Named("orders"),
    partition: 0,
    error: KafkaError::NONE,
    records: KafkaRecords { count: 3, bytes: 300 },
    high_watermark: Some(9),
    log_end: None,
    offset: Some(5),
    has_no_offset: false,
};

/// A lookup of the addresses of `details.example`, answered with this code after this time.
pub(crate) fn looked_up(info: &ConnectionInfo, rcode: DnsRcode, duration: Duration) -> Exchange<'_> {
    let records = DnsRecords { of_question: u16::from(rcode == DnsRcode::NOERROR), ..DnsRecords::default() };
    let operation = Operation::Dns(DnsExchange {
        transport: DnsTransport::Udp,
        name: b"details.example",
        kind: DnsType::A,
        answer: Some(DnsAnswer { rcode, is_truncated: false, records }),
        addresses: &[],
    });
    Exchange { operation, ..answered(info, 200, duration) }
}

/// A store with a series of every family.
pub(crate) fn filled() -> Arc<Fold> {
    let routes = RouteTable::parse(["/users/{id}"]).unwrap();
    let fold = Fold::new(FoldOptions { routes, max_series: 100, views: View::ALL.to_vec(), ..FoldOptions::default() });
    let shard = fold.shard();
    for (number, server) in ["details", ODD_NAME, "reviews", "ratings"].into_iter().enumerate() {
        let info = connection(Reporters::BOTH, server);
        let mut open = shard.opened(&info);
        shard.protocol(&mut open, Protocol::Http1);
        for (millis, status) in [(3, 200), (40, 200), (700, 404), (20_000, 503)] {
            shard.exchange(&mut open, &answered(&info, status, Duration::from_millis(millis)));
        }
        let mut failed = answered(&info, 200, Duration::from_micros(1500));
        failed.outcome = Outcome::Failed(FailureReason::ServerReset);
        shard.exchange(&mut open, &failed);
        for (millis, status) in [(3, GrpcStatus::Ok), (60, GrpcStatus::NotFound), (80, GrpcStatus::Internal)] {
            shard.exchange(&mut open, &called(&info, status, Duration::from_millis(millis)));
        }
        let refused = KafkaPartition { error: KafkaError(10), ..PARTITION };
        for (api, partition) in [
            (KafkaApi::PRODUCE, PARTITION),
            (KafkaApi::PRODUCE, refused),
            (KafkaApi::FETCH, PARTITION),
            (KafkaApi::OFFSET_COMMIT, PARTITION),
        ] {
            shard.exchange(&mut open, &asked(&info, api, &[partition], Duration::from_millis(80)));
        }
        for rcode in [DnsRcode::NOERROR, DnsRcode::SERVFAIL] {
            shard.exchange(&mut open, &looked_up(&info, rcode, Duration::from_millis(2)));
        }
        let tally = ByteTally { parsed: 100, body: 1, opaque: 3, ..ByteTally::default() };
        shard.bytes(&mut open, Side::ClientToServer, &tally);
        let unparsed = ByteTally { unparsed: 5, reason: Some(UnparsedReason::HeadTooLarge), ..ByteTally::default() };
        shard.bytes(&mut open, Side::ServerToClient, &unparsed);
        shard.relayed(&mut open, Side::ServerToClient, Duration::from_micros(17));
        if number % 2 == 0 {
            shard.closed(open, &ConnectionEnd { outcome: ConnectionOutcome::Closed });
        }
    }
    shard.refused(Refusal::NoDestination);
    fold.health().program("sk_lookup", true);
    fold.health().not_observed(NotObserved::OlderThanAgent, 2);
    fold.health().steered(SteeredDirection::Ingress, 4);
    fold.health().unread_datagrams(Side::ServerToClient, 2);
    fold
}
