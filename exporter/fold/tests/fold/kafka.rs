//! From a Kafka exchange to its series.

use std::time::{Duration, Instant};

use flowfold_flow::{
    Exchange, FailureReason, FlowSink, KafkaApi, KafkaError, KafkaPartition, KafkaRecords, KafkaTopic, Outcome,
    Reporters,
};
use flowfold_fold::{Fold, FoldOptions, KafkaLimits, Points};

use crate::traffic::{about, asked, connection, histograms, partition, text, total, value, with_kafka};

const REQUESTS: &str = "kafka_requests_total";
const DURATION: &str = "kafka_request_duration_seconds";
const RECORDS: &str = "kafka_records_total";
const BYTES: &str = "kafka_bytes_total";
const FETCH: &str = "kafka_fetch_beyond_wait_seconds";
const THROTTLE: &str = "kafka_throttle_seconds";
const MS: Duration = Duration::from_millis(1);
const NONE: KafkaError = KafkaError::NONE;
const UNKNOWN_TOPIC: KafkaError = KafkaError::UNKNOWN_TOPIC_OR_PARTITION;

#[test]
fn a_request_is_counted_once_with_all_that_is_known_of_it() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "kafka");
    let mut open = shard.opened(&info);
    let partitions = [partition("orders", 0, 3), partition("orders", 1, 4)];
    shard.exchange(&mut open, &about(asked(&info, KafkaApi::PRODUCE, NONE, 30 * MS), &partitions));

    let snapshot = fold.snapshot();
    let series = histograms(&snapshot, DURATION);
    assert_eq!(series.len(), 1);
    let sides = "server_port=9080,source_workload=web,source_namespace=shop,\
                 destination_workload=kafka,destination_namespace=shop";
    assert_eq!(text(series[0].labels), format!("reporter=server,api=Produce,topic=orders,error_code=NONE,{sides}"));
    assert_eq!(series[0].counts, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(value(&snapshot, REQUESTS, &["api=Produce"]), 1);
    assert_eq!(value(&snapshot, RECORDS, &["reporter=server", "topic=orders", "direction=produce"]), 7);
    assert_eq!(value(&snapshot, BYTES, &["reporter=server", "topic=orders", "direction=produce"]), 700);
    assert_eq!(value(&snapshot, "flowfold_exchanges_total", &["direction=ingress", "outcome=answered"]), 1);
    for other in [FETCH, THROTTLE, "http_server_request_duration_seconds", "rpc_server_call_duration_seconds"] {
        assert_eq!(total(&snapshot, other), 0, "{other}");
    }
}

#[test]
fn each_topic_has_its_records_and_each_partition_its_error() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::BOTH, "kafka");
    let mut open = shard.opened(&info);
    let too_large = KafkaError(10);
    let refused = KafkaPartition { error: too_large, ..partition("orders", 1, 100) };
    let unnamed = KafkaPartition { topic: KafkaTopic::Unknown, ..partition("", 0, 5) };
    let partitions = [partition("orders", 0, 1), refused, partition("payments", 0, 20), unnamed];
    let exchange = with_kafka(asked(&info, KafkaApi::PRODUCE, too_large, MS), |kafka| {
        kafka.partitions = &partitions;
        (kafka.more, kafka.more_error) = (KafkaRecords { count: 7, bytes: 70 }, too_large);
    });
    shard.exchange(&mut open, &exchange);
    let snapshot = fold.snapshot();
    let records = |topic: &str| value(&snapshot, RECORDS, &["reporter=server", &format!("topic={topic}")]);
    assert_eq!((records("orders"), records("payments"), records("unknown")), (1, 20, 5));
    // What the reader had no room for has an error of its own.
    assert_eq!(total(&snapshot, RECORDS), 2 * 26);
    let requests = ["reporter=client", "api=Produce", "error_code=MESSAGE_TOO_LARGE", "error_type=MESSAGE_TOO_LARGE"];
    assert_eq!(value(&snapshot, REQUESTS, &requests), 1);
    let sent = |error: &str| {
        let of_topic = ["messaging_system=kafka", "messaging_operation_name=send", error];
        value(&snapshot, "messaging_client_sent_messages_total", &of_topic)
    };
    assert_eq!(sent("messaging_destination_name=payments"), 20);
    assert_eq!(total(&snapshot, "messaging_client_sent_messages_total"), 1 + 100 + 20 + 5 + 7);
}

/// What a member of a share group acknowledges with a `ShareFetch` may be refused; the records that it is given count.
#[test]
fn a_refused_acknowledgement_takes_no_records_away() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "kafka");
    let mut open = shard.opened(&info);
    let partitions = [partition("orders", 0, 7)];
    let exchange = with_kafka(asked(&info, KafkaApi::SHARE_FETCH, KafkaError(121), MS), |kafka| {
        kafka.partitions = &partitions;
        kafka.more = KafkaRecords { count: 5, bytes: 50 };
        kafka.group = Some("invented");
    });
    shard.exchange(&mut open, &exchange);
    shard.exchange(
        &mut open,
        &with_kafka(asked(&info, KafkaApi::SHARE_FETCH, NONE, MS), |kafka| {
            kafka.group = Some("invented");
        }),
    );
    let snapshot = fold.snapshot();
    let of_orders = ["reporter=server", "topic=orders", "direction=fetch"];
    assert_eq!(value(&snapshot, RECORDS, &of_orders), 7);
    assert_eq!((total(&snapshot, RECORDS), total(&snapshot, BYTES)), (12, 750));
    assert_eq!(value(&snapshot, REQUESTS, &["api=ShareFetch", "error_code=INVALID_RECORD_STATE"]), 1);
    // a session may be asked for under any name
    assert_eq!(value(&snapshot, REQUESTS, &["api=ShareFetch", "error_code=NONE", "group=_OTHER"]), 1);
}

#[test]
fn a_request_without_a_response_counts_its_records() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "kafka");
    let mut open = shard.opened(&info);
    let partitions = [partition("orders", 0, 3)];
    let unacknowledged =
        Exchange { time_to_first_byte: None, ..about(asked(&info, KafkaApi::PRODUCE, NONE, MS), &partitions) };
    shard.exchange(&mut open, &unacknowledged);
    // Anybody can send that: the topic is not known by it.
    assert_eq!(value(&fold.snapshot(), RECORDS, &["topic=_OTHER", "direction=produce"]), 3);
    let metadata = with_kafka(asked(&info, KafkaApi::METADATA, NONE, MS), |kafka| {
        kafka.topic = Some(KafkaTopic::Named("orders"));
    });
    shard.exchange(&mut open, &metadata);
    shard.exchange(&mut open, &unacknowledged);
    let lost = Exchange { outcome: Outcome::Failed(FailureReason::ServerReset), ..unacknowledged };
    shard.exchange(&mut open, &lost);
    let snapshot = fold.snapshot();
    assert_eq!(value(&snapshot, RECORDS, &["topic=orders", "direction=produce"]), 3);
    assert_eq!(value(&snapshot, REQUESTS, &["topic=orders", "error_type=server_reset"]), 1);
    let series = histograms(&snapshot, DURATION);
    let labels: Vec<_> = series.iter().map(|point| text(point.labels)).collect();
    assert!(labels.iter().filter(|labels| labels.contains("api=Produce")).all(|labels| !labels.contains("error_code")));
}

#[test]
fn a_scanner_does_not_use_up_the_topics() {
    let kafka = KafkaLimits { max_topics: 2, max_groups: 1, ..KafkaLimits::default() };
    let fold = Fold::new(FoldOptions { kafka, ..FoldOptions::default() });
    let shards = [fold.shard(), fold.shard()];
    let info = connection(Reporters::SERVER, "kafka");
    for number in 0..1000 {
        let shard = &shards[number % 2];
        let mut open = shard.opened(&info);
        let name = format!("guess-{number}");
        let guess = [KafkaPartition { error: UNKNOWN_TOPIC, ..partition(&name, 0, 1) }];
        shard.exchange(&mut open, &about(asked(&info, KafkaApi::FETCH, UNKNOWN_TOPIC, MS), &guess));
        // It says nothing of the topics where it refuses the whole request.
        let session_not_found = KafkaError(70);
        let named = [partition(&name, 0, 0)];
        shard.exchange(&mut open, &about(asked(&info, KafkaApi::FETCH, session_not_found, MS), &named));
        let fetch = asked(&info, KafkaApi::FETCH, NONE, MS);
        shard.exchange(&mut open, &with_kafka(fetch, |kafka| kafka.topic = Some(KafkaTopic::Named(&name))));
        // A broker says of any name that it has no offset for it, and where the coordinator of any group is.
        let offsets = [partition(&name, 0, 0)];
        let offsets = about(asked(&info, KafkaApi::OFFSET_FETCH, NONE, MS), &offsets);
        shard.exchange(&mut open, &with_kafka(offsets, |kafka| kafka.group = Some(&name)));
        let coordinator = asked(&info, KafkaApi::FIND_COORDINATOR, NONE, MS);
        shard.exchange(&mut open, &with_kafka(coordinator, |kafka| kafka.group = Some(&name)));
    }
    for topic in ["orders", "payments", "returns"] {
        for shard in &shards {
            let mut open = shard.opened(&info);
            let partitions = [partition(topic, 0, 1)];
            let fetch = about(asked(&info, KafkaApi::FETCH, NONE, MS), &partitions);
            shard.exchange(&mut open, &with_kafka(fetch, |kafka| kafka.group = Some(topic)));
        }
    }
    let snapshot = fold.snapshot();
    let fetched = |topic: &str| value(&snapshot, RECORDS, &[&format!("topic={topic}"), "direction=fetch"]);
    assert_eq!((fetched("orders"), fetched("payments"), fetched("_OTHER")), (2, 2, 2));
    assert_eq!(value(&snapshot, REQUESTS, &["topic=orders", "group=orders"]), 2);
    assert_eq!(value(&snapshot, REQUESTS, &["topic=payments", "group=_OTHER"]), 2);
    assert_eq!(value(&snapshot, REQUESTS, &["topic=_OTHER", "error_code=UNKNOWN_TOPIC_OR_PARTITION"]), 1000);
    assert!(snapshot.families.iter().any(|family| family.metric.name == REQUESTS && points(&family.points) < 10));
}

/// Topics come and go: their names make room for others, and nothing is told under a wrong one.
#[test]
fn names_that_nothing_is_told_by_make_room() {
    let kafka = KafkaLimits { max_topics: 8, max_groups: 8, ..KafkaLimits::default() };
    let fold = Fold::new(FoldOptions { kafka, ..FoldOptions::default() });
    let shards = [fold.shard(), fold.shard()];
    let info = connection(Reporters::SERVER, "kafka");
    let mut open = shards.each_ref().map(|shard| shard.opened(&info));
    let start = Instant::now();
    for day in 0..40 {
        let names: Vec<_> = (0..4).map(|number| format!("day-{day}-{number}")).collect();
        for (name, records) in names.iter().chain([&"steady".to_owned()]).zip(1..) {
            for (shard, open) in shards.iter().zip(&mut open) {
                let partitions = [partition(name, 0, records)];
                let fetch = about(asked(&info, KafkaApi::FETCH, NONE, MS), &partitions);
                shard.exchange(open, &with_kafka(fetch, |kafka| kafka.group = Some(name)));
            }
        }
        let snapshot = fold.snapshot();
        for (name, records) in names.iter().zip(1..) {
            assert_eq!(value(&snapshot, RECORDS, &[&format!("topic={name}")]), 2 * records, "{name}");
            assert_eq!(value(&snapshot, REQUESTS, &[&format!("group={name}")]), 2, "{name}");
        }
        let others = [RECORDS, REQUESTS].map(|name| {
            let family = snapshot.families.iter().find(|family| family.metric.name == name).expect("it is shown");
            let Points::Scalars(scalars) = &family.points else { panic!("{name} is a histogram") };
            scalars.iter().filter(|scalar| text(&scalar.labels).contains("_OTHER")).count()
        });
        assert_eq!(others, [0, 0], "on day {day}");
        for minutes in (0..120).step_by(5) {
            // One of them is asked for all the time.
            let partitions = [partition("steady", 0, 0)];
            shards[0].exchange(&mut open[0], &about(asked(&info, KafkaApi::FETCH, NONE, MS), &partitions));
            fold.expire(start + Duration::from_hours(24 * day) + Duration::from_mins(minutes));
        }
        assert_eq!(value(&fold.snapshot(), REQUESTS, &["topic=steady"]), 24 * (day + 1));
    }
}

fn points(points: &Points) -> usize {
    match points {
        Points::Scalars(scalars) => scalars.len(),
        Points::Histograms(histograms) => histograms.iter().count(),
    }
}

#[test]
fn a_long_poll_is_no_slow_broker() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "kafka");
    let mut open = shard.opened(&info);
    for (first_byte, most) in [(500 * MS, 500 * MS), (2 * MS, 500 * MS), (560 * MS, 500 * MS)] {
        let fetch =
            Exchange { time_to_first_byte: Some(first_byte), ..asked(&info, KafkaApi::FETCH, NONE, first_byte) };
        shard.exchange(&mut open, &with_kafka(fetch, |kafka| kafka.max_wait = Some(most)));
    }
    let snapshot = fold.snapshot();
    let beyond = histograms(&snapshot, FETCH);
    assert_eq!(beyond[0].counts, [2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(
        text(beyond[0].labels),
        "reporter=server,server_port=9080,destination_workload=kafka,destination_namespace=shop"
    );
    assert_eq!(total(&snapshot, DURATION), 3);
}

#[test]
fn throttling_counts_where_there_was_some() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::CLIENT, "kafka");
    let mut open = shard.opened(&info);
    for throttle in [None, Some(Duration::ZERO), Some(200 * MS)] {
        let produce = asked(&info, KafkaApi::PRODUCE, NONE, MS);
        shard.exchange(&mut open, &with_kafka(produce, |kafka| kafka.throttle = throttle));
    }
    let snapshot = fold.snapshot();
    let throttled = histograms(&snapshot, THROTTLE);
    assert_eq!((throttled.len(), throttled[0].count()), (1, 1));
    assert_eq!(throttled[0].sum_seconds().to_bits(), 0.2_f64.to_bits());
    assert!(text(throttled[0].labels).starts_with("reporter=client,api=Produce,server_port=9080,"));
}

#[test]
fn client_ids_are_labels_if_that_is_asked_for() {
    let labels = |max_client_ids| {
        let kafka = KafkaLimits { max_client_ids, ..KafkaLimits::default() };
        let fold = Fold::new(FoldOptions { kafka, ..FoldOptions::default() });
        let shard = fold.shard();
        let info = connection(Reporters::SERVER, "kafka");
        let mut open = shard.opened(&info);
        shard.exchange(&mut open, &asked(&info, KafkaApi(95), NONE, MS));
        let snapshot = fold.snapshot();
        text(histograms(&snapshot, DURATION)[0].labels)
    };
    assert!(labels(0).starts_with("reporter=server,api=95,error_code=NONE,server_port"));
    assert!(labels(1).starts_with("reporter=server,api=95,error_code=NONE,client_id=app-1,server_port"));
}

/// Records that are not told one by one count by what the broker says of them, and not by another partition's error.
#[test]
fn records_beyond_the_limit_have_their_own_error() {
    let counted = |error: KafkaError, more_error: KafkaError, partition_error: KafkaError| {
        let fold = Fold::new(FoldOptions::default());
        let shard = fold.shard();
        let info = connection(Reporters::SERVER, "kafka");
        let mut open = shard.opened(&info);
        let partitions = [KafkaPartition { error: partition_error, ..partition("orders", 0, 1) }];
        let exchange = about(asked(&info, KafkaApi::PRODUCE, error, MS), &partitions);
        let exchange = with_kafka(exchange, |kafka| {
            (kafka.more, kafka.more_error) = (KafkaRecords { count: 7, bytes: 70 }, more_error);
        });
        shard.exchange(&mut open, &exchange);
        total(&fold.snapshot(), RECORDS)
    };
    let refused = KafkaError(10);
    assert_eq!(counted(NONE, NONE, NONE), 8);
    assert_eq!(counted(refused, NONE, refused), 7);
    assert_eq!(counted(refused, refused, NONE), 1);
    // The whole is refused, without a word on partitions.
    assert_eq!(counted(refused, NONE, NONE), 1);
}

#[test]
fn what_the_ceiling_turns_away_keeps_its_records() {
    let fold = Fold::new(FoldOptions { max_series: 3, ..FoldOptions::default() });
    let shard = fold.shard();
    let partitions = [partition("orders", 0, 2)];
    for number in 0..100 {
        let info = connection(Reporters::SERVER, &format!("kafka-{number}"));
        let mut open = shard.opened(&info);
        shard.exchange(&mut open, &about(asked(&info, KafkaApi::PRODUCE, NONE, MS), &partitions));
    }
    let snapshot = fold.snapshot();
    assert_eq!((total(&snapshot, DURATION), total(&snapshot, REQUESTS)), (100, 100));
    assert_eq!((total(&snapshot, RECORDS), total(&snapshot, BYTES)), (200, 20_000));
    let overflow = value(&snapshot, RECORDS, &["otel_metric_overflow=true"]);
    let turned_away = value(&snapshot, "flowfold_series_overflowed_exchanges_total", &[&format!("family={RECORDS}")]);
    assert_eq!(overflow, 2 * turned_away);
}
