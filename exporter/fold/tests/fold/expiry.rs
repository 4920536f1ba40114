//! Series that nothing feeds any more.

use std::thread;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use flowfold_flow::{FlowSink, GrpcStatus, Reporters};
use flowfold_fold::{Fold, FoldOptions, Snapshot, View};

use crate::traffic::{answered, called, connection, histograms, text, total, value};

const SERVER: &str = "http_server_request_duration_seconds";
const RPC: &str = "rpc_server_call_duration_seconds";
const MS: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_mins(1);

fn fold(options: FoldOptions) -> std::sync::Arc<Fold> {
    Fold::new(FoldOptions { series_ttl: Some(15 * MINUTE), views: View::ALL.to_vec(), ..options })
}

fn of_family(snapshot: &Snapshot, metric: &str, family: &str) -> u64 {
    value(snapshot, metric, &[&format!("family={family}")])
}

/// Exchanges of a family that are shown or have expired.
fn booked(snapshot: &Snapshot, family: &str) -> u64 {
    total(snapshot, family) + of_family(snapshot, "flowfold_series_expired_exchanges_total", family)
}

#[test]
fn a_series_that_is_not_fed_vanishes_and_its_exchanges_are_told_apart() {
    let fold = fold(FoldOptions::default());
    let shard = fold.shard();
    let start = Instant::now();
    let (busy, idle) = (connection(Reporters::SERVER, "busy"), connection(Reporters::SERVER, "idle"));
    let (mut open_busy, mut open_idle) = (shard.opened(&busy), shard.opened(&idle));
    for _ in 0..7 {
        shard.exchange(&mut open_idle, &answered(&idle, "/", 200, MS));
    }
    for minute in 0..=15 {
        shard.exchange(&mut open_busy, &answered(&busy, "/", 200, MS));
        fold.expire(start + minute * MINUTE);
        let snapshot = fold.snapshot();
        let shown = if minute < 15 { 2 } else { 1 };
        assert_eq!(histograms(&snapshot, SERVER).len(), shown, "after {minute} minutes");
        assert_eq!(of_family(&snapshot, "flowfold_series", SERVER), shown as u64);
        assert_eq!(booked(&snapshot, SERVER), u64::from(minute) + 8);
    }
    let snapshot = fold.snapshot();
    assert!(text(histograms(&snapshot, SERVER)[0].labels).contains("destination_workload=busy"));
    assert_eq!(of_family(&snapshot, "flowfold_series_expired_exchanges_total", SERVER), 7);
    assert_eq!(of_family(&snapshot, "flowfold_series_expired_total", SERVER), 1);
    assert_eq!(of_family(&snapshot, "flowfold_series_created_total", SERVER), 2);

    // It comes back from zero, on the connection that still had the old one.
    let before = std::time::SystemTime::now();
    shard.exchange(&mut open_idle, &answered(&idle, "/", 200, MS));
    let snapshot = fold.snapshot();
    let shown = histograms(&snapshot, SERVER);
    let back = shown.iter().find(|point| text(point.labels).contains("destination_workload=idle")).unwrap();
    assert_eq!(back.count(), 1);
    assert!(back.since >= before);
    assert_eq!(booked(&snapshot, SERVER), 24);
    assert_eq!(of_family(&snapshot, "flowfold_series_created_total", SERVER), 3);
}

#[test]
fn without_a_time_nothing_expires() {
    let fold = Fold::new(FoldOptions { series_ttl: None, ..FoldOptions::default() });
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "details");
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &answered(&info, "/", 200, MS));
    let start = Instant::now();
    (0..100).for_each(|day| fold.expire(start + day * 24 * 60 * MINUTE));
    assert_eq!(total(&fold.snapshot(), SERVER), 1);
}

#[test]
fn room_that_has_become_free_is_used_by_connections_that_overflowed() {
    let fold = fold(FoldOptions { max_series: 2, ..FoldOptions::default() });
    let shard = fold.shard();
    let start = Instant::now();
    let (first, second) = (connection(Reporters::SERVER, "first"), connection(Reporters::SERVER, "second"));
    let mut open = shard.opened(&first);
    shard.exchange(&mut open, &answered(&first, "/", 200, MS));
    let mut open = shard.opened(&second);
    fold.expire(start);
    shard.exchange(&mut open, &answered(&second, "/", 200, MS));
    assert_eq!(of_family(&fold.snapshot(), "flowfold_series_overflowed_exchanges_total", SERVER), 1);
    fold.expire(start + 20 * MINUTE);
    shard.exchange(&mut open, &answered(&second, "/", 200, MS));
    let snapshot = fold.snapshot();
    let labels: Vec<_> = histograms(&snapshot, SERVER).iter().map(|point| text(point.labels)).collect();
    assert!(labels.iter().any(|labels| labels.contains("destination_workload=second")), "{labels:?}");
    assert_eq!(of_family(&snapshot, "flowfold_series_overflowed_exchanges_total", SERVER), 1);
    assert_eq!(booked(&snapshot, SERVER), 3);
}

#[test]
fn a_sum_of_several_series_does_not_fall_when_one_of_them_expires() {
    let fold = fold(FoldOptions::default());
    let shard = fold.shard();
    let start = Instant::now();
    let (busy, idle) = (connection(Reporters::SERVER, "busy"), connection(Reporters::SERVER, "idle"));
    let (mut open_busy, mut open_idle) = (shard.opened(&busy), shard.opened(&idle));
    for _ in 0..100 {
        shard.exchange(&mut open_idle, &called(&idle, "shop.Cart/Add", GrpcStatus::Ok, 7 * MS));
    }
    let handled = ["grpc_service=shop.Cart", "grpc_method=Add", "grpc_code=OK"];
    for minute in 0..40_u32 {
        shard.exchange(&mut open_busy, &called(&busy, "shop.Cart/Add", GrpcStatus::Ok, 7 * MS));
        fold.expire(start + minute * MINUTE);
        let snapshot = fold.snapshot();
        let expected = 101 + u64::from(minute);
        assert_eq!(value(&snapshot, "grpc_server_handled_total", &handled), expected, "after {minute} minutes");
        assert_eq!(value(&snapshot, "grpc_server_msg_sent_total", &handled[..2]), expected);
        let handling = histograms(&snapshot, "grpc_server_handling_seconds")[0];
        assert_eq!((handling.count(), handling.exponential().unwrap().count()), (expected, expected));
        // Where the workload is a label, it vanishes.
        let shown = if minute < 15 { expected } else { expected - 100 };
        assert_eq!(total(&snapshot, RPC), shown);
        assert_eq!(booked(&snapshot, RPC), expected);
    }
    // When the last of them has expired, too, the sum vanishes; when one returns, it begins at zero.
    fold.expire(start + 60 * MINUTE);
    fold.expire(start + 80 * MINUTE);
    assert_eq!(total(&fold.snapshot(), "grpc_server_handled_total"), 0);
    shard.exchange(&mut open_idle, &called(&idle, "shop.Cart/Add", GrpcStatus::Ok, 7 * MS));
    let snapshot = fold.snapshot();
    assert_eq!(value(&snapshot, "grpc_server_handled_total", &handled), 1);
    assert_eq!(booked(&snapshot, RPC), 141);
}

#[test]
fn what_expired_is_freed_and_its_places_are_used_again() {
    let fold = fold(FoldOptions { max_series: usize::MAX, ..FoldOptions::default() });
    let shard = fold.shard();
    let start = Instant::now();
    let at_start = total(&fold.snapshot(), "flowfold_series_memory_bytes");
    let round = |number: u32| {
        for server in 0..2000 {
            let info = connection(Reporters::SERVER, &format!("server-{number}-{server}"));
            let mut open = shard.opened(&info);
            shard.exchange(&mut open, &answered(&info, "/", 200, MS));
        }
        let at = start + 40 * MINUTE * number;
        fold.expire(at);
        fold.expire(at + 20 * MINUTE);
        // The worker forgets a few with each connection.
        let info = connection(Reporters::SERVER, "last");
        for _ in 0..200 {
            let open = shard.opened(&info);
            shard.closed(open, &flowfold_flow::ConnectionEnd { outcome: flowfold_flow::ConnectionOutcome::Closed });
        }
        fold.expire(at + 20 * MINUTE);
        let snapshot = fold.snapshot();
        assert_eq!(total(&snapshot, "flowfold_series"), 0);
        assert_eq!(total(&snapshot, "flowfold_series_memory_bytes"), at_start);
        assert_eq!(booked(&snapshot, SERVER), 2000 * (u64::from(number) + 1));
    };
    round(0);
    let measured = measure(|| (1..6).for_each(round));
    assert!(measured.bytes_current < 10_000, "{measured:?}");
}

#[test]
fn workers_that_write_while_series_expire_lose_nothing() {
    const WORKERS: u64 = 3;
    const EXCHANGES: u64 = 60_000;
    // Everything is idle at once, so that series expire under the workers' hands.
    let fold = Fold::new(FoldOptions { series_ttl: Some(Duration::ZERO), max_series: 300, ..FoldOptions::default() });
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                let shard = fold.shard();
                scope.spawn(move || {
                    let infos: Vec<_> =
                        (0..50).map(|server| connection(Reporters::BOTH, &format!("server-{server}"))).collect();
                    let mut open: Vec<_> = infos.iter().map(|info| shard.opened(info)).collect();
                    for number in 0..EXCHANGES {
                        // One server after the other, so that the others are idle.
                        let place = usize::try_from(number / 100 % 50).unwrap();
                        let status = 200 + u16::try_from(number % 5).unwrap();
                        shard.exchange(&mut open[place], &answered(&infos[place], "/", status, MS));
                    }
                })
            })
            .collect();
        let mut now = Instant::now();
        while workers.iter().any(|worker| !worker.is_finished()) {
            now += MS;
            fold.expire(now);
            let snapshot = fold.snapshot();
            for point in histograms(&snapshot, SERVER) {
                assert_eq!(point.exponential().unwrap().count(), point.count());
            }
        }
    });
    let snapshot = fold.snapshot();
    let all = total(&snapshot, "flowfold_exchanges_total");
    assert_eq!(all, WORKERS * EXCHANGES);
    for family in [SERVER, "http_client_request_duration_seconds", "flowfold_http_time_to_first_byte_seconds"] {
        let expected = if family.starts_with("flowfold") { 2 * all } else { all };
        assert_eq!(booked(&snapshot, family), expected, "{family}");
    }
    assert!(total(&snapshot, "flowfold_series_expired_total") > 1000, "it was about expiry");
}
