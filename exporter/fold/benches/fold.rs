//! What an exchange costs, and what a snapshot of many series does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flowfold_flow::{
    ConnectionInfo, Exchange, FlowSink, HttpExchange, HttpVersion, KafkaApi, KafkaCluster, KafkaError, KafkaExchange,
    KafkaPartition, KafkaRecords, KafkaTopic, KnownMethod, Operation, Outcome, Reporters, UrlScheme, Workload,
};
use flowfold_fold::{DEFAULT_MAX_SERIES, Fold, FoldOptions, RouteTable};

fn connection(reporters: Reporters, server: &str) -> Arc<ConnectionInfo> {
    Arc::new(ConnectionInfo {
        reporters,
        client: SocketAddr::from(([192, 0, 2, 1], 40_000)),
        server: SocketAddr::from(([192, 0, 2, 2], 9080)),
        source: Workload::named("web").into(),
        destination: Workload::named(server).into(),
    })
}

fn exchange(info: &ConnectionInfo, status: u16, duration: Duration) -> Exchange<'_> {
    Exchange {
        connection: info,
        operation: Operation::Http(HttpExchange {
            known_method: Some(KnownMethod::Get),
            method: b"GET",
            path: b"/users/12345/orders/678",
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

fn hundred_routes() -> RouteTable {
    let templates = (0..99).map(|number| format!("/service-{number}/{{id}}/part/{{part}}"));
    RouteTable::parse(templates.chain(["/users/{id}/orders/{order}".to_owned()])).expect("the templates are right")
}

fn held(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exchange");
    group.throughput(Throughput::Elements(1));
    let cases = [
        ("held, one side", Reporters::SERVER, RouteTable::default(), &[200_u16][..]),
        ("held, both sides", Reporters::BOTH, RouteTable::default(), &[200]),
        ("held, one side, 100 routes", Reporters::SERVER, hundred_routes(), &[200]),
        ("not held by the connection", Reporters::SERVER, RouteTable::default(), &[200, 201, 204, 301, 404, 500]),
    ];
    for (name, reporters, routes, statuses) in cases {
        let fold = Fold::new(FoldOptions { routes, ..FoldOptions::default() });
        let shard = fold.shard();
        let info = connection(reporters, "details");
        let mut open = shard.opened(&info);
        let mut turn = 0_usize;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                turn += 1;
                let duration = Duration::from_micros((turn as u64 & 0xff) * 900);
                shard.exchange(&mut open, &exchange(&info, statuses[turn % statuses.len()], duration));
            });
        });
    }
    group.finish();
}

fn kafka(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Kafka exchange");
    group.throughput(Throughput::Elements(1));
    for (name, api, topics, partitions) in [
        ("Produce, one partition", KafkaApi::PRODUCE, 1, 1),
        ("Fetch, 10 partitions of one topic", KafkaApi::FETCH, 1, 10),
        ("Fetch, 50 partitions of 10 topics", KafkaApi::FETCH, 10, 5),
    ] {
        let fold = Fold::new(FoldOptions::default());
        let shard = fold.shard();
        let info = connection(Reporters::CLIENT, "kafka");
        let names: Vec<_> = (0..topics).map(|number| format!("orders-{number}")).collect();
        let partition = |topic, partition| KafkaPartition {
            topic: KafkaTopic::Named(topic),
            partition,
            error: KafkaError::NONE,
            records: KafkaRecords { count: 16, bytes: 16_384 },
            high_watermark: (api == KafkaApi::FETCH).then_some(1_000_000),
            log_end: None,
            offset: (api == KafkaApi::FETCH).then_some(999_000),
            has_no_offset: false,
        };
        let partitions: Vec<_> =
            names.iter().flat_map(|topic| (0..partitions).map(move |number| partition(topic, number))).collect();
        let operation = Operation::Kafka(KafkaExchange {
            api,
            api_version: 12,
            cluster: Some(KafkaCluster::unknown()),
            client_id: Some("app-1"),
            group: None,
            topic: partitions.first().filter(|_| topics == 1).map(|partition| partition.topic),
            error: KafkaError::NONE,
            throttle: Some(Duration::ZERO),
            max_wait: (api == KafkaApi::FETCH).then_some(Duration::from_millis(500)),
            partitions: &partitions,
            more: KafkaRecords::default(),
            more_error: KafkaError::NONE,
            subject: None,
            is_replica: false,
        });
        let exchange = Exchange { operation, ..exchange(&info, 200, Duration::from_millis(3)) };
        let mut open = shard.opened(&info);
        group.bench_function(name, |bencher| bencher.iter(|| shard.exchange(&mut open, &exchange)));
    }
    group.finish();
}

fn new_label_set(criterion: &mut Criterion) {
    // As many as a default store takes, with two series each: the duration and the time to first byte.
    const LABEL_SETS: u64 = DEFAULT_MAX_SERIES as u64 / 2;
    let connections: Vec<_> =
        (0..LABEL_SETS).map(|number| connection(Reporters::SERVER, &format!("server-{number}"))).collect();
    criterion.bench_function("exchange with a new label set", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut spent = Duration::ZERO;
            let mut left = iterations;
            while left > 0 {
                let shard = Fold::new(FoldOptions::default()).shard();
                let count = left.min(LABEL_SETS) as usize;
                let start = Instant::now();
                for info in &connections[..count] {
                    let mut open = shard.opened(info);
                    shard.exchange(&mut open, &exchange(info, 200, Duration::from_millis(3)));
                }
                spent += start.elapsed();
                left -= count as u64;
            }
            spent
        });
    });
}

fn snapshot(criterion: &mut Criterion) {
    let fold = Fold::new(FoldOptions { max_series: usize::MAX, ..FoldOptions::default() });
    let shard = fold.shard();
    for number in 0..50_000 {
        // Two series each: the duration and the time to first byte.
        let info = connection(Reporters::SERVER, &format!("server-{number}"));
        let mut open = shard.opened(&info);
        shard.exchange(&mut open, &exchange(&info, 200, Duration::from_millis(3)));
    }
    criterion.bench_function("snapshot of 100,000 histogram series", |bencher| bencher.iter(|| fold.snapshot()));
}

criterion_group!(benches, held, kafka, new_label_set, snapshot);
criterion_main!(benches);
