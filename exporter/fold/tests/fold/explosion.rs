//! A million label sets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use flowfold_flow::{ConnectionInfo, FlowSink, GrpcStatus, Reporters};
use flowfold_fold::{Fold, FoldOptions, View};

use crate::traffic::{answered, called, connection, total, traced, value};

const MAX_BYTES: usize = 8 * 1024 * 1024;

#[test]
fn a_million_label_sets_stay_below_the_ceiling_and_in_the_books() {
    const WORKERS: usize = 4;
    let options = FoldOptions { max_bytes: MAX_BYTES, views: View::ALL.to_vec(), ..FoldOptions::default() };
    let mut fold = None;
    let measured = measure(|| {
        let fold: &Arc<Fold> = fold.insert(Fold::new(options));
        let shards: Vec<_> = (0..WORKERS).map(|_| fold.shard()).collect();
        let start = Instant::now();
        let mut server = connection(Reporters::BOTH, "");
        for number in 0..1_000_000_u32 {
            let place = usize::try_from(number).unwrap();
            // Ports, workloads, methods, paths and statuses without end, as a scanner sends them.
            if number % 8 == 0 {
                server = connection(Reporters::SERVER, &format!("server-{}", number / 8));
            }
            let mut info: ConnectionInfo = (*server).clone();
            info.reporters.client = number % 8 == 0;
            info.server.set_port(u16::try_from(number % 65_535 + 1).unwrap());
            let info = Arc::new(info);
            let shard = &shards[place % WORKERS];
            let mut open = shard.opened(&info);
            let path = format!("/path/{number}");
            let status = 100 + u16::try_from(number % 500).unwrap();
            let time = Duration::from_micros((u64::from(number) * 7919) % 30_000_000);
            shard.exchange(&mut open, &traced(answered(&info, &path, status, time), 7));
            if number % 16 == 0 {
                let method = format!("scan.Guess/Method{number}");
                shard.exchange(&mut open, &called(&info, &method, GrpcStatus::Ok, time));
            }
            if number % 100_000 == 0 {
                fold.expire(start + Duration::from_mins(10) * (number / 100_000));
            }
        }
    });
    let fold = fold.unwrap();
    let snapshot = fold.snapshot();
    let believed = value(&snapshot, "flowfold_series_memory_bytes", &[]);
    assert!(believed <= MAX_BYTES as u64, "{believed}");
    // Beside the series there are the workers' tables, the names of the methods and places of the registry.
    let beside = 1024 * 1024;
    assert!(measured.bytes_max < (MAX_BYTES + beside) as u64, "{measured:?}");

    let exchanges = total(&snapshot, "flowfold_exchanges_total");
    assert_eq!(exchanges, 1_062_500);
    let of = |metric: &str, family: &str| value(&snapshot, metric, &[&format!("family={family}")]);
    for (side, calls, requests) in [("server", 62_500, 1_000_000), ("client", 62_500, 125_000)] {
        let [http, rpc] =
            [format!("http_{side}_request_duration_seconds"), format!("rpc_{side}_call_duration_seconds")];
        for (family, expected) in [(&http, requests), (&rpc, calls)] {
            let expired = of("flowfold_series_expired_exchanges_total", family);
            assert_eq!(total(&snapshot, family) + expired, expected, "{family}");
            assert!(of("flowfold_series_expired_total", family) > 0, "{family}");
            assert!(of("flowfold_series_overflowed_exchanges_total", family) > 0, "{family}");
        }
    }
    assert!(total(&snapshot, "flowfold_series") <= value(&snapshot, "flowfold_series_limit", &[]));
}
