//! The ceiling of series.

use std::time::Duration;

use flowfold_flow::{FlowSink, Reporters};
use flowfold_fold::{Fold, FoldOptions, HistogramPoint, Snapshot};

use crate::traffic::{answered, connection, histograms, text, total, value};

const SERVER: &str = "http_server_request_duration_seconds";

fn overflowed(snapshot: &Snapshot, family: &str) -> u64 {
    histograms(snapshot, family)
        .iter()
        .filter(|point| text(point.labels) == "otel_metric_overflow=true")
        .map(HistogramPoint::count)
        .sum()
}

#[test]
fn what_the_ceiling_turns_away_goes_to_one_series_and_nothing_is_lost() {
    let fold = Fold::new(FoldOptions { max_series: 10, ..FoldOptions::default() });
    let shards = [fold.shard(), fold.shard()];
    for number in 0..1000 {
        let shard = &shards[number % 2];
        let info = connection(Reporters::BOTH, &format!("server-{number}"));
        let mut open = shard.opened(&info);
        for _ in 0..3 {
            shard.exchange(&mut open, &answered(&info, "/", 200, Duration::from_millis(1)));
        }
    }
    let snapshot = fold.snapshot();
    let mut live = 0;
    for family in [SERVER, "http_client_request_duration_seconds"] {
        assert_eq!(total(&snapshot, family), 3000);
        let series = histograms(&snapshot, family).len() as u64;
        live += value(&snapshot, "flowfold_series", &[&format!("family={family}")]);
        assert_eq!(series, 1 + value(&snapshot, "flowfold_series", &[&format!("family={family}")]));
        let counted = value(&snapshot, "flowfold_series_overflowed_exchanges_total", &[&format!("family={family}")]);
        assert_eq!(counted, overflowed(&snapshot, family));
        assert_eq!(counted, 3000 - 3 * (series - 1));
    }
    assert!(live <= 10);
    assert_eq!(total(&snapshot, "flowfold_series"), 10);
    assert_eq!(total(&snapshot, "flowfold_series_created_total"), 10);
    assert_eq!(total(&snapshot, "flowfold_exchanges_total"), 3000);
}

#[test]
fn a_label_set_of_two_workers_counts_once() {
    let fold = Fold::new(FoldOptions { max_series: 2, ..FoldOptions::default() });
    let info = connection(Reporters::SERVER, "details");
    for shard in [fold.shard(), fold.shard(), fold.shard()] {
        let mut open = shard.opened(&info);
        shard.exchange(&mut open, &answered(&info, "/", 200, Duration::from_millis(1)));
    }
    let snapshot = fold.snapshot();
    assert_eq!(histograms(&snapshot, SERVER).len(), 1);
    assert_eq!(total(&snapshot, SERVER), 3);
    assert_eq!(overflowed(&snapshot, SERVER), 0);
    assert_eq!(total(&snapshot, "flowfold_series"), 2);
}

#[test]
fn a_store_without_room_still_counts() {
    let fold = Fold::new(FoldOptions { max_series: 0, ..FoldOptions::default() });
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "details");
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &answered(&info, "/", 200, Duration::from_millis(1)));
    shard.exchange(&mut open, &answered(&info, "/", 500, Duration::from_millis(1)));
    let snapshot = fold.snapshot();
    assert_eq!(overflowed(&snapshot, SERVER), 2);
    assert_eq!(total(&snapshot, SERVER), 2);
}
