//! One store under several names.

use std::time::Duration;

use flowfold_flow::{FlowSink, GrpcCall, GrpcMessages, GrpcStatus, Reporters};
use flowfold_fold::{Fold, FoldOptions, View};

use crate::traffic::{called, connection, histograms, text, total, value, with_call};

const MS: Duration = Duration::from_millis(1);

fn fold(views: &[View]) -> std::sync::Arc<Fold> {
    Fold::new(FoldOptions { views: views.to_vec(), ..FoldOptions::default() })
}

#[test]
fn go_grpc_prometheus_sees_what_the_conventions_see() {
    let fold = fold(&[View::OpenTelemetry, View::GoGrpcPrometheus]);
    let shard = fold.shard();
    // Workloads are no labels there, so these servers' calls are added up.
    for (number, server) in ["cart", "basket"].into_iter().enumerate() {
        let info = connection(Reporters::BOTH, server);
        let mut open = shard.opened(&info);
        for millis in [4, 70, 80, 300, 7_600, 20_000] {
            shard.exchange(&mut open, &called(&info, "shop.Cart/Add", GrpcStatus::Ok, millis * MS));
        }
        shard.exchange(&mut open, &called(&info, "shop.Cart/Add", GrpcStatus::DeadlineExceeded, MS));
        let stream = with_call(called(&info, "shop.Cart/Watch", GrpcStatus::Ok, MS), |grpc| {
            grpc.call = GrpcCall::ServerStream;
            grpc.response = GrpcMessages { count: 10 + number as u64, bytes: 1 };
        });
        shard.exchange(&mut open, &stream);
    }
    let snapshot = fold.snapshot();
    let add = ["grpc_type=unary", "grpc_service=shop.Cart", "grpc_method=Add"];
    let watch = ["grpc_type=server_stream", "grpc_service=shop.Cart", "grpc_method=Watch"];
    for side in ["server", "client"] {
        let count = |name: &str, labels: &[&str]| value(&snapshot, &format!("grpc_{side}_{name}_total"), labels);
        assert_eq!(count("started", &add), 14);
        assert_eq!(count("started", &watch), 2);
        assert_eq!(count("handled", &[&add[..], &["grpc_code=OK"]].concat()), 12);
        assert_eq!(count("handled", &[&add[..], &["grpc_code=DeadlineExceeded"]].concat()), 2);
        let (sent, received) = if side == "server" { (21, 2) } else { (2, 21) };
        assert_eq!(count("msg_sent", &watch), sent);
        assert_eq!(count("msg_received", &watch), received);

        let handling = format!("grpc_{side}_handling_seconds");
        let series = histograms(&snapshot, &handling);
        assert_eq!(text(series[0].labels), add.join(","));
        // 4 ms and 1 ms, 70 and 80 ms (0.05 to 0.1, where the conventions have one bound more), 300 ms, 7.6 s, 20 s.
        assert_eq!(series[0].counts, [4, 0, 0, 0, 4, 0, 2, 0, 0, 0, 2, 2]);
        let conventions = format!("rpc_{side}_call_duration_seconds");
        assert_eq!(total(&snapshot, &handling), total(&snapshot, &conventions));
        let sum = |family: &str| histograms(&snapshot, family).iter().map(|point| point.sum_nanos).sum::<f64>();
        assert_eq!(sum(&handling).to_bits(), sum(&conventions).to_bits());
    }
}

#[test]
fn a_method_that_is_not_known_has_no_service_either() {
    let fold = fold(&[View::GoGrpcPrometheus]);
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "cart");
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &called(&info, "scan.Guess/Again", GrpcStatus::Unimplemented, MS));
    let labels = ["grpc_type=unary", "grpc_service=_OTHER", "grpc_method=_OTHER", "grpc_code=Unimplemented"];
    assert_eq!(value(&fold.snapshot(), "grpc_server_handled_total", &labels), 1);
}

#[test]
fn what_no_view_names_is_not_shown() {
    let names = |views: &[View]| -> Vec<&str> {
        fold(views).snapshot().families.iter().map(|family| family.metric.name).collect()
    };
    let all = names(&[View::OpenTelemetry]);
    assert!(all.contains(&"rpc_server_call_duration_seconds") && !all.contains(&"grpc_server_started_total"));
    let none = names(&[]);
    assert!(none.iter().all(|name| name.starts_with("flowfold_")), "{none:?}");
    let go = names(&[View::GoGrpcPrometheus]);
    assert_eq!(go.len(), none.len() + 10);
}

#[test]
fn the_overflow_of_a_view_is_marked_as_such() {
    let fold = Fold::new(FoldOptions { views: View::ALL.to_vec(), max_series: 0, ..FoldOptions::default() });
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "cart");
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &called(&info, "shop.Cart/Add", GrpcStatus::Ok, MS));
    let snapshot = fold.snapshot();
    assert_eq!(value(&snapshot, "grpc_server_started_total", &["otel_metric_overflow=true"]), 1);
    assert_eq!(text(histograms(&snapshot, "grpc_server_handling_seconds")[0].labels), "otel_metric_overflow=true");
}
