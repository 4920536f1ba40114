//! Random traffic over random shards, held against plain arithmetic.

use std::collections::BTreeMap;
use std::time::Duration;

use flowfold_flow::{FlowSink, Reporters};
use flowfold_fold::{Fold, FoldOptions, RouteTable};
use proptest::prelude::*;

use crate::traffic::{answered, connection, histograms, text, total};

/// One made-up exchange: shard, server, path, status, microseconds, reporters.
type Made = (usize, usize, usize, u16, u64, usize);

const PATHS: [&str; 4] = ["/a", "/b/7", "/b/8", "/c"];
const REPORTERS: [Reporters; 3] = [Reporters::SERVER, Reporters::CLIENT, Reporters::BOTH];

fn made() -> impl Strategy<Value = Made> {
    let status = prop::sample::select(vec![200, 201, 404, 500]);
    (0..3_usize, 0..5_usize, 0..PATHS.len(), status, 0..20_000_000_u64, 0..REPORTERS.len())
}

/// What a series is known by, apart from its family: server, route, status.
type Key = (usize, Option<&'static str>, u16);

fn route(path: &str) -> Option<&'static str> {
    ["/a", "/b/{id}"].into_iter().find(|route| path == *route || (*route == "/b/{id}" && path.starts_with("/b/")))
}

fn expected(exchanges: &[Made], counts: impl Fn(Reporters) -> bool) -> BTreeMap<Key, Vec<u64>> {
    let mut series = BTreeMap::<Key, Vec<u64>>::new();
    for (_, server, path, status, micros, reporters) in exchanges {
        if counts(REPORTERS[*reporters]) {
            series.entry((*server, route(PATHS[*path]), *status)).or_default().push(*micros);
        }
    }
    series
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_snapshot_is_what_arithmetic_says(exchanges in prop::collection::vec(made(), 0..200)) {
        let routes = RouteTable::parse(["/a", "/b/{id}"]).unwrap();
        let fold = Fold::new(FoldOptions { routes, ..FoldOptions::default() });
        let shards = [fold.shard(), fold.shard(), fold.shard()];
        let connections: Vec<Vec<_>> = (0..5)
            .map(|server| REPORTERS.map(|reporters| connection(reporters, &format!("server-{server}"))).to_vec())
            .collect();
        // Connections stay open, so that exchanges of several kinds go through the series that they hold.
        let mut open: Vec<Vec<Vec<_>>> = shards
            .iter()
            .map(|shard| connections.iter().map(|kinds| kinds.iter().map(|info| shard.opened(info)).collect()).collect())
            .collect();
        for (shard, server, path, status, micros, reporters) in &exchanges {
            let info = &connections[*server][*reporters];
            let exchange = answered(info, PATHS[*path], *status, Duration::from_micros(*micros));
            shards[*shard].exchange(&mut open[*shard][*server][*reporters], &exchange);
        }

        let snapshot = fold.snapshot();
        prop_assert_eq!(total(&snapshot, "flowfold_exchanges_total"), exchanges.len() as u64);
        for (family, expected) in [
            ("http_server_request_duration_seconds", expected(&exchanges, |reporters| reporters.server)),
            ("http_client_request_duration_seconds", expected(&exchanges, |reporters| reporters.client)),
        ] {
            let series = histograms(&snapshot, family);
            prop_assert_eq!(series.len(), expected.len());
            for ((server, route, status), durations) in expected {
                let has = |labels: &str| {
                    labels.contains(&format!("destination_workload=server-{server},"))
                        && labels.contains(&format!("status_code={status},"))
                        && labels.contains("http_route=") == route.is_some()
                        && route.is_none_or(|route| labels.contains(&format!("http_route={route},")))
                };
                let found: Vec<_> = series.iter().filter(|point| has(&text(point.labels))).collect();
                prop_assert_eq!(found.len(), 1);
                prop_assert_eq!(found[0].count(), durations.len() as u64);
                let nanos = durations.iter().sum::<u64>() * 1000;
                prop_assert_eq!(found[0].sum_nanos.to_bits(), (nanos as f64).to_bits());
                let within_25_ms = durations.iter().filter(|micros| **micros <= 25_000).count() as u64;
                prop_assert_eq!(found[0].counts[..3].iter().sum::<u64>(), within_25_ms);
            }
        }
    }
}
