//! Made-up connections and exchanges, and a way to ask a snapshot for one series.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flowfold_flow::{
    ConnectionInfo, Exchange, GrpcCall, GrpcExchange, GrpcFlavour, GrpcMessages, GrpcStatus, HttpExchange, HttpVersion,
    KafkaApi, KafkaCluster, KafkaError, KafkaExchange, KafkaPartition, KafkaRecords, KafkaTopic, KnownMethod,
    Operation, Outcome, Reporters, TraceContext, UrlScheme, Workload,
};
use flowfold_fold::{HistogramPoint, Labels, Number, Points, Snapshot};

/// A connection from `shop/web` to `shop/<server>` on port 9080.
pub(crate) fn connection(reporters: Reporters, server: &str) -> Arc<ConnectionInfo> {
    let workload = |name: &str| Arc::new(Workload { namespace: "shop".into(), ..Workload::named(name) });
    Arc::new(ConnectionInfo {
        reporters,
        client: SocketAddr::from(([192, 0, 2, 1], 40_000)),
        server: SocketAddr::from(([192, 0, 2, 2], 9080)),
        source: workload("web"),
        destination: workload(server),
    })
}

/// A GET that was answered with this status after this time, half of which passed before its first byte.
pub(crate) fn answered<'a>(info: &'a ConnectionInfo, path: &'a str, status: u16, duration: Duration) -> Exchange<'a> {
    Exchange {
        connection: info,
        operation: Operation::Http(HttpExchange {
            known_method: Some(KnownMethod::Get),
            method: b"GET",
            path: path.as_bytes(),
            status: Some(status),
            version: HttpVersion::Http11,
            scheme: UrlScheme::Http,
            tunnel: false,
        }),
        outcome: Outcome::Answered,
        started: SystemTime::UNIX_EPOCH,
        time_to_first_byte: Some(duration / 2),
        duration,
        request_bytes: 100,
        response_bytes: 1000,
        trace: None,
    }
}

/// A unary call of this method that was answered with this status after this time: a message of 10 bytes, and one of
/// 20 half of the time later.
pub(crate) fn called<'a>(
    info: &'a ConnectionInfo,
    method: &'a str,
    status: GrpcStatus,
    duration: Duration,
) -> Exchange<'a> {
    let operation = Operation::Grpc(GrpcExchange {
        flavour: GrpcFlavour::Grpc,
        method: method.as_bytes(),
        status: Some(status),
        http_status: Some(200),
        call: GrpcCall::Unary,
        request: GrpcMessages { count: 1, bytes: 10 },
        response: GrpcMessages { count: 1, bytes: 20 },
        timeout: None,
        time_to_first_message: Some(duration / 2),
        scheme: UrlScheme::Http,
    });
    Exchange { operation, ..answered(info, "", 200, duration) }
}

/// The call, with what `change` makes of it.
pub(crate) fn with_call<'a>(mut exchange: Exchange<'a>, change: impl FnOnce(&mut GrpcExchange<'a>)) -> Exchange<'a> {
    match &mut exchange.operation {
        Operation::Grpc(grpc) => change(grpc),
        other => panic!("this is no call: {other:?}"),
    }
    exchange
}

/// A Kafka request that was answered after this time, without a partition.
pub(crate) fn asked(info: &ConnectionInfo, api: KafkaApi, error: KafkaError, duration: Duration) -> Exchange<'_> {
    let operation = Operation::Kafka(KafkaExchange {
        api,
        api_version: 9,
        cluster: Some(KafkaCluster::unknown()),
        client_id: Some("app-1"),
        group: None,
        topic: None,
        error,
        throttle: None,
        max_wait: None,
        partitions: &[],
        more: KafkaRecords::default(),
        more_error: KafkaError::NONE,
        subject: None,
        is_replica: false,
    });
    Exchange { operation, ..answered(info, "", 200, duration) }
}

/// A Kafka request with what `change` makes of it.
pub(crate) fn with_kafka<'a>(mut exchange: Exchange<'a>, change: impl FnOnce(&mut KafkaExchange<'a>)) -> Exchange<'a> {
    match &mut exchange.operation {
        Operation::Kafka(kafka) => change(kafka),
        other => panic!("this is not Kafka: {other:?}"),
    }
    exchange
}

/// A Kafka request about these partitions, which are of one topic.
pub(crate) fn about<'a>(exchange: Exchange<'a>, partitions: &'a [KafkaPartition<'a>]) -> Exchange<'a> {
    with_kafka(exchange, |kafka| {
        kafka.topic = partitions.first().map(|partition| partition.topic);
        kafka.partitions = partitions;
    })
}

/// Records of a partition that there is no error with, 100 bytes each.
pub(crate) fn partition(topic: &str, partition: i32, count: u64) -> KafkaPartition<'_> {
    KafkaPartition {
        topic: KafkaTopic::Named(topic),
        partition,
        error: KafkaError::NONE,
        records: KafkaRecords { count, bytes: 100 * count },
        high_watermark: None,
        log_end: None,
        offset: None,
        has_no_offset: false,
    }
}

/// The exchange, as a part of a trace whose spans are kept.
pub(crate) fn traced(exchange: Exchange<'_>, trace: u8) -> Exchange<'_> {
    let trace = TraceContext { trace_id: [trace; 16], parent_span_id: [trace; 8], sampled: true };
    Exchange { trace: Some(trace), ..exchange }
}

/// The labels as `name=value`, joined by commas.
pub(crate) fn text(labels: &Labels) -> String {
    let mut text = Vec::new();
    labels.visit(|name, value| text.push(format!("{name}={value}")));
    text.join(",")
}

fn points<'a>(snapshot: &'a Snapshot, family: &str) -> &'a Points {
    &snapshot.families.iter().find(|found| found.metric.name == family).expect("the family is exported").points
}

/// The histograms of a family.
pub(crate) fn histograms<'a>(snapshot: &'a Snapshot, family: &str) -> Vec<HistogramPoint<'a>> {
    match points(snapshot, family) {
        Points::Histograms(histograms) => histograms.iter().collect(),
        Points::Scalars(_) => panic!("{family} is not a histogram"),
    }
}

/// The number of a series that has all of these labels (`name=value`), and the only one that does.
#[track_caller]
pub(crate) fn value(snapshot: &Snapshot, family: &str, labels: &[&str]) -> u64 {
    let Points::Scalars(scalars) = points(snapshot, family) else { panic!("{family} is a histogram") };
    let fits = |found: &str| labels.iter().all(|wanted| found.split(',').any(|label| label == *wanted));
    let found: Vec<_> = scalars.iter().filter(|scalar| fits(&text(&scalar.labels))).collect();
    assert_eq!(found.len(), 1, "{family} {labels:?}: {found:?}");
    match found[0].value {
        Number::Whole(whole) => whole,
        Number::Real(real) => panic!("{family} {labels:?} is not whole: {real}"),
    }
}

/// The sum of a family's numbers.
pub(crate) fn total(snapshot: &Snapshot, family: &str) -> u64 {
    match points(snapshot, family) {
        Points::Histograms(histograms) => histograms.iter().map(|point| point.count()).sum(),
        Points::Scalars(scalars) => scalars
            .iter()
            .map(|scalar| match scalar.value {
                Number::Whole(whole) => whole,
                Number::Real(real) => panic!("{family} has {real}, which is not whole"),
            })
            .sum(),
    }
}
