//! Labels under control: which are shown, routes of one workload, learned patterns.

use std::time::Duration;

use allocation_counter::measure;
use flowfold_flow::{FlowSink, GrpcStatus, Reporters};
use flowfold_fold::{Fold, FoldOptions, LabelChoices, RouteTable, View, WorkloadRoutes};

use crate::traffic::{answered, called, connection, histograms, text, total, value};

const SERVER: &str = "http_server_request_duration_seconds";
const CLIENT: &str = "http_client_request_duration_seconds";
const MS: Duration = Duration::from_millis(1);

#[test]
fn series_that_differ_by_hidden_labels_are_one_series_in_the_store_too() {
    let mut labels = LabelChoices::default();
    for side in ["server", "client"] {
        let metric = format!("http_{side}_request_duration_seconds");
        labels.include(&metric, &["http_response_status_code", "destination_workload"]).unwrap();
    }
    let fold = Fold::new(FoldOptions { labels, ..FoldOptions::default() });
    let shard = fold.shard();
    for client in ["web", "app", "batch"] {
        let mut info = (*connection(Reporters::BOTH, "cart")).clone();
        info.source = flowfold_flow::Workload::named(client).into();
        info.server.set_port(u16::try_from(8000 + client.len()).unwrap());
        let info = info.into();
        let mut open = shard.opened(&info);
        for status in [200, 404] {
            let mut exchange = answered(&info, "/", status, MS);
            exchange.time_to_first_byte = None;
            shard.exchange(&mut open, &exchange);
        }
    }
    let snapshot = fold.snapshot();
    for family in [SERVER, CLIENT] {
        let labels: Vec<_> = histograms(&snapshot, family).iter().map(|point| text(point.labels)).collect();
        let expected =
            ["200", "404"].map(|status| format!("http_response_status_code={status},destination_workload=cart"));
        assert_eq!(labels, expected);
        assert_eq!(total(&snapshot, family), 6);
        assert_eq!(value(&snapshot, "flowfold_series", &[&format!("family={family}")]), 2);
    }
}

#[test]
fn what_one_view_hides_another_may_show() {
    let mut labels = LabelChoices::default();
    labels.exclude("rpc_server_call_duration_seconds", &["rpc_method", "rpc_response_status_code"]).unwrap();
    let options =
        FoldOptions { views: vec![View::OpenTelemetry, View::GoGrpcPrometheus], labels, ..Default::default() };
    let fold = Fold::new(options);
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "cart");
    let mut open = shard.opened(&info);
    for method in ["shop.Cart/Add", "shop.Cart/Drop"] {
        shard.exchange(&mut open, &called(&info, method, GrpcStatus::Ok, MS));
    }
    let snapshot = fold.snapshot();
    let point = histograms(&snapshot, "rpc_server_call_duration_seconds")[0];
    assert_eq!(point.count(), 2);
    assert!(text(point.labels).starts_with("rpc_system_name=grpc,server_port=9080,"));
    assert_eq!(value(&snapshot, "grpc_server_handled_total", &["grpc_method=Add", "grpc_code=OK"]), 1);
}

#[test]
fn a_workload_has_routes_of_its_own() {
    let table = |templates: &[&str]| RouteTable::parse(templates).unwrap();
    let of_cart =
        WorkloadRoutes { namespace: "shop".to_owned(), workload: "cart".to_owned(), routes: table(&["/{cart}"]) };
    let fold = Fold::new(FoldOptions {
        routes: table(&["/health", "/all/{rest...}"]),
        workload_routes: vec![of_cart],
        ..FoldOptions::default()
    });
    let shard = fold.shard();
    let mut routes = Vec::new();
    for (server, path) in [("cart", "/7"), ("cart", "/all/7"), ("cart", "/health"), ("web", "/7"), ("web", "/health")] {
        let info = connection(Reporters::SERVER, server);
        let mut open = shard.opened(&info);
        shard.exchange(&mut open, &answered(&info, path, 200, MS));
    }
    let snapshot = fold.snapshot();
    for point in histograms(&snapshot, SERVER) {
        let labels = text(point.labels);
        let of = |name: &str| {
            let found = labels.split(',').find_map(|label| label.strip_prefix(name)).unwrap_or("-");
            found.to_owned()
        };
        routes.push((of("destination_workload="), of("http_route="), point.count()));
    }
    routes.sort();
    let expected = [("cart", "/all/{rest...}", 1), ("cart", "/{cart}", 2), ("web", "-", 1), ("web", "/health", 1)];
    assert_eq!(routes, expected.map(|(server, route, count)| (server.to_owned(), route.to_owned(), count)));
}

#[test]
fn patterns_are_learned_where_no_route_matches() {
    let routes = RouteTable::parse(["/health"]).unwrap();
    let fold = Fold::new(FoldOptions { routes, max_url_templates: 2, ..FoldOptions::default() });
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "cart");
    let mut open = shard.opened(&info);
    let send = |open: &mut _| {
        for path in ["/health", "/orders/7", "/orders/8", "/users/550e8400-e29b-41d4-a716-446655440000/cart", "/x/1"] {
            shard.exchange(open, &answered(&info, path, 200, MS));
        }
        shard.exchange(open, &answered(&info, "/wp-login.php", 404, MS));
    };
    send(&mut open);
    let measured = measure(|| (0..100).for_each(|_| send(&mut open)));
    assert_eq!(measured.count_total, 0, "{measured:?}");
    let snapshot = fold.snapshot();
    let mut found: Vec<_> = histograms(&snapshot, SERVER)
        .iter()
        .map(|point| {
            let labels = text(point.labels);
            let shown: Vec<_> = labels
                .split(',')
                .filter(|label| ["http_route=", "url_template="].iter().any(|start| label.starts_with(start)))
                .collect();
            (shown.join(","), point.count())
        })
        .collect();
    found.sort();
    let expected = [
        ("", 101),
        ("", 101),
        ("http_route=/health", 101),
        ("url_template=/orders/{id}", 202),
        ("url_template=/users/{id}/cart", 101),
    ];
    assert_eq!(found, expected.map(|(labels, count)| (labels.to_owned(), count)));
    let learned: Vec<_> = fold.learned_templates().into_iter().map(|learned| learned.template).collect();
    assert_eq!(learned, ["/orders/{id}", "/users/{id}/cart"]);
    // What was learned can be configured.
    assert_eq!(RouteTable::parse(&learned).unwrap().len(), 2);
}
