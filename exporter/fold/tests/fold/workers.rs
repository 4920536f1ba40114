//! Workers that write while scrapes read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use flowfold_flow::{ConnectionEnd, ConnectionOutcome, FlowSink, Protocol, Reporters};
use flowfold_fold::{Fold, FoldOptions};

use crate::traffic::{answered, connection, histograms, text, total};

const SERVER: &str = "http_server_request_duration_seconds";
const WORKERS: u64 = 4;
const CONNECTIONS: u64 = 400;
const EXCHANGES: u64 = 50;

#[test]
fn scrapes_see_numbers_that_rise_and_in_the_end_all_of_them() {
    let fold = Fold::new(FoldOptions::default());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                let shard = fold.shard();
                scope.spawn(move || {
                    for number in 0..CONNECTIONS {
                        // All workers meet the same servers, at about the same time.
                        let info = connection(Reporters::SERVER, &format!("server-{number}"));
                        let mut open = shard.opened(&info);
                        shard.protocol(&mut open, Protocol::Http1);
                        for _ in 0..EXCHANGES {
                            shard.exchange(&mut open, &answered(&info, "/", 200, Duration::from_millis(7)));
                        }
                        shard.closed(open, &ConnectionEnd { outcome: ConnectionOutcome::Closed });
                    }
                })
            })
            .collect();
        let scraper = scope.spawn(|| {
            let mut before = (0, 0, 0);
            while !done.load(Ordering::Relaxed) {
                let snapshot = fold.snapshot();
                let now = (
                    total(&snapshot, SERVER),
                    total(&snapshot, "flowfold_exchanges_total"),
                    histograms(&snapshot, SERVER).len(),
                );
                assert!(before.0 <= now.0 && before.1 <= now.1 && before.2 <= now.2, "{before:?} then {now:?}");
                assert!(total(&snapshot, "flowfold_open_connections") <= WORKERS);
                before = now;
            }
        });
        for worker in workers {
            worker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        scraper.join().unwrap();
    });

    let snapshot = fold.snapshot();
    let series = histograms(&snapshot, SERVER);
    assert_eq!(series.len() as u64, CONNECTIONS);
    for point in &series {
        assert_eq!(point.count(), WORKERS * EXCHANGES, "{}", text(point.labels));
        let nanos = (WORKERS * EXCHANGES * 7_000_000) as f64;
        assert_eq!(point.sum_nanos.to_bits(), nanos.to_bits());
    }
    assert_eq!(total(&snapshot, "flowfold_exchanges_total"), WORKERS * CONNECTIONS * EXCHANGES);
    assert_eq!(total(&snapshot, "flowfold_connections_total"), WORKERS * CONNECTIONS);
    assert_eq!(total(&snapshot, "flowfold_open_connections"), 0);
}
