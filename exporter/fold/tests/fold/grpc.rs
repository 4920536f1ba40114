//! From a gRPC call to its series.

use std::time::Duration;

use flowfold_flow::{
    ConnectionInfo, Exchange, FailureReason, FlowSink, GrpcCall, GrpcFlavour, GrpcMessages, GrpcStatus, Outcome,
    Reporters,
};
use flowfold_fold::{Fold, FoldOptions, RpcMethods};

use crate::traffic::{answered, called, connection, histograms, text, total, value, with_call};

const SERVER: &str = "rpc_server_call_duration_seconds";
const CLIENT: &str = "rpc_client_call_duration_seconds";
const FIRST_MESSAGE: &str = "flowfold_rpc_time_to_first_message_seconds";
const MESSAGES: &str = "flowfold_rpc_messages_total";
const BYTES: &str = "flowfold_rpc_message_bytes_total";
const MS: Duration = Duration::from_millis(1);

#[test]
fn a_call_is_counted_once_with_all_that_is_known_of_it() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "cart");
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &called(&info, "shop.Cart/Add", GrpcStatus::Ok, 30 * MS));

    let snapshot = fold.snapshot();
    let series = histograms(&snapshot, SERVER);
    assert_eq!(series.len(), 1);
    assert_eq!(
        text(series[0].labels),
        "rpc_system_name=grpc,rpc_method=shop.Cart/Add,rpc_response_status_code=OK,server_port=9080,\
         source_workload=web,source_namespace=shop,destination_workload=cart,destination_namespace=shop"
    );
    assert_eq!(series[0].counts, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(series[0].sum_seconds().to_bits(), 0.03_f64.to_bits());
    let first = histograms(&snapshot, FIRST_MESSAGE);
    assert_eq!(
        text(first[0].labels),
        "reporter=server,server_port=9080,destination_workload=cart,destination_namespace=shop"
    );
    assert_eq!(first[0].sum_seconds().to_bits(), 0.015_f64.to_bits());
    let labels = ["reporter=server", "rpc_method=shop.Cart/Add", "server_port=9080", "destination_workload=cart"];
    for (side, bytes) in [("side=client_to_server", 10), ("side=server_to_client", 20)] {
        assert_eq!(value(&snapshot, MESSAGES, &[&labels[..], &[side]].concat()), 1);
        assert_eq!(value(&snapshot, BYTES, &[&labels[..], &[side]].concat()), bytes);
    }
    assert_eq!(value(&snapshot, "flowfold_exchanges_total", &["direction=ingress", "outcome=answered"]), 1);
    for other in [CLIENT, "http_server_request_duration_seconds", "flowfold_http_time_to_first_byte_seconds"] {
        assert_eq!(total(&snapshot, other), 0, "{other}");
    }
}

#[test]
fn calls_that_only_differ_by_their_type_are_one_series() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "cart");
    let mut open = shard.opened(&info);
    for kind in GrpcCall::ALL {
        let exchange = called(&info, "shop.Cart/Watch", GrpcStatus::Ok, MS);
        let exchange = with_call(exchange, |grpc| {
            grpc.call = kind;
            grpc.response = GrpcMessages { count: 5, bytes: 100 };
        });
        shard.exchange(&mut open, &exchange);
    }
    let snapshot = fold.snapshot();
    let series = histograms(&snapshot, SERVER);
    assert_eq!((series.len(), series[0].count()), (1, 4));
    assert_eq!(value(&snapshot, MESSAGES, &["side=server_to_client"]), 20);
    assert_eq!(value(&snapshot, BYTES, &["side=server_to_client"]), 400);
}

#[test]
fn the_flavours_are_told_apart() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "cart");
    let mut open = shard.opened(&info);
    for flavour in [GrpcFlavour::Grpc, GrpcFlavour::Web] {
        let exchange = called(&info, "shop.Cart/Add", GrpcStatus::Ok, MS);
        shard.exchange(&mut open, &with_call(exchange, |grpc| grpc.flavour = flavour));
    }
    let snapshot = fold.snapshot();
    let series: Vec<_> = histograms(&snapshot, SERVER).iter().map(|point| text(point.labels)).collect();
    assert!(series[0].starts_with("rpc_system_name=grpc,") && series[1].starts_with("rpc_system_name=grpc-web,"));
    assert_eq!(total(&snapshot, MESSAGES), 4);
}

/// What `error_type` says of an exchange to the server's side and to the client's.
fn errors(exchange: impl for<'a> Fn(&'a ConnectionInfo) -> Exchange<'a>) -> [String; 2] {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::BOTH, "cart");
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &exchange(&info));
    let snapshot = fold.snapshot();
    [SERVER, CLIENT].map(|family| {
        let labels = text(histograms(&snapshot, family)[0].labels);
        let error = labels.split(',').find_map(|label| label.strip_prefix("error_type="));
        error.unwrap_or_default().to_owned()
    })
}

#[test]
fn an_error_is_one_by_the_rules_of_its_side() {
    let of_status = |status| errors(move |info| called(info, "a.B/c", status, MS));
    assert_eq!(of_status(GrpcStatus::Ok), ["", ""]);
    assert_eq!(of_status(GrpcStatus::NotFound), ["", "NOT_FOUND"]);
    assert_eq!(of_status(GrpcStatus::Internal), ["INTERNAL", "INTERNAL"]);
    let of_outcome = |outcome, status| {
        errors(move |info| {
            let exchange = Exchange { outcome, ..called(info, "a.B/c", GrpcStatus::Ok, MS) };
            with_call(exchange, |grpc| grpc.status = status)
        })
    };
    assert_eq!(of_outcome(Outcome::Failed(FailureReason::ClientCancelled), None), ["", "CANCELLED"]);
    let late = Outcome::Failed(FailureReason::DeadlineExceeded);
    assert_eq!(of_outcome(late, None), ["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"]);
    let reset = Outcome::Failed(FailureReason::StreamReset);
    assert_eq!(of_outcome(reset, Some(GrpcStatus::Cancelled)), ["stream_reset", "stream_reset"]);
    assert_eq!(of_outcome(Outcome::Unfinished, None), ["unfinished", "unfinished"]);
}

#[test]
fn a_scanner_does_not_use_up_the_methods() {
    let fold = Fold::new(FoldOptions { rpc_methods: RpcMethods::learned(2), ..FoldOptions::default() });
    let shards = [fold.shard(), fold.shard()];
    let info = connection(Reporters::SERVER, "cart");
    for number in 0..1000 {
        let shard = &shards[number % 2];
        let mut open = shard.opened(&info);
        let method = format!("scan.Guess/Number{number}");
        shard.exchange(&mut open, &called(&info, &method, GrpcStatus::Unimplemented, MS));
    }
    for method in ["shop.Cart/Add", "shop.Cart/Drop", "shop.Cart/List"] {
        for shard in &shards {
            let mut open = shard.opened(&info);
            shard.exchange(&mut open, &called(&info, method, GrpcStatus::Ok, MS));
            shard.exchange(&mut open, &called(&info, method, GrpcStatus::Unimplemented, MS));
        }
    }
    let snapshot = fold.snapshot();
    let mut counts: Vec<_> = histograms(&snapshot, SERVER)
        .iter()
        .map(|point| (text(point.labels).split(',').skip(1).take(2).collect::<Vec<_>>().join(","), point.count()))
        .collect();
    counts.sort();
    let series = |method: &str, status: &str| format!("rpc_method={method},rpc_response_status_code={status}");
    let expected = [
        (series("_OTHER", "OK"), 2),
        (series("_OTHER", "UNIMPLEMENTED"), 1002),
        (series("shop.Cart/Add", "OK"), 2),
        (series("shop.Cart/Add", "UNIMPLEMENTED"), 2),
        (series("shop.Cart/Drop", "OK"), 2),
        (series("shop.Cart/Drop", "UNIMPLEMENTED"), 2),
    ];
    assert_eq!(counts, expected);
}

#[test]
fn calls_and_requests_of_one_connection_keep_apart() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::BOTH, "cart");
    let mut open = shard.opened(&info);
    for round in 0..60_u64 {
        shard.exchange(&mut open, &answered(&info, "/", 200, MS));
        let method = ["a.B/one", "a.B/two", "a.B/three"][usize::try_from(round % 3).unwrap()];
        shard.exchange(&mut open, &called(&info, method, GrpcStatus::Ok, MS));
    }
    let snapshot = fold.snapshot();
    for (family, series) in [(SERVER, 3), (CLIENT, 3), ("http_server_request_duration_seconds", 1)] {
        assert_eq!((histograms(&snapshot, family).len(), total(&snapshot, family)), (series, 60), "{family}");
    }
    assert_eq!(total(&snapshot, FIRST_MESSAGE), 120);
    assert_eq!(total(&snapshot, "flowfold_http_time_to_first_byte_seconds"), 120);
    assert_eq!(total(&snapshot, "flowfold_exchanges_total"), 120);
}

#[test]
fn what_the_ceiling_turns_away_keeps_its_messages() {
    let fold = Fold::new(FoldOptions { max_series: 3, ..FoldOptions::default() });
    let shard = fold.shard();
    for number in 0..100 {
        let info = connection(Reporters::SERVER, &format!("cart-{number}"));
        let mut open = shard.opened(&info);
        shard.exchange(&mut open, &called(&info, "shop.Cart/Add", GrpcStatus::Ok, MS));
    }
    let snapshot = fold.snapshot();
    assert_eq!(total(&snapshot, SERVER), 100);
    assert_eq!(total(&snapshot, MESSAGES), 200);
    assert_eq!(total(&snapshot, BYTES), 3000);
    let overflow = value(&snapshot, MESSAGES, &["otel_metric_overflow=true"]);
    let turned_away = value(&snapshot, "flowfold_series_overflowed_exchanges_total", &[&format!("family={SERVER}")]);
    assert_eq!(overflow, 2 * turned_away);
    assert!(turned_away >= 97);
}
