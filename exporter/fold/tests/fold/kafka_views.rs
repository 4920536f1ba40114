//! Kafka exchanges by the conventions of OpenTelemetry and by the names of Hubble.

use std::time::Duration;

use flowfold_flow::{Exchange, FlowSink, KafkaApi, KafkaError, KafkaPartition, Reporters};
use flowfold_fold::{Fold, FoldOptions, HubbleMetric, Snapshot, View};

use crate::traffic::{about, asked, connection, histograms, partition, text, total, value, with_kafka};

const MS: Duration = Duration::from_millis(1);
const NONE: KafkaError = KafkaError::NONE;

fn fed(options: FoldOptions) -> Snapshot {
    let fold = Fold::new(options);
    let shard = fold.shard();
    let info = connection(Reporters::BOTH, "kafka");
    let mut open = shard.opened(&info);
    let sent = [partition("orders", 0, 3)];
    shard.exchange(&mut open, &about(asked(&info, KafkaApi::PRODUCE, NONE, MS), &sent));
    let refused = [KafkaPartition { error: KafkaError(10), ..partition("orders", 0, 1) }];
    shard.exchange(&mut open, &about(asked(&info, KafkaApi::PRODUCE, KafkaError(10), MS), &refused));
    let given = [partition("orders", 0, 2)];
    shard.exchange(&mut open, &about(asked(&info, KafkaApi::FETCH, NONE, 80 * MS), &given));
    let commit = asked(&info, KafkaApi::OFFSET_COMMIT, NONE, MS);
    shard.exchange(&mut open, &with_kafka(commit, |kafka| kafka.group = Some("billing")));
    shard.exchange(&mut open, &asked(&info, KafkaApi::HEARTBEAT, NONE, MS));
    fold.snapshot()
}

#[test]
fn operations_of_messaging_are_the_clients() {
    let snapshot = fed(FoldOptions::default());
    let operations = histograms(&snapshot, "messaging_client_operation_duration_seconds");
    let mut labels: Vec<_> = operations.iter().map(|point| text(point.labels)).collect();
    labels.sort();
    let sides = "server_port=9080,source_workload=web,source_namespace=shop,\
                 destination_workload=kafka,destination_namespace=shop";
    let operation = |name: &str, kind: &str, rest: &str| {
        format!("messaging_system=kafka,messaging_operation_name={name},messaging_operation_type={kind},{rest},{sides}")
    };
    let expected = [
        operation("commit", "settle", "messaging_consumer_group_name=billing"),
        operation("poll", "receive", "messaging_destination_name=orders"),
        operation("send", "send", "messaging_destination_name=orders,error_type=MESSAGE_TOO_LARGE"),
        operation("send", "send", "messaging_destination_name=orders"),
    ];
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(labels, expected);
    assert_eq!(total(&snapshot, "messaging_client_sent_messages_total"), 4);
    assert_eq!(value(&snapshot, "messaging_client_sent_messages_total", &["error_type=MESSAGE_TOO_LARGE"]), 1);
    let consumed = ["messaging_operation_name=poll", "messaging_destination_name=orders"];
    assert_eq!(value(&snapshot, "messaging_client_consumed_messages_total", &consumed), 2);
}

#[test]
fn hubble_has_its_names_for_apis_and_numbers_for_errors() {
    let hubble = HubbleMetric::parse_all(["kafka:labelsContext=destination_workload", "flow"]).unwrap();
    let snapshot = fed(FoldOptions { views: vec![View::Hubble], hubble, ..FoldOptions::default() });
    let requests = |labels: &[&str]| value(&snapshot, "hubble_kafka_requests_total", labels);
    let labels = ["destination_workload=kafka", "topic=orders", "api_key=produce", "error_code=10", "reporter=client"];
    assert_eq!(requests(&labels), 1);
    assert_eq!(requests(&["api_key=offsetcommit", "error_code=0", "reporter=server"]), 1);
    assert_eq!(total(&snapshot, "hubble_kafka_requests_total"), 10);
    let durations = histograms(&snapshot, "hubble_kafka_request_duration_seconds");
    let fetch = "destination_workload=kafka,topic=orders,api_key=fetch,reporter=client";
    let found = durations.iter().find(|point| text(point.labels) == fetch).expect("it was fetched from");
    assert_eq!(found.counts, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    // Five requests and as many answers, seen by both sides; without a context label they are one series.
    let flows = ["protocol=Kafka", "type=L7", "subtype=Kafka", "verdict=FORWARDED"];
    assert_eq!(value(&snapshot, "hubble_flows_processed_total", &flows), 20);
}

/// A client that asks for no answer gets none: there is one flow, and nobody knows how long the broker took.
#[test]
fn hubble_sees_no_answer_where_none_was_asked_for() {
    let hubble = HubbleMetric::parse_all(["kafka", "flow"]).unwrap();
    let fold = Fold::new(FoldOptions { views: vec![View::Hubble], hubble, ..FoldOptions::default() });
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "kafka");
    let mut open = shard.opened(&info);
    let sent = [partition("orders", 0, 3)];
    let produce = || about(asked(&info, KafkaApi::PRODUCE, NONE, MS), &sent);
    shard.exchange(&mut open, &produce());
    shard.exchange(&mut open, &Exchange { time_to_first_byte: None, ..produce() });
    let snapshot = fold.snapshot();
    assert_eq!(total(&snapshot, "hubble_kafka_requests_total"), 2);
    assert_eq!(total(&snapshot, "hubble_kafka_request_duration_seconds"), 1);
    assert_eq!(total(&snapshot, "hubble_flows_processed_total"), 3);
}
