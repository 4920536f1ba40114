//! The names of servers, learned from what DNS told their clients.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use allocation_counter::measure;
use flowfold_flow::{
    ConnectionEnd, ConnectionInfo, ConnectionOutcome, DnsAddress, DnsAnswer, DnsExchange, DnsRcode, DnsRecords,
    DnsTransport, DnsType, Exchange, FlowSink, GrpcStatus, KafkaApi, KafkaError, Operation, Outcome, Reporters,
    Workload,
};
use flowfold_fold::{DestinationNameLimits, Fold, FoldOptions, HubbleMetric, LabelChoices, Shard, Snapshot, View};

use crate::traffic::{
    about, answered, asked, called, connection, histograms, partition, text, total, value, with_kafka,
};

const CLIENT: &str = "http_client_request_duration_seconds";
const MS: Duration = Duration::from_millis(1);

/// A store that learns names, and shows so many.
fn fold(max_names: usize) -> Arc<Fold> {
    fold_with(max_names, FoldOptions::default())
}

fn fold_with(max_names: usize, options: FoldOptions) -> Arc<Fold> {
    let destination_names = DestinationNameLimits { max_names, ..DestinationNameLimits::default() };
    Fold::new(FoldOptions { destination_names, ..options })
}

/// A connection of `shop/<client>` to an address of which nothing is known.
fn outside(client: &str, last: u8) -> Arc<ConnectionInfo> {
    let info = connection(Reporters::CLIENT, "");
    let source = Workload { name: client.into(), ..(*info.source).clone() };
    let server = SocketAddr::from(([203, 0, 113, last], 80));
    let destination = Workload::named(&server.ip().to_string());
    Arc::new(ConnectionInfo { source: source.into(), server, destination: destination.into(), ..(*info).clone() })
}

/// Lets a client be told that a name has this address.
fn tell(shard: &Shard, client: &str, name: &str, last: u8) {
    tell_at(SystemTime::now(), shard, client, name, last);
}

/// The same of an answer that came then.
fn tell_at(at: SystemTime, shard: &Shard, client: &str, name: &str, last: u8) {
    let info = outside(client, 53);
    let mut open = shard.opened(&info);
    let addresses = [DnsAddress { ip: [203, 0, 113, last].into(), ttl: 60 }];
    shard.exchange(&mut open, &Exchange { started: at - MS, ..lookup(&info, name, &addresses) });
    shard.closed(open, &ConnectionEnd { outcome: ConnectionOutcome::Silent });
}

fn lookup<'a>(info: &'a ConnectionInfo, name: &'a str, addresses: &'a [DnsAddress]) -> Exchange<'a> {
    let records = DnsRecords { of_question: 1, ..DnsRecords::default() };
    let operation = Operation::Dns(DnsExchange {
        transport: DnsTransport::Udp,
        name: name.as_bytes(),
        kind: DnsType::A,
        answer: Some(DnsAnswer { rcode: DnsRcode::NOERROR, is_truncated: false, records }),
        addresses,
    });
    Exchange {
        connection: info,
        operation,
        outcome: Outcome::Answered,
        started: SystemTime::UNIX_EPOCH,
        time_to_first_byte: None,
        duration: MS,
        request_bytes: 40,
        response_bytes: 80,
        trace: None,
    }
}

/// Lets a client ask a server once, on a connection of its own.
fn ask(shard: &Shard, info: &Arc<ConnectionInfo>) {
    let mut open = shard.opened(info);
    shard.exchange(&mut open, &answered(info, "/", 200, MS));
    shard.closed(open, &ConnectionEnd { outcome: ConnectionOutcome::Closed });
}

/// The names that a family's series have, sorted; empty for none.
fn names_of(snapshot: &Snapshot, family: &str) -> Vec<String> {
    let mut names = Vec::new();
    for point in histograms(snapshot, family) {
        let labels = text(point.labels);
        let name = labels.split(',').find_map(|label| label.strip_prefix("destination_name="));
        names.push(name.unwrap_or_default().to_owned());
    }
    names.sort_unstable();
    names
}

#[test]
fn addresses_are_wanted_where_names_are_learned() {
    let [off, on] = [0, 5].map(|max_names| fold(max_names).shard());
    assert!(!off.wants_addresses() && on.wants_addresses());
    let [off, on] = [(off, fold(0).shard()), (fold(0).shard(), on)];
    assert!(!off.wants_addresses() && on.wants_addresses());
    let (on, off) = on;
    assert!((off, on).wants_addresses());
}

#[test]
fn a_server_that_nobody_knows_has_the_name_that_its_client_asked_for() {
    let fold = fold(10);
    let shard = fold.shard();
    tell(&shard, "web", "api.payments.example", 9);
    ask(&shard, &outside("web", 9));
    ask(&shard, &outside("web", 10));
    // The workers share what they learn.
    ask(&fold.shard(), &outside("web", 9));
    let snapshot = fold.snapshot();
    assert_eq!(names_of(&snapshot, CLIENT), ["", "api.payments.example"]);
    let labels: Vec<_> = histograms(&snapshot, CLIENT).iter().map(|point| text(point.labels)).collect();
    let expected = "http_request_method=GET,http_response_status_code=200,network_protocol_version=1.1,url_scheme=http,\
                    server_port=80,source_workload=web,source_namespace=shop,destination_workload=203.0.113.9,\
                    destination_name=api.payments.example";
    assert!(labels.iter().any(|labels| labels == expected), "{labels:?}");
    assert_eq!(names_of(&snapshot, "flowfold_http_time_to_first_byte_seconds"), ["", "api.payments.example"]);
    assert_eq!(value(&snapshot, "flowfold_destination_addresses", &[]), 1);
    assert_eq!(value(&snapshot, "flowfold_destination_addresses_limit", &[]), 4096);
    assert_eq!(value(&snapshot, "flowfold_destination_addresses_evicted_total", &[]), 0);
}

#[test]
fn servers_that_are_known_and_servers_own_reports_have_none() {
    let fold = fold(10);
    let shard = fold.shard();
    tell(&shard, "web", "api.example", 9);
    let known =
        Arc::new(ConnectionInfo { destination: Workload::named("cart").into(), ..(*outside("web", 9)).clone() });
    let both = Arc::new(ConnectionInfo { reporters: Reporters::BOTH, ..(*outside("web", 9)).clone() });
    let served = Arc::new(ConnectionInfo { reporters: Reporters::SERVER, ..(*both).clone() });
    for info in [&known, &both, &served] {
        ask(&shard, info);
    }
    let snapshot = fold.snapshot();
    assert_eq!(names_of(&snapshot, CLIENT), ["", "api.example"]);
    assert_eq!(names_of(&snapshot, "http_server_request_duration_seconds"), [""]);
    assert_eq!(names_of(&snapshot, "flowfold_http_time_to_first_byte_seconds"), ["", "", "api.example"]);
}

#[test]
fn nobody_names_the_servers_of_others() {
    let fold = fold(10);
    let shard = fold.shard();
    tell(&shard, "evil", "shop.example", 9);
    tell(&shard, "unknown", "shop.example", 9);
    tell(&shard, "192.0.2.1", "shop.example", 9);
    for client in ["web", "unknown", "192.0.2.1"] {
        ask(&shard, &outside(client, 9));
    }
    let snapshot = fold.snapshot();
    assert_eq!(names_of(&snapshot, CLIENT), ["", "", ""]);
    assert_eq!(value(&snapshot, "flowfold_destination_addresses", &[]), 1);
    // Nor do the clients of a server that is told of with its own reports.
    let served = Arc::new(ConnectionInfo { reporters: Reporters::SERVER, ..(*outside("web", 53)).clone() });
    let mut open = shard.opened(&served);
    let addresses = [DnsAddress { ip: [203, 0, 113, 9].into(), ttl: 60 }];
    shard.exchange(&mut open, &lookup(&served, "shop.example", &addresses));
    ask(&shard, &outside("web", 9));
    assert_eq!(names_of(&fold.snapshot(), CLIENT), ["", "", ""]);
}

#[test]
fn a_connection_keeps_its_name() {
    let fold = fold(10);
    let shard = fold.shard();
    let (info, late) = (outside("web", 9), outside("web", 10));
    tell(&shard, "web", "one.example", 9);
    tell(&shard, "web", "old.example", 10);
    let answered_at = SystemTime::now();
    let mut open = shard.opened(&info);
    // This one was opened before its answer had been read, and a third never had any.
    let mut opened_before = shard.opened(&late);
    let nameless = outside("web", 11);
    let mut without = shard.opened(&nameless);
    shard.exchange(&mut without, &answered(&nameless, "/", 200, MS));
    tell_at(answered_at, &shard, "web", "late.example", 10);
    for (name, last) in [("two.example", 9), ("three.example", 11)] {
        tell(&shard, "web", name, last);
    }
    for status in [200, 404] {
        shard.exchange(&mut open, &answered(&info, "/", status, MS));
        shard.exchange(&mut opened_before, &answered(&late, "/", status, MS));
    }
    shard.exchange(&mut without, &answered(&nameless, "/", 404, MS));
    ask(&shard, &info);
    let expected = ["", "", "late.example", "late.example", "one.example", "one.example", "two.example"];
    assert_eq!(names_of(&fold.snapshot(), CLIENT), expected);
}

#[test]
fn names_are_off_unless_asked_for_and_their_number_is_bounded() {
    for (max_names, expected) in [(0, &["", "", ""][..]), (2, &["_OTHER", "n1.example", "n2.example"])] {
        let fold = fold(max_names);
        let shard = fold.shard();
        for last in 1..=3 {
            tell(&shard, "web", &format!("n{last}.example"), last);
            ask(&shard, &outside("web", last));
        }
        let snapshot = fold.snapshot();
        assert_eq!(names_of(&snapshot, CLIENT), expected);
        assert_eq!(value(&snapshot, "flowfold_destination_addresses", &[]), if max_names == 0 { 0 } else { 3 });
    }
}

#[test]
fn a_name_whose_series_have_expired_makes_room() {
    let fold = fold(1);
    let shard = fold.shard();
    for last in 1..=2 {
        tell(&shard, "web", &format!("n{last}.example"), last);
    }
    ask(&shard, &outside("web", 1));
    let start = Instant::now();
    fold.expire(start);
    fold.expire(start + Duration::from_hours(1));
    let snapshot = fold.snapshot();
    assert_eq!(value(&snapshot, "flowfold_destination_addresses", &[]), 0, "their time is over, too");
    // The worker lets go of them as it goes on, and the next look frees them.
    tell(&shard, "web", "n3.example", 3);
    fold.expire(start + Duration::from_hours(1));
    tell(&shard, "web", "n2.example", 2);
    ask(&shard, &outside("web", 2));
    assert_eq!(names_of(&fold.snapshot(), CLIENT), ["n2.example"]);
}

#[test]
fn a_name_is_let_go_although_what_its_series_counted_is_kept() {
    let mut labels = LabelChoices::default();
    labels.exclude(CLIENT, &["destination_name"]).unwrap();
    let views = vec![View::OpenTelemetry, View::ServiceGraph];
    let fold = fold_with(1, FoldOptions { labels, views, ..FoldOptions::default() });
    let shard = fold.shard();
    let info = outside("web", 9);
    let mut nameless = shard.opened(&info);
    shard.exchange(&mut nameless, &answered(&info, "/", 200, MS));
    tell(&shard, "web", "n1.example", 9);
    ask(&shard, &info);
    let start = Instant::now();
    for hours in 0..3 {
        shard.exchange(&mut nameless, &answered(&info, "/", 200, MS));
        fold.expire(start + Duration::from_hours(hours));
    }
    let snapshot = fold.snapshot();
    assert_eq!((histograms(&snapshot, CLIENT).len(), total(&snapshot, CLIENT)), (1, 5));
    tell(&shard, "web", "n2.example", 9);
    ask(&shard, &info);
    let labels = ["client=web", "server=n2.example"];
    assert_eq!(value(&fold.snapshot(), "traces_service_graph_request_total", &labels), 1);
}

#[test]
fn a_workload_cannot_keep_all_names() {
    for series_ttl in [None, FoldOptions::default().series_ttl] {
        let fold = fold_with(4, FoldOptions { series_ttl, ..FoldOptions::default() });
        let shard = fold.shard();
        let greedy: Vec<_> = (1..=5).map(|last| outside("greedy", last)).collect();
        let mut open: Vec<_> = Vec::new();
        for (info, last) in greedy.iter().zip(1..) {
            tell(&shard, "greedy", &format!("g{last}.example"), last);
            let mut connection = shard.opened(info);
            shard.exchange(&mut connection, &answered(info, "/", 200, MS));
            open.push(connection);
        }
        for last in [11, 12, 13] {
            tell(&shard, "web", &format!("w{last}.example"), last);
            ask(&shard, &outside("web", last));
        }
        fold.expire(Instant::now());
        let shown = ["_OTHER", "_OTHER", "g3.example", "g4.example", "w11.example", "w12.example"];
        let snapshot = fold.snapshot();
        assert_eq!(names_of(&snapshot, CLIENT), shown);
        let expired = "flowfold_series_expired_exchanges_total";
        assert_eq!(value(&snapshot, expired, &[&format!("family={CLIENT}")]), 2);
        // A connection whose name had to go does not go on with it.
        for (connection, info) in open.iter_mut().zip(&greedy) {
            shard.exchange(connection, &answered(info, "/", 200, MS));
        }
        assert_eq!(names_of(&fold.snapshot(), CLIENT), [&["_OTHER"; 2][..], &shown].concat());
    }
}

#[test]
fn calls_and_kafka_have_names_too() {
    let fold = fold(10);
    let shard = fold.shard();
    tell(&shard, "web", "api.example", 9);
    let info = outside("web", 9);
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &called(&info, "shop.Cart/Add", GrpcStatus::Ok, MS));
    let partitions = [partition("orders", 0, 3)];
    for api in [KafkaApi::PRODUCE, KafkaApi::FETCH] {
        let exchange = about(asked(&info, api, KafkaError::NONE, MS), &partitions);
        shard.exchange(
            &mut open,
            &with_kafka(exchange, |kafka| (kafka.max_wait, kafka.throttle) = (Some(MS), Some(MS))),
        );
    }
    let snapshot = fold.snapshot();
    for family in [
        "rpc_client_call_duration_seconds",
        "flowfold_rpc_time_to_first_message_seconds",
        "kafka_fetch_beyond_wait_seconds",
    ] {
        assert_eq!(names_of(&snapshot, family), ["api.example"], "{family}");
    }
    for family in
        ["kafka_request_duration_seconds", "kafka_throttle_seconds", "messaging_client_operation_duration_seconds"]
    {
        assert_eq!(names_of(&snapshot, family), ["api.example", "api.example"], "{family}");
    }
    let name = "destination_name=api.example";
    assert_eq!(value(&snapshot, "flowfold_rpc_messages_total", &[name, "side=client_to_server"]), 1);
    assert_eq!(value(&snapshot, "kafka_records_total", &[name, "direction=fetch"]), 3);
    assert_eq!(value(&snapshot, "messaging_client_sent_messages_total", &[name]), 3);
}

#[test]
fn other_views_show_the_name_in_their_own_way() {
    let hubble = HubbleMetric::parse_all(["httpV2:destinationContext=dns|ip;sourceContext=workload"]).unwrap();
    let options = FoldOptions { views: View::ALL.to_vec(), hubble, ..FoldOptions::default() };
    let fold = fold_with(1, options);
    let shard = fold.shard();
    for last in [9, 10] {
        tell(&shard, "web", &format!("n{last}.example"), last);
        ask(&shard, &outside("web", last));
    }
    let served = Arc::new(ConnectionInfo { reporters: Reporters::BOTH, ..(*outside("web", 9)).clone() });
    ask(&shard, &served);
    let snapshot = fold.snapshot();
    let count = |reporter, destination: &str| {
        let labels = ["source=shop/web", &format!("destination={destination}"), &format!("reporter={reporter}")];
        value(&snapshot, "hubble_http_requests_total", &labels)
    };
    assert_eq!((count("client", "n9.example"), count("server", "203.0.113.9")), (2, 1));
    assert_eq!(count("client", "203.0.113.10"), 1, "one name alone may be shown");
    let edge = |server: &str| {
        let labels = ["client=web", &format!("server={server}"), "connection_type=virtual_node"];
        value(&snapshot, "traces_service_graph_request_total", &labels)
    };
    assert_eq!((edge("n9.example"), edge("203.0.113.10")), (1, 1));
    // What the server's side reports is still one series each.
    assert_eq!(histograms(&snapshot, "http_server_request_duration_seconds").len(), 1);
}

#[test]
fn a_name_that_is_hidden_makes_no_series() {
    let mut labels = LabelChoices::default();
    labels.exclude(CLIENT, &["destination_name"]).unwrap();
    let fold = fold_with(10, FoldOptions { labels, ..FoldOptions::default() });
    let shard = fold.shard();
    for name in ["one.example", "two.example"] {
        tell(&shard, "web", name, 9);
        ask(&shard, &outside("web", 9));
    }
    let snapshot = fold.snapshot();
    assert_eq!(names_of(&snapshot, CLIENT), [""]);
    assert_eq!(value(&snapshot, "flowfold_series", &[&format!("family={CLIENT}")]), 1);
}

#[test]
fn an_answer_that_is_told_again_and_a_connection_with_a_name_allocate_nothing() {
    let fold = fold(10);
    let shard = fold.shard();
    let (resolver, server) = (outside("web", 53), outside("web", 9));
    let addresses = [DnsAddress { ip: [203, 0, 113, 9].into(), ttl: 60 }];
    let again = || {
        let mut open = shard.opened(&resolver);
        shard.exchange(&mut open, &lookup(&resolver, "api.example", &addresses));
        shard.closed(open, &ConnectionEnd { outcome: ConnectionOutcome::Silent });
        ask(&shard, &server);
    };
    again();
    let measured = measure(|| (0..100).for_each(|_| again()));
    // A second may go by meanwhile, after which the answer is written down anew.
    assert!(measured.count_total <= 2, "{measured:?}");
}
