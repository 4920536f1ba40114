//! What the data path may not do: allocate.

use std::time::Duration;

use allocation_counter::measure;
use flowfold_flow::{
    ByteTally, ConnectionEnd, ConnectionOutcome, FlowSink, GrpcStatus, KafkaApi, KafkaError, KafkaPartition,
    KafkaSubject, KafkaTransaction, Outcome, Protocol, Reporters, Side,
};
use flowfold_fold::{Fold, FoldOptions, RouteTable};

use crate::traffic::{about, answered, asked, called, connection, partition, total, value, with_kafka};

#[test]
fn a_connection_whose_series_are_known_allocates_nothing() {
    let routes = RouteTable::parse(["/users/{id}", "POST /items/{rest...}"]).unwrap();
    let fold = Fold::new(FoldOptions { routes, ..FoldOptions::default() });
    let shard = fold.shard();
    let info = connection(Reporters::BOTH, "details");
    // More kinds than a connection holds, so that the way through the worker's table is measured too.
    let statuses = [200, 201, 204, 404, 500, 503];
    let tally = ByteTally { parsed: 100, body: 50, ..ByteTally::default() };
    let life = || {
        let mut open = shard.opened(&info);
        shard.protocol(&mut open, Protocol::Http1);
        for status in statuses {
            shard.bytes(&mut open, Side::ClientToServer, &tally);
            shard.relayed(&mut open, Side::ClientToServer, Duration::from_micros(9));
            shard.exchange(&mut open, &answered(&info, "/users/7", status, Duration::from_millis(3)));
        }
        shard.closed(open, &ConnectionEnd { outcome: ConnectionOutcome::Closed });
    };
    life();
    let measured = measure(|| (0..1000).for_each(|_| life()));
    assert_eq!(measured.count_total, 0, "{measured:?}");
    assert_eq!(total(&fold.snapshot(), "flowfold_exchanges_total"), 6006);
}

#[test]
fn a_call_of_a_known_method_allocates_nothing() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::BOTH, "cart");
    let methods = ["shop.Cart/Add", "shop.Cart/Drop", "shop.Cart/List", "shop.Cart/Pay", "shop.Cart/Empty"];
    let life = || {
        let mut open = shard.opened(&info);
        for method in methods {
            shard.exchange(&mut open, &called(&info, method, GrpcStatus::Ok, Duration::from_millis(3)));
            // A method that stays unknown costs as little.
            let mut unknown = called(&info, "shop.Cart/Guess", GrpcStatus::Ok, Duration::from_millis(3));
            unknown.outcome = Outcome::Unfinished;
            shard.exchange(&mut open, &unknown);
        }
        shard.closed(open, &ConnectionEnd { outcome: ConnectionOutcome::Closed });
    };
    life();
    let measured = measure(|| (0..1000).for_each(|_| life()));
    assert_eq!(measured.count_total, 0, "{measured:?}");
    assert_eq!(total(&fold.snapshot(), "flowfold_exchanges_total"), 10_010);
}

#[test]
fn a_kafka_exchange_about_known_topics_allocates_nothing() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::BOTH, "kafka");
    // More topics than a connection holds series of.
    let topics = ["orders", "payments", "returns"];
    let fetched: Vec<_> = topics
        .iter()
        .flat_map(|topic| (0..4).map(|number| partition(topic, number, 5)))
        .map(|partition| KafkaPartition { offset: Some(7), high_watermark: Some(9), ..partition })
        .collect();
    let committed = [KafkaPartition { offset: Some(7), ..partition("orders", 0, 0) }];
    let guessed = [KafkaPartition { error: KafkaError::UNKNOWN_TOPIC_OR_PARTITION, ..partition("guess", 0, 1) }];
    let ms = Duration::from_millis(1);
    let life = || {
        let mut open = shard.opened(&info);
        shard.exchange(&mut open, &about(asked(&info, KafkaApi::PRODUCE, KafkaError::NONE, ms), &fetched));
        let fetch = about(asked(&info, KafkaApi::FETCH, KafkaError::NONE, ms), &fetched);
        shard.exchange(&mut open, &with_kafka(fetch, |kafka| (kafka.max_wait, kafka.throttle) = (Some(ms), Some(ms))));
        let commit = about(asked(&info, KafkaApi::OFFSET_COMMIT, KafkaError::NONE, ms), &committed);
        shard.exchange(&mut open, &with_kafka(commit, |kafka| kafka.group = Some("billing")));
        for (api, partitions) in [(KafkaApi::TXN_OFFSET_COMMIT, &committed[..]), (KafkaApi::END_TXN, &[])] {
            let exchange = about(asked(&info, api, KafkaError::NONE, ms), partitions);
            let transaction =
                KafkaTransaction { transactional_id: "app", producer: (7, 0), commits: true, timeout: None };
            let subject = KafkaSubject::Transaction(transaction);
            let exchange =
                with_kafka(exchange, |kafka| (kafka.group, kafka.subject) = (Some("billing"), Some(&subject)));
            shard.exchange(&mut open, &exchange);
        }
        let unknown = asked(&info, KafkaApi::PRODUCE, KafkaError::UNKNOWN_TOPIC_OR_PARTITION, ms);
        shard.exchange(&mut open, &about(unknown, &guessed));
        shard.closed(open, &ConnectionEnd { outcome: ConnectionOutcome::Closed });
    };
    // The first transaction makes its producer known, and the next two each a list of what it holds.
    (0..3).for_each(|_| life());
    let measured = measure(|| (0..1000).for_each(|_| life()));
    assert_eq!(measured.count_total, 0, "{measured:?}");
    let snapshot = fold.snapshot();
    assert_eq!(total(&snapshot, "flowfold_exchanges_total"), 6018);
    assert_eq!(value(&snapshot, "kafka_consumer_lag", &["group=billing", "topic=orders"]), 2);
}

#[test]
fn a_series_is_small() {
    const LABEL_SETS: u64 = 10_000;
    let connections: Vec<_> =
        (0..LABEL_SETS).map(|number| connection(Reporters::SERVER, &format!("server-{number}"))).collect();
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let measured = measure(|| {
        for info in &connections {
            let mut open = shard.opened(info);
            shard.exchange(&mut open, &answered(info, "/", 200, Duration::from_millis(3)));
            shard.closed(open, &ConnectionEnd { outcome: ConnectionOutcome::Closed });
        }
    });
    // Each label set made two series: the duration and the time to first byte. Workloads are shared.
    let bytes = measured.bytes_current / i64::try_from(2 * LABEL_SETS).unwrap();
    assert!(bytes <= 700, "{bytes} bytes per series");
    // What the store believes it takes is no less than what it does, and not much more.
    let snapshot = fold.snapshot();
    let believed = i64::try_from(value(&snapshot, "flowfold_series_memory_bytes", &[])).unwrap();
    assert!(
        measured.bytes_current <= believed && believed <= measured.bytes_current * 8 / 5,
        "{believed} {measured:?}"
    );
}
