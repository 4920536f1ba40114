//! How far consumers of Kafka are behind.

use std::time::{Duration, Instant};

use flowfold_flow::{
    Exchange, FlowSink, KafkaApi, KafkaCluster, KafkaError, KafkaPartition, KafkaRecords, KafkaSubject,
    KafkaTransaction, Reporters,
};
use flowfold_fold::{Fold, FoldOptions, KafkaLimits, Points};

use crate::traffic::{about, asked, connection, partition, text, total, value, with_kafka};

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

fn of<'a>(cluster: &'a KafkaCluster, exchange: Exchange<'a>) -> Exchange<'a> {
    with_kafka(exchange, |kafka| kafka.cluster = Some(cluster))
}

#[test]
fn clusters_of_one_namespace_are_told_apart() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::CLIENT, "kafka");
    let mut open = shard.opened(&info);
    let [first, other] = [KafkaCluster::first(), KafkaCluster::another("B")];
    for (cluster, offset) in [(&first, 80), (&other, 5)] {
        shard.exchange(
            &mut open,
            &of(cluster, commit(asked(&info, KafkaApi::OFFSET_COMMIT, NONE, MS), &[committed(0, offset)])),
        );
    }
    let lag = |id: &str| {
        let labels = ["group=billing", "topic=orders", "destination_namespace=shop", &format!("kafka_cluster_id={id}")];
        value(&fold.snapshot(), GROUP_LAG, &labels)
    };
    shard.exchange(&mut open, &of(&first, about(asked(&info, KafkaApi::FETCH, NONE, MS), &[fetched(0, 90, 100)])));
    assert_eq!(total(&fold.snapshot(), GROUP_LAG), 20);
    // Its id became known, to all that was told before.
    assert!(first.name("A"));
    assert_eq!((lag("A"), total(&fold.snapshot(), GROUP_LAG)), (20, 20));
    shard.exchange(&mut open, &of(&other, about(asked(&info, KafkaApi::FETCH, NONE, MS), &[fetched(0, 5, 12)])));
    assert_eq!((lag("A"), lag("B"), total(&fold.snapshot(), GROUP_LAG)), (20, 7, 27));
    let behind = |id: &str| value(&fold.snapshot(), FETCH_LAG, &["topic=orders", &format!("kafka_cluster_id={id}")]);
    assert_eq!((behind("A"), behind("B")), (10, 7));
    // Of a broker that may be of either nothing is told, but what it carried.
    let of_either = |exchange| with_kafka(exchange, |kafka| kafka.cluster = None);
    let produced = [KafkaPartition { records: KafkaRecords { count: 3, bytes: 30 }, ..produced(0, 500) }];
    shard.exchange(&mut open, &of_either(about(asked(&info, KafkaApi::PRODUCE, NONE, MS), &produced)));
    assert_eq!((lag("A"), lag("B"), total(&fold.snapshot(), "kafka_records_total")), (20, 7, 3));
    // A group of the same name goes in one of them.
    let deleted = KafkaSubject::DeletedGroups(&["billing"]);
    let delete = || with_kafka(asked(&info, KafkaApi::DELETE_GROUPS, NONE, MS), |kafka| kafka.subject = Some(&deleted));
    shard.exchange(&mut open, &of_either(delete()));
    shard.exchange(&mut open, &of(&other, delete()));
    assert_eq!((lag("A"), total(&fold.snapshot(), GROUP_LAG)), (20, 20));
    // So do transactions, and what they hold.
    let transaction = |producer, commits| {
        let transactional_id = "app";
        let timeout = None;
        KafkaSubject::Transaction(KafkaTransaction { transactional_id, producer, commits, timeout })
    };
    let subjects = [transaction((-1, -1), false), transaction((7, 0), false), transaction((7, 0), true)];
    let committed = [committed(0, 95)];
    let [begins, holds, ends] =
        subjects.each_ref().map(|subject| move |exchange| with_kafka(exchange, |kafka| kafka.subject = Some(subject)));
    for cluster in [&first, &other] {
        shard.exchange(&mut open, &of(cluster, begins(asked(&info, KafkaApi::INIT_PRODUCER_ID, NONE, MS))));
    }
    shard.exchange(
        &mut open,
        &of(&first, holds(commit(asked(&info, KafkaApi::TXN_OFFSET_COMMIT, NONE, MS), &committed))),
    );
    shard.exchange(&mut open, &of(&other, ends(asked(&info, KafkaApi::END_TXN, NONE, MS))));
    assert_eq!(lag("A"), 20);
    shard.exchange(&mut open, &of(&first, ends(asked(&info, KafkaApi::END_TXN, NONE, MS))));
    assert_eq!((lag("A"), total(&fold.snapshot(), GROUP_LAG)), (5, 5));
}

fn produced(number: i32, log_end: i64) -> KafkaPartition<'static> {
    KafkaPartition { log_end: Some(log_end), ..partition("orders", number, 0) }
}

#[test]
fn the_lag_of_a_group_that_has_stopped_grows() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::CLIENT, "kafka");
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &about(asked(&info, KafkaApi::FETCH, NONE, MS), &[fetched(0, 100, 100)]));
    shard.exchange(&mut open, &commit(asked(&info, KafkaApi::OFFSET_COMMIT, NONE, MS), &[committed(0, 100)]));
    let lag = || value(&fold.snapshot(), GROUP_LAG, &["group=billing", "topic=orders"]);
    assert_eq!(lag(), 0);
    // From here on nobody fetches, for hours.
    let start = Instant::now();
    for hour in 1..=5 {
        let produce = asked(&info, KafkaApi::PRODUCE, NONE, MS);
        shard.exchange(&mut open, &about(produce, &[produced(0, 100 + 7 * i64::from(hour))]));
        fold.expire(start + hour * Duration::from_hours(1));
        assert_eq!(lag(), 7 * u64::from(hour), "after {hour} hours");
    }
    // An older answer comes late, and somebody asks for the latest offset.
    shard.exchange(&mut open, &about(asked(&info, KafkaApi::PRODUCE, NONE, MS), &[produced(0, 120)]));
    assert_eq!(lag(), 35);
    shard.exchange(&mut open, &about(asked(&info, KafkaApi::LIST_OFFSETS, NONE, MS), &[produced(0, 150)]));
    assert_eq!(lag(), 50);
    // A Fetch knows best: the records were lost with their leader.
    shard.exchange(&mut open, &about(asked(&info, KafkaApi::FETCH, NONE, MS), &[fetched(0, 100, 110)]));
    assert_eq!(lag(), 10);
    // The topic is over, too.
    fold.expire(start + Duration::from_hours(6));
    fold.expire(start + Duration::from_hours(7));
    assert_eq!((total(&fold.snapshot(), GROUP_LAG), value(&fold.snapshot(), "flowfold_kafka_positions", &[])), (0, 0));
}

#[test]
fn a_broker_that_copies_is_no_consumer() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::CLIENT, "kafka");
    let mut open = shard.opened(&info);
    let copied = [KafkaPartition { records: KafkaRecords { count: 5, bytes: 500 }, ..fetched(0, 90, 100) }];
    let fetch = |is_replica: bool| {
        with_kafka(about(asked(&info, KafkaApi::FETCH, NONE, MS), &copied), |kafka| {
            kafka.is_replica = is_replica;
            kafka.more = KafkaRecords { count: 1, bytes: 1 };
        })
    };
    shard.exchange(&mut open, &fetch(true));
    let snapshot = fold.snapshot();
    for metric in ["kafka_records_total", "kafka_bytes_total", "messaging_client_consumed_messages_total", FETCH_LAG] {
        assert_eq!(total(&snapshot, metric), 0, "{metric}");
    }
    assert_eq!(value(&snapshot, "kafka_requests_total", &["api=Fetch", "topic=orders"]), 1);
    // What the leader says of itself is true nevertheless.
    assert_eq!(value(&snapshot, "flowfold_kafka_positions", &[]), 1);
    shard.exchange(&mut open, &fetch(false));
    assert_eq!(total(&fold.snapshot(), "kafka_records_total"), 6);
    assert_eq!(value(&fold.snapshot(), FETCH_LAG, &["topic=orders"]), 10);
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
    // The request as a whole is refused, without a word on its partitions.
    let all = [fetched(0, 2, 99)];
    shard.exchange(&mut open, &commit(asked(&info, KafkaApi::OFFSET_FETCH, KafkaError(16), MS), &all));
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

/// Groups that stay for a moment, as those of console consumers do, leave room for those that come.
#[test]
fn a_group_takes_the_place_of_the_one_that_stopped_first() {
    const MINUTE: Duration = Duration::from_mins(1);
    let kafka = KafkaLimits { max_groups: 4, ..KafkaLimits::default() };
    let ttl = 15 * MINUTE;
    let fold = Fold::new(FoldOptions { kafka, series_ttl: Some(ttl), ..FoldOptions::default() });
    let shard = fold.shard();
    let info = connection(Reporters::CLIENT, "kafka");
    let mut open = shard.opened(&info);
    let start = Instant::now();
    let lags = |groups: &[&str]| -> Vec<u64> {
        let snapshot = fold.snapshot();
        assert_eq!(total(&snapshot, GROUP_LAG), 50 * groups.len() as u64, "these and no others: {groups:?}");
        groups.iter().map(|group| value(&snapshot, GROUP_LAG, &[&format!("group={group}")])).collect()
    };
    let mut minute = 0;
    let mut pass = |minutes: u32, group: &str| {
        for _ in 0..minutes {
            shard.exchange(&mut open, &about(asked(&info, KafkaApi::PRODUCE, NONE, MS), &[produced(0, 100)]));
            let commits = [committed(0, 50)];
            let exchange = commit(asked(&info, KafkaApi::OFFSET_COMMIT, NONE, MS), &commits);
            shard.exchange(&mut open, &with_kafka(exchange, |kafka| kafka.group = Some(group)));
            fold.expire(start + minute * MINUTE);
            minute += 1;
        }
    };
    let first = ["one", "two", "three", "four"];
    for group in first {
        pass(1, group);
    }
    assert_eq!(lags(&first), [50; 4]);
    // One place is kept free for whoever comes: of those that have stopped, no more go than are in its way.
    pass(40, "four");
    assert_eq!(lags(&["two", "three", "four"]), [50; 3]);
    pass(1, "five");
    assert_eq!(lags(&["three", "four", "five"]), [50; 3]);
    pass(40, "four");
    pass(1, "six");
    assert_eq!(lags(&["four", "five", "six"]), [50; 3]);
    // One that has come back is not the one that stopped first.
    pass(1, "five");
    pass(40, "four");
    pass(1, "seven");
    assert_eq!(lags(&["four", "five", "seven"]), [50; 3]);
}

#[test]
fn the_lag_of_a_group_that_was_deleted_ends_at_once() {
    let fold = Fold::new(FoldOptions::default());
    let (shard, elsewhere) = (fold.shard(), fold.shard());
    let info = connection(Reporters::CLIENT, "kafka");
    let (mut open, mut of_tool) = (shard.opened(&info), elsewhere.opened(&info));
    let ends: Vec<_> = (0..3).map(|number| produced(number, 100)).collect();
    let commits: Vec<_> = (0..3).map(|number| committed(number, 90)).collect();
    let commit_as = |group: &'static str| {
        with_kafka(about(asked(&info, KafkaApi::OFFSET_COMMIT, NONE, MS), &commits), |kafka| kafka.group = Some(group))
    };
    let lag = |group: &str| {
        let (snapshot, label) = (fold.snapshot(), format!("group={group}"));
        let family = snapshot.families.iter().find(|family| family.metric.name == GROUP_LAG).unwrap();
        let Points::Scalars(lags) = &family.points else { panic!("lags are gauges") };
        let is_told = lags.iter().any(|lag| text(&lag.labels).contains(&label));
        is_told.then(|| value(&snapshot, GROUP_LAG, &[&label]))
    };
    shard.exchange(&mut open, &about(asked(&info, KafkaApi::PRODUCE, NONE, MS), &ends));
    for group in ["billing", "shop", "carts"] {
        shard.exchange(&mut open, &commit_as(group));
    }
    let mut delete = |deleted: &[&str], error| {
        let subject = KafkaSubject::DeletedGroups(deleted);
        let exchange = asked(&info, KafkaApi::DELETE_GROUPS, error, MS);
        elsewhere.exchange(&mut of_tool, &with_kafka(exchange, |kafka| kafka.subject = Some(&subject)));
    };
    // One that nobody knows goes with the others; one that is not empty stays.
    delete(&["billing", "guess", "shop"], KafkaError(68));
    // It is made anew before anybody looks.
    shard.exchange(&mut open, &commit_as("shop"));
    assert_eq!(["billing", "shop", "carts"].map(lag), [None, Some(30), Some(30)]);
    assert_eq!(value(&fold.snapshot(), "flowfold_kafka_positions", &[]), 9);
    delete(&["carts"], NONE);
    fold.expire(Instant::now());
    shard.exchange(&mut open, &commit_as("billing"));
    assert_eq!(["billing", "shop", "carts"].map(lag), [Some(30), Some(30), None]);
}

#[test]
fn the_lag_of_a_partition_whose_offset_was_deleted_ends_at_once() {
    let fold = Fold::new(FoldOptions::default());
    let (shard, elsewhere) = (fold.shard(), fold.shard());
    let info = connection(Reporters::CLIENT, "kafka");
    let (mut open, mut of_tool) = (shard.opened(&info), elsewhere.opened(&info));
    let ends: Vec<_> = (0..3).map(|number| produced(number, 100)).collect();
    let commits = [committed(0, 99), committed(1, 90), committed(2, 0)];
    shard.exchange(&mut open, &about(asked(&info, KafkaApi::PRODUCE, NONE, MS), &ends));
    shard.exchange(&mut open, &commit(asked(&info, KafkaApi::OFFSET_COMMIT, NONE, MS), &commits));
    let gone = |number| KafkaPartition { has_no_offset: true, ..partition("orders", number, 0) };
    let lag = || value(&fold.snapshot(), GROUP_LAG, &["group=billing"]);
    // A member reads partition 2.
    let subscribed = [gone(1), KafkaPartition { error: KafkaError(86), ..partition("orders", 2, 0) }];
    let deletion = asked(&info, KafkaApi::OFFSET_DELETE, KafkaError(86), MS);
    elsewhere.exchange(&mut of_tool, &commit(deletion, &subscribed));
    assert_eq!((lag(), value(&fold.snapshot(), "flowfold_kafka_positions", &[])), (101, 5));
    // Of another group, and of no group, nothing is gone.
    for group in [None, Some("shop")] {
        let exchange = about(asked(&info, KafkaApi::OFFSET_DELETE, NONE, MS), &subscribed[..1]);
        elsewhere.exchange(&mut of_tool, &with_kafka(exchange, |kafka| kafka.group = group));
    }
    assert_eq!(lag(), 101);
    shard.exchange(&mut open, &commit(asked(&info, KafkaApi::OFFSET_COMMIT, NONE, MS), &commits[1..2]));
    assert_eq!(lag(), 111);
    // A member asks where it left off, and the broker does not know.
    let fetched = [gone(0), KafkaPartition { error: KafkaError(88), ..gone(1) }, committed(2, 50)];
    shard.exchange(&mut open, &commit(asked(&info, KafkaApi::OFFSET_FETCH, KafkaError(88), MS), &fetched));
    assert_eq!((lag(), value(&fold.snapshot(), "flowfold_kafka_positions", &[])), (60, 5));
}

/// Offsets go to the coordinator of the group; where a transaction begins and ends, that of the transaction is told.
#[test]
fn an_offset_of_a_transaction_counts_when_that_is_committed() {
    let fold = Fold::new(FoldOptions::default());
    let (shard, other_shard) = (fold.shard(), fold.shard());
    let (info, other) = (connection(Reporters::CLIENT, "kafka-0"), connection(Reporters::CLIENT, "kafka-1"));
    let (mut open, mut to_other) = (shard.opened(&info), other_shard.opened(&other));
    let of = |epoch, commits, timeout| {
        let (transactional_id, producer) = ("app", (7, epoch));
        KafkaSubject::Transaction(KafkaTransaction { transactional_id, producer, commits, timeout })
    };
    let mut send = |epoch: i16, offset: i64| {
        let (offsets, subject) = ([committed(0, offset)], of(epoch, false, None));
        let exchange = commit(asked(&info, KafkaApi::TXN_OFFSET_COMMIT, NONE, MS), &offsets);
        shard.exchange(&mut open, &with_kafka(exchange, |kafka| kafka.subject = Some(&subject)));
        value(&fold.snapshot(), GROUP_LAG, &["group=billing"])
    };
    let mut turn = |api, error, epoch, commits| {
        let subject = of(epoch, commits, (api == KafkaApi::INIT_PRODUCER_ID).then_some(Duration::from_mins(40)));
        let exchange = with_kafka(asked(&other, api, error, MS), |kafka| kafka.subject = Some(&subject));
        other_shard.exchange(&mut to_other, &exchange);
        value(&fold.snapshot(), GROUP_LAG, &["group=billing"])
    };
    let (init, end) = (KafkaApi::INIT_PRODUCER_ID, KafkaApi::END_TXN);
    let produce = || {
        let exchange = asked(&other, KafkaApi::PRODUCE, NONE, MS);
        other_shard.exchange(&mut other_shard.opened(&other), &about(exchange, &[produced(0, 100)]));
    };
    produce();
    // Nothing was seen yet of how this producer's transactions end: it may be that nothing ever is.
    assert_eq!(send(0, 10), 90);
    assert_eq!((turn(end, NONE, 0, true), send(0, 20)), (90, 90));
    assert_eq!((turn(end, KafkaError(51), 0, true), turn(end, NONE, 0, true)), (90, 80));
    assert_eq!((send(0, 30), turn(end, NONE, 0, false)), (80, 80));
    assert_eq!(turn(end, NONE, 0, true), 80);
    // It crashed, and begins anew.
    assert_eq!((send(0, 40), turn(init, NONE, -1, false), turn(end, NONE, 0, true)), (80, 80, 80));
    // The end of the first of these was not seen: from now on nothing is waited for until one is.
    assert_eq!((send(1, 50), send(2, 60), turn(end, NONE, 2, true)), (80, 40, 40));
    assert_eq!((send(2, 70), turn(end, NONE, 3, true)), (40, 40));
    // It has said that a transaction may take forty minutes.
    assert_eq!((turn(init, NONE, -1, false), turn(end, NONE, 3, true), send(3, 80)), (40, 40, 40));
    let now = Instant::now();
    let look = |minutes| {
        fold.expire(now + Duration::from_mins(minutes));
        produce();
    };
    [0, 39].into_iter().for_each(look);
    assert_eq!(turn(end, NONE, 3, true), 20);
    // What is never ended was aborted by the broker, and the producer is as good as unknown afterwards.
    assert_eq!(send(3, 85), 20);
    [40, 80].into_iter().for_each(look);
    assert_eq!((send(4, 90), turn(end, NONE, 3, true)), (10, 10));
}
