//! From an exchange to its series.

use std::time::Duration;

use flowfold_flow::{
    FailureReason, FlowSink, HttpExchange, HttpVersion, KnownMethod, Operation, Outcome, Reporters, UrlScheme,
};
use flowfold_fold::{Fold, FoldOptions, Methods, RouteTable};

use crate::traffic::{answered, connection, histograms, text, total, value};

const SERVER: &str = "http_server_request_duration_seconds";
const CLIENT: &str = "http_client_request_duration_seconds";
const FIRST_BYTE: &str = "flowfold_http_time_to_first_byte_seconds";

#[test]
fn an_exchange_is_counted_once_with_all_that_is_known_of_it() {
    let routes = RouteTable::parse(["/products/{id}"]).unwrap();
    let fold = Fold::new(FoldOptions { routes, ..FoldOptions::default() });
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "details");
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &answered(&info, "/products/7", 200, Duration::from_millis(30)));

    let snapshot = fold.snapshot();
    let series = histograms(&snapshot, SERVER);
    assert_eq!(series.len(), 1);
    assert_eq!(
        text(series[0].labels),
        "http_request_method=GET,http_response_status_code=200,http_route=/products/{id},\
         network_protocol_version=1.1,url_scheme=http,server_port=9080,source_workload=web,source_namespace=shop,\
         destination_workload=details,destination_namespace=shop"
    );
    assert_eq!(series[0].counts, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(series[0].sum_seconds().to_bits(), 0.03_f64.to_bits());
    assert_eq!(series[0].count(), 1);

    let first_byte = histograms(&snapshot, FIRST_BYTE);
    assert_eq!(
        text(first_byte[0].labels),
        "reporter=server,server_port=9080,destination_workload=details,destination_namespace=shop"
    );
    assert_eq!(first_byte[0].sum_seconds().to_bits(), 0.015_f64.to_bits());
    assert_eq!(total(&snapshot, CLIENT), 0);
    assert_eq!(value(&snapshot, "flowfold_exchanges_total", &["direction=ingress", "outcome=answered"]), 1);
    assert_eq!(total(&snapshot, "flowfold_exchanges_total"), 1);
}

#[test]
fn a_connection_of_both_rules_feeds_both_families() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::BOTH, "details");
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &answered(&info, "/", 404, Duration::from_millis(1)));

    let snapshot = fold.snapshot();
    assert!(!text(histograms(&snapshot, SERVER)[0].labels).contains("error_type"));
    assert!(text(histograms(&snapshot, CLIENT)[0].labels).contains("error_type=404"));
    assert_eq!(total(&snapshot, SERVER), 1);
    assert_eq!(total(&snapshot, CLIENT), 1);
    assert_eq!(total(&snapshot, FIRST_BYTE), 2);
    assert_eq!(total(&snapshot, "flowfold_exchanges_total"), 1);
}

#[test]
fn an_exchange_without_an_answer_says_why() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "details");
    let mut open = shard.opened(&info);
    let cut = |outcome| {
        let mut exchange = answered(&info, "/", 200, Duration::from_millis(1));
        exchange.outcome = outcome;
        exchange.time_to_first_byte = None;
        let Operation::Http(http) = &mut exchange.operation else { panic!("it is HTTP") };
        http.status = None;
        exchange
    };
    shard.exchange(&mut open, &cut(Outcome::Failed(FailureReason::ServerReset)));
    shard.exchange(&mut open, &cut(Outcome::Unfinished));

    let snapshot = fold.snapshot();
    let labels: Vec<String> = histograms(&snapshot, SERVER).iter().map(|point| text(point.labels)).collect();
    assert!(labels[0].contains("error_type=server_reset") && !labels[0].contains("status_code"), "{labels:?}");
    assert!(labels[1].contains("error_type=unfinished"), "{labels:?}");
    assert_eq!(value(&snapshot, "flowfold_exchanges_total", &["direction=ingress", "outcome=failed"]), 1);
    assert_eq!(value(&snapshot, "flowfold_exchanges_total", &["direction=ingress", "outcome=unfinished"]), 1);
    assert_eq!(total(&snapshot, FIRST_BYTE), 0);
}

#[test]
fn a_connection_with_many_kinds_of_exchange_loses_none() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::BOTH, "details");
    let mut open = shard.opened(&info);
    // More kinds than a connection holds series for, in an order that keeps pushing them out.
    let statuses = [200, 204, 301, 404, 500, 503, 201];
    for round in 0..50_u64 {
        for status in statuses {
            shard.exchange(&mut open, &answered(&info, "/", status, Duration::from_micros(round)));
        }
    }
    let snapshot = fold.snapshot();
    for family in [SERVER, CLIENT] {
        let series = histograms(&snapshot, family);
        assert_eq!(series.len(), statuses.len());
        assert!(series.iter().all(|point| point.count() == 50));
    }
}

#[test]
fn workloads_that_only_differ_beside_name_and_namespace_share_a_series() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    for version in ["v1", "v2"] {
        let mut info = (*connection(Reporters::SERVER, "details")).clone();
        let mut destination = (*info.destination).clone();
        destination.labels = [("version".into(), version.into())].into();
        info.destination = destination.into();
        let info = info.into();
        let mut open = shard.opened(&info);
        shard.exchange(&mut open, &answered(&info, "/", 200, Duration::from_millis(1)));
    }
    let snapshot = fold.snapshot();
    assert_eq!(histograms(&snapshot, SERVER).len(), 1);
    assert_eq!(total(&snapshot, SERVER), 2);
}

#[test]
fn methods_outside_the_list_share_a_label() {
    let fold = Fold::new(FoldOptions { methods: Methods::only(["PURGE"]).unwrap(), ..FoldOptions::default() });
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "details");
    let mut open = shard.opened(&info);
    for method in ["PURGE", "GET", "BREW"] {
        let mut exchange = answered(&info, "/", 200, Duration::from_millis(1));
        exchange.operation = Operation::Http(HttpExchange {
            known_method: KnownMethod::from_wire(method.as_bytes()),
            method: method.as_bytes(),
            path: b"/",
            status: Some(200),
            version: HttpVersion::Http11,
            scheme: UrlScheme::Http,
            tunnel: false,
        });
        shard.exchange(&mut open, &exchange);
    }
    let snapshot = fold.snapshot();
    let counts: Vec<_> = histograms(&snapshot, SERVER)
        .iter()
        .map(|point| (text(point.labels).split(',').next().unwrap().to_owned(), point.count()))
        .collect();
    assert_eq!(counts, [("http_request_method=PURGE".to_owned(), 1), ("http_request_method=_OTHER".to_owned(), 2)]);
}
