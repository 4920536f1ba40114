//! Connections, bytes and what the agent says of itself.

use std::time::Duration;

use flowfold_flow::{
    ByteTally, ConnectionEnd, ConnectionOutcome, FlowSink, Protocol, Refusal, Reporters, Side, UnparsedReason,
};
use flowfold_fold::{BuildInfo, Fold, FoldOptions, NotObserved, SteeredDirection};

use crate::traffic::{connection, histograms, text, total, value};

#[test]
fn connections_are_counted_when_they_open_and_when_they_close() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::CLIENT, "details");
    let mut first = shard.opened(&info);
    let second = shard.opened(&info);
    shard.protocol(&mut first, Protocol::Http1);
    shard.closed(first, &ConnectionEnd { outcome: ConnectionOutcome::ServerReset });

    let snapshot = fold.snapshot();
    assert_eq!(value(&snapshot, "flowfold_connections_opened_total", &["direction=egress"]), 2);
    assert_eq!(value(&snapshot, "flowfold_open_connections", &["direction=egress"]), 1);
    let closed = ["direction=egress", "protocol=http1", "outcome=server_reset"];
    assert_eq!(value(&snapshot, "flowfold_connections_total", &closed), 1);
    assert_eq!(total(&snapshot, "flowfold_connections_total"), 1);

    shard.closed(second, &ConnectionEnd { outcome: ConnectionOutcome::Closed });
    shard.refused(Refusal::Loop);
    fold.health().unread_datagrams(Side::ServerToClient, 1);
    drop(shard);
    let snapshot = fold.snapshot();
    assert_eq!(total(&snapshot, "flowfold_open_connections"), 0);
    assert_eq!(value(&snapshot, "flowfold_connections_refused_total", &["reason=loop"]), 1);
    assert_eq!(value(&snapshot, "flowfold_datagrams_unread_total", &["side=server_to_client"]), 1);
    assert_eq!(value(&snapshot, "flowfold_datagrams_unread_total", &["side=client_to_server"]), 0);
    assert_eq!(total(&snapshot, "flowfold_connections_total"), 2);
}

#[test]
fn bytes_are_counted_by_side_and_class() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let mut open = shard.opened(&connection(Reporters::SERVER, "details"));
    shard.bytes(&mut open, Side::ClientToServer, &ByteTally { parsed: 80, body: 20, ..ByteTally::default() });
    let unparsed = ByteTally { unparsed: 7, reason: Some(UnparsedReason::MalformedChunk), ..ByteTally::default() };
    shard.bytes(&mut open, Side::ServerToClient, &unparsed);
    shard.bytes(&mut open, Side::ServerToClient, &ByteTally { opaque: 3, ..ByteTally::default() });

    let snapshot = fold.snapshot();
    let bytes = |labels: &[&str]| value(&snapshot, "flowfold_bytes_total", labels);
    assert_eq!(bytes(&["side=client_to_server", "class=parsed"]), 80);
    assert_eq!(bytes(&["side=client_to_server", "class=body"]), 20);
    assert_eq!(bytes(&["side=server_to_client", "class=opaque"]), 3);
    assert_eq!(bytes(&["side=server_to_client", "class=unparsed", "reason=malformed_chunk"]), 7);
    assert_eq!(total(&snapshot, "flowfold_bytes_total"), 110);
}

#[test]
fn added_latency_is_fine_enough_for_microseconds() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let mut open = shard.opened(&connection(Reporters::SERVER, "details"));
    for micros in [4, 5, 6, 2_000_000] {
        shard.relayed(&mut open, Side::ClientToServer, Duration::from_micros(micros));
    }
    let snapshot = fold.snapshot();
    let series = histograms(&snapshot, "flowfold_added_latency_seconds");
    assert_eq!(text(series[0].labels), "side=client_to_server");
    assert_eq!(series[0].counts[..3], [2, 1, 0]);
    assert_eq!(series[0].count(), 4);
    assert_eq!(series[1].count(), 0);
}

#[test]
fn what_the_agent_reads_elsewhere_never_falls() {
    let fold = Fold::new(FoldOptions {
        build: BuildInfo { version: "1.2.3".to_owned(), revision: String::new() },
        ..FoldOptions::default()
    });
    let health = fold.health();
    health.program("sk_lookup", true);
    health.program("connect4", true);
    health.program("connect4", false);
    health.not_observed(NotObserved::Paused, 5);
    health.not_observed(NotObserved::Paused, 3);
    health.steered(SteeredDirection::Ingress, 9);

    let snapshot = fold.snapshot();
    assert_eq!(value(&snapshot, "flowfold_programs_attached", &["program=sk_lookup"]), 1);
    assert_eq!(value(&snapshot, "flowfold_programs_attached", &["program=connect4"]), 0);
    assert_eq!(value(&snapshot, "flowfold_connections_not_observed_total", &["reason=paused"]), 5);
    assert_eq!(value(&snapshot, "flowfold_connections_not_observed_total", &["reason=older_than_agent"]), 0);
    assert_eq!(value(&snapshot, "flowfold_steered_connections_total", &["direction=ingress"]), 9);
    assert_eq!(value(&snapshot, "flowfold_build_info", &["version=1.2.3"]), 1);
}
