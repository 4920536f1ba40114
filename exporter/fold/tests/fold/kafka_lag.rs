//! How far consumers of Kafka are behind.

use std::time::{Duration, Instant};

use flowfold_flow::{Exchange, FlowSink, KafkaApi, KafkaError, KafkaPartition, Reporters};
use flowfold_fold::{Fold, FoldOptions, KafkaLimits};

use crate::traffic::{about, asked, connection, partition, total, value, with_kafka};

const GROUP_LAG: &str = "kafka_consumer_lag";
const FETCH_LAG: &str = "kafka_fetch_lag";
const MS: Duration = Duration::from_millis(1);
const NONE: KafkaError = KafkaError::NONE;

fn fetched(number: i32, offset: i64, high_watermark: i64) -> KafkaPartition<'static> {
    KafkaPartition { offset: Some(offset), high_watermark: Some(high_watermark), ..partition("orders", number, 0) }
}

fn committed(number: i32, offset: i64) -> KafkaPartition<'static> {
    KafkaPartition { offset: Some(offset), ..partition("orders", number, 0) }
}

fn commit<'a>(exchange: Exchange<'a>, partitions: &'a [KafkaPartition<'a>]) -> Exchange<'a> {
    with_kafka(about(exchange, partitions), |kafka| kafka.group = Some("billing"))
}

#[test]
fn a_lag_is_what_the_broker_has_less_what_the_group_committed() {
    let fold = Fold::new(FoldOptions::default());
    // Fetches and commits come over different connections to different brokers, and to different workers.
    let (fetching, committing) = (fold.shard(), fold.shard());
    let (leader, coordinator) = (connection(Reporters::CLIENT, "kafka-0"), connection(Reporters::CLIENT, "kafka-1"));
    let (mut to_leader, mut to_coordinator) = (fetching.opened(&leader), committing.opened(&coordinator));
    let fetch = |partitions: &[KafkaPartition<'static>], to_leader: &mut _| {
        fetching.exchange(to_leader, &about(asked(&leader, KafkaApi::FETCH, NONE, MS), partitions));
    };
    fetch(&[fetched(0, 90, 100), fetched(1, 7, 7), fetched(2, 0, 50)], &mut to_leader);
    assert_eq!(total(&fold.snapshot(), GROUP_LAG), 0);
    assert_eq!(value(&fold.snapshot(), FETCH_LAG, &["topic=orders", "source_workload=web"]), 60);

    let commits = [committed(0, 80), committed(1, 7), committed(3, 4)];
    let exchange = commit(asked(&coordinator, KafkaApi::OFFSET_COMMIT, NONE, MS), &commits);
    committing.exchange(&mut to_coordinator, &exchange);
    // Of partition 2 nothing was committed, and of 3 nothing fetched.
    let labels = ["group=billing", "topic=orders", "destination_namespace=shop"];
    assert_eq!(value(&fold.snapshot(), GROUP_LAG, &labels), 20);

    fetch(&[fetched(0, 100, 130)], &mut to_leader);
    assert_eq!(value(&fold.snapshot(), GROUP_LAG, &labels), 50);
    assert_eq!(value(&fold.snapshot(), FETCH_LAG, &["topic=orders"]), 80);
    // What was committed after the last fetch is ahead of what is known of the broker, and no lag.
    let ahead = [committed(0, 140)];
    let exchange = commit(asked(&coordinator, KafkaApi::OFFSET_COMMIT, NONE, MS), &ahead);
    committing.exchange(&mut to_coordinator, &exchange);
    assert_eq!(value(&fold.snapshot(), GROUP_LAG, &labels), 0);
}

#[test]
fn what_failed_moves_nothing() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::CLIENT, "kafka");
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &about(asked(&info, KafkaApi::FETCH, NONE, MS), &[fetched(0, 10, 10)]));
    shard.exchange(&mut open, &commit(asked(&info, KafkaApi::OFFSET_COMMIT, NONE, MS), &[committed(0, 4)]));
    let refused = [KafkaPartition { error: KafkaError(22), ..committed(0, 9) }];
    shard.exchange(&mut open, &commit(asked(&info, KafkaApi::OFFSET_COMMIT, KafkaError(22), MS), &refused));
    let none = [KafkaPartition { offset: Some(-1), high_watermark: Some(-1), ..committed(0, -1) }];
    shard.exchange(&mut open, &commit(asked(&info, KafkaApi::OFFSET_FETCH, NONE, MS), &none));
    assert_eq!(value(&fold.snapshot(), GROUP_LAG, &["group=billing"]), 6);
}

#[test]
fn partitions_are_bounded_and_expire() {
    let kafka = KafkaLimits { max_partitions: 4, ..KafkaLimits::default() };
    let fold = Fold::new(FoldOptions { kafka, ..FoldOptions::default() });
    let shard = fold.shard();
    let info = connection(Reporters::CLIENT, "kafka");
    let mut open = shard.opened(&info);
    let partitions: Vec<_> = (0..10).map(|number| fetched(number, 0, 1)).collect();
    shard.exchange(&mut open, &about(asked(&info, KafkaApi::FETCH, NONE, MS), &partitions));
    let snapshot = fold.snapshot();
    assert_eq!(value(&snapshot, FETCH_LAG, &["topic=orders"]), 2);
    assert_eq!(value(&snapshot, "flowfold_kafka_positions", &[]), 4);
    assert_eq!(value(&snapshot, "flowfold_kafka_positions_limit", &[]), 4);
    assert_eq!(value(&snapshot, "flowfold_kafka_positions_turned_away_total", &[]), 16);
    let now = Instant::now();
    fold.expire(now);
    fold.expire(now + Duration::from_hours(1));
    let snapshot = fold.snapshot();
    assert_eq!(value(&snapshot, "flowfold_kafka_positions", &[]), 0);
    assert_eq!(total(&snapshot, FETCH_LAG), 0);
}
