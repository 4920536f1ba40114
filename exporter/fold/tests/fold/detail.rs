//! Exponential buckets and exemplars.

use std::time::{Duration, SystemTime};

use flowfold_flow::{FlowSink, GrpcStatus, Reporters};
use flowfold_fold::{Detail, Fold, FoldOptions, Points, View};

use crate::traffic::{answered, called, connection, histograms, traced};

const SERVER: &str = "http_server_request_duration_seconds";
const MS: Duration = Duration::from_millis(1);

#[test]
fn classic_and_exponential_buckets_have_the_same_values() {
    let fold = Fold::new(FoldOptions { views: View::ALL.to_vec(), ..FoldOptions::default() });
    let shards = [fold.shard(), fold.shard()];
    let info = connection(Reporters::BOTH, "details");
    for number in 0..2000_u32 {
        let shard = &shards[number as usize % 2];
        let mut open = shard.opened(&info);
        // From microseconds, on one worker, to minutes, on the other: their scales differ.
        let time = if number % 2 == 0 { Duration::from_micros(number.into()) } else { 50 * MS * number };
        shard.exchange(&mut open, &answered(&info, "/", 200, time));
        shard.exchange(&mut open, &called(&info, "shop.Cart/Add", GrpcStatus::Ok, time));
    }
    let mut families = 0;
    for family in &fold.snapshot().families {
        let Points::Histograms(histograms) = &family.points else { continue };
        for point in histograms.iter().filter(|_| family.metric.name != "flowfold_added_latency_seconds") {
            let exponential = point.exponential().expect("every family of exchanges has one");
            assert_eq!(exponential.count(), point.count(), "{}", family.metric.name);
            assert!((1..=3).contains(&exponential.scale) && exponential.counts.len() <= 160);
            // The classic bound of 1 s is one of every scale, too: both sides of it agree.
            let below = exponential.counts.iter().take(usize::try_from(-exponential.offset).unwrap());
            let has_few = ["grpc_", "hubble_"].iter().any(|few| family.metric.name.starts_with(few));
            let bounds = if has_few { 8 } else { 10 };
            let below_classic = point.counts.iter().take(bounds).sum::<u64>();
            assert_eq!(below.sum::<u64>() + exponential.zero_count, below_classic, "{}", family.metric.name);
            families += 1;
        }
    }
    // Two of HTTP, two of gRPC, each side's first byte and first message, two of go-grpc-prometheus, of Hubble one for
    // each side and method, two of the service graph.
    assert_eq!(families, 16);
}

#[test]
fn a_bucket_keeps_its_last_traced_exchange() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "details");
    let mut open = shard.opened(&info);
    for (millis, trace) in [(3, 1), (4, 2), (30, 3), (20_000, 4)] {
        shard.exchange(&mut open, &traced(answered(&info, "/", 200, millis * MS), trace));
    }
    shard.exchange(&mut open, &answered(&info, "/", 200, 30 * MS));
    let mut dropped = traced(answered(&info, "/", 200, 30 * MS), 9);
    dropped.trace.as_mut().unwrap().sampled = false;
    shard.exchange(&mut open, &dropped);

    let snapshot = fold.snapshot();
    let point = histograms(&snapshot, SERVER)[0];
    let found: Vec<_> = point.exemplars().iter().map(|placed| (placed.bucket, placed.exemplar.trace_id[0])).collect();
    assert_eq!(found, [(0, 2), (3, 3), (14, 4)]);
    let exemplar = point.exemplar(3).unwrap();
    assert_eq!((exemplar.trace_id, exemplar.span_id), ([3; 16], [3; 8]));
    assert_eq!(exemplar.value_seconds().to_bits(), 0.03_f64.to_bits());
    assert_eq!(exemplar.at, SystemTime::UNIX_EPOCH + 30 * MS);
    assert_eq!(point.exemplar(1), None);
    let first_byte = "flowfold_http_time_to_first_byte_seconds";
    assert!(histograms(&snapshot, first_byte)[0].exemplars().is_empty());
}

#[test]
fn the_exemplars_of_several_series_become_one_per_bucket() {
    let fold = Fold::new(FoldOptions { views: View::ALL.to_vec(), ..FoldOptions::default() });
    let shards = [fold.shard(), fold.shard()];
    // 60 ms and 80 ms are two buckets of the conventions and one of go-grpc-prometheus; the later one stays.
    for (shard, server, millis, trace) in [(0, "cart", 80, 1), (1, "cart", 60, 2), (1, "basket", 70, 3)] {
        let shard: &flowfold_fold::Shard = &shards[shard];
        let info = connection(Reporters::SERVER, server);
        let mut open = shard.opened(&info);
        shard.exchange(&mut open, &traced(called(&info, "shop.Cart/Add", GrpcStatus::Ok, millis * MS), trace));
    }
    let snapshot = fold.snapshot();
    let exemplars = |family: &str| {
        let points = histograms(&snapshot, family);
        let of_point = |point: &flowfold_fold::HistogramPoint<'_>| -> Vec<_> {
            point.exemplars().iter().map(|placed| (placed.bucket, placed.exemplar.trace_id[0])).collect()
        };
        points.iter().map(of_point).collect::<Vec<_>>()
    };
    assert_eq!(exemplars("rpc_server_call_duration_seconds"), [vec![(4, 2), (5, 1)], vec![(4, 3)]]);
    assert_eq!(exemplars("grpc_server_handling_seconds"), [vec![(4, 1)]]);
}

#[test]
fn a_snapshot_has_no_more_than_was_asked_for() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "details");
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &traced(answered(&info, "/", 200, MS), 1));
    let has = |detail| {
        let snapshot = fold.snapshot_with(detail);
        let point = histograms(&snapshot, SERVER)[0];
        assert_eq!(point.count(), 1);
        (point.exponential().is_some(), !point.exemplars().is_empty())
    };
    assert_eq!(has(Detail::ALL), (true, true));
    assert_eq!(has(Detail::CLASSIC), (false, false));
    assert_eq!(has(Detail { exponential: false, exemplars: true }), (false, true));
}
