//! One store under several names.

use std::sync::Arc;
use std::time::Duration;

use flowfold_flow::{
    ConnectionEnd, ConnectionInfo, ConnectionOutcome, FailureReason, FlowSink, GrpcCall, GrpcMessages, GrpcStatus,
    Operation, Outcome, Reporters,
};
use flowfold_fold::{Fold, FoldOptions, HubbleMetric, Points, Snapshot, View};

use crate::traffic::{answered, called, connection, histograms, text, total, value, with_call};

const MS: Duration = Duration::from_millis(1);

fn fold(views: &[View]) -> Arc<Fold> {
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
    let ours = |name: &&str| name.starts_with("flowfold_") || name.starts_with("kafka_");
    assert!(none.iter().all(ours), "{none:?}");
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

const HUBBLE: [&str; 2] = [
    "httpV2:sourceContext=workload|ip;labelsContext=destination_workload,traffic_direction",
    "flow:labelsContext=source_workload,destination_workload",
];

fn hubble(metrics: [&str; 2]) -> Arc<Fold> {
    let hubble = HubbleMetric::parse_all(metrics).unwrap();
    Fold::new(FoldOptions { views: vec![View::Hubble], hubble, ..FoldOptions::default() })
}

/// An answered request, a failed one and a call, seen by both sides.
fn feed(fold: &Arc<Fold>) {
    let shard = fold.shard();
    let info = connection(Reporters::BOTH, "cart");
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &answered(&info, "/", 503, 80 * MS));
    let mut failed = answered(&info, "/", 200, MS);
    failed.outcome = Outcome::Failed(FailureReason::ServerReset);
    let Operation::Http(http) = &mut failed.operation else { panic!("it is HTTP") };
    http.status = None;
    shard.exchange(&mut open, &failed);
    shard.exchange(&mut open, &called(&info, "shop.Cart/Add", GrpcStatus::NotFound, 80 * MS));
}

/// The series of a family with their numbers, as one sorted text.
fn series(snapshot: &Snapshot, family: &str) -> Vec<String> {
    let found = snapshot.families.iter().find(|found| found.metric.name == family).expect("the family is exported");
    let mut lines: Vec<_> = match &found.points {
        Points::Scalars(scalars) => {
            scalars.iter().map(|point| format!("{} {:?}", text(&point.labels), point.value)).collect()
        }
        Points::Histograms(points) => {
            points.iter().map(|point| format!("{} {:?}", text(point.labels), point.counts)).collect()
        }
    };
    lines.sort();
    lines
}

#[test]
fn the_second_form_of_hubbles_http_counts_what_was_answered() {
    let fold = hubble(HUBBLE);
    feed(&fold);
    let snapshot = fold.snapshot();
    let context = "source=shop/web,destination_workload=cart";
    let line = |direction: &str, own: &str| format!("{context},traffic_direction={direction},{own} Whole(1)");
    let requests = [
        line("egress", "method=GET,protocol=HTTP/1.1,status=503,reporter=client"),
        line("egress", "method=POST,protocol=HTTP/2,status=200,reporter=client"),
        line("ingress", "method=GET,protocol=HTTP/1.1,status=503,reporter=server"),
        line("ingress", "method=POST,protocol=HTTP/2,status=200,reporter=server"),
    ];
    assert_eq!(series(&snapshot, "hubble_http_requests_total"), requests);
    assert_eq!(series(&snapshot, "hubble_http_responses_total"), requests);
    let durations = series(&snapshot, "hubble_http_request_duration_seconds");
    let counts = "[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]";
    assert_eq!(durations[0], format!("{context},traffic_direction=egress,method=GET,reporter=client {counts}"));
    assert_eq!(durations.len(), 4);
}

#[test]
fn the_first_form_of_hubbles_http_turns_answers_around() {
    let fold = hubble(["http:labelsContext=source_workload,destination_workload", "flow"]);
    feed(&fold);
    let snapshot = fold.snapshot();
    let requests = series(&snapshot, "hubble_http_requests_total");
    assert_eq!(
        requests[0],
        "source_workload=web,destination_workload=cart,method=GET,protocol=HTTP/1.1,reporter=client Whole(2)"
    );
    let answers = series(&snapshot, "hubble_http_responses_total");
    assert_eq!(
        answers[0],
        "source_workload=cart,destination_workload=web,method=GET,protocol=HTTP/1.1,status=503,reporter=client Whole(1)"
    );
    assert_eq!(answers.len(), 4);
    assert!(series(&snapshot, "hubble_http_request_duration_seconds")[0].starts_with("source_workload=cart,"));
}

#[test]
fn a_request_and_its_answer_are_two_flows_of_hubble() {
    let fold = hubble(HUBBLE);
    feed(&fold);
    let flow = "protocol=HTTP,type=L7,subtype=HTTP,verdict=FORWARDED";
    // Three requests and two answers, each seen by both sides.
    let expected = [
        format!("source_workload=cart,destination_workload=web,{flow} Whole(4)"),
        format!("source_workload=web,destination_workload=cart,{flow} Whole(6)"),
    ];
    assert_eq!(series(&fold.snapshot(), "hubble_flows_processed_total"), expected);
}

#[test]
fn the_end_of_a_connection_tells_its_flags() {
    let fold = hubble(["tcp:labelsContext=source_workload,destination_workload,traffic_direction", "flow"]);
    let shard = fold.shard();
    let end = |info: &Arc<ConnectionInfo>, outcome| shard.closed(shard.opened(info), &ConnectionEnd { outcome });
    let cart = connection(Reporters::BOTH, "cart");
    for outcome in ConnectionOutcome::ALL {
        end(&cart, outcome);
    }
    end(&cart, ConnectionOutcome::Closed);
    let shop = ConnectionInfo {
        server: "[2001:db8::1]:80".parse().unwrap(),
        ..(*connection(Reporters::SERVER, "shop")).clone()
    };
    end(&shop.into(), ConnectionOutcome::ConnectFailed);

    let snapshot = fold.snapshot();
    let flags = |source: &str, destination: &str, direction: &str| {
        let context =
            format!("source_workload={source},destination_workload={destination},traffic_direction={direction},");
        let told = |line: String| line.strip_prefix(&context).map(str::to_owned);
        series(&snapshot, "hubble_tcp_flags_total").into_iter().filter_map(told).collect::<Vec<_>>()
    };
    for direction in ["egress", "ingress"] {
        let of_client =
            ["flag=FIN,family=IPv4 Whole(2)", "flag=RST,family=IPv4 Whole(1)", "flag=SYN,family=IPv4 Whole(7)"];
        assert_eq!(flags("web", "cart", direction), of_client);
        let of_server =
            ["flag=FIN,family=IPv4 Whole(2)", "flag=RST,family=IPv4 Whole(1)", "flag=SYN-ACK,family=IPv4 Whole(4)"];
        assert_eq!(flags("cart", "web", direction), of_server);
    }
    assert_eq!(flags("web", "shop", "ingress"), ["flag=SYN,family=IPv6 Whole(1)"]);
    assert_eq!(series(&snapshot, "hubble_tcp_flags_total").len(), 13);
    assert_eq!(value(&snapshot, "flowfold_series", &["family=hubble_tcp_flags_total"]), 13);
}

#[test]
fn connections_that_overflow_are_counted_once() {
    let hubble = HubbleMetric::parse_all(["tcp:labelsContext=destination_workload"]).unwrap();
    let fold = Fold::new(FoldOptions { views: vec![View::Hubble], hubble, max_series: 1, ..FoldOptions::default() });
    let shard = fold.shard();
    for server in ["cart", "shop", "mail"] {
        let info = connection(Reporters::SERVER, server);
        shard.closed(shard.opened(&info), &ConnectionEnd { outcome: ConnectionOutcome::Closed });
    }
    let lines = series(&fold.snapshot(), "hubble_tcp_flags_total");
    let overflow: Vec<_> = lines.iter().filter(|line| line.starts_with("otel")).collect();
    assert_eq!(overflow, ["otel_metric_overflow=true Whole(2)"]);
}

#[test]
fn connections_make_no_series_where_no_view_shows_them() {
    let fold = hubble(HUBBLE);
    feed(&fold);
    let before = total(&fold.snapshot(), "flowfold_series");
    let shard = fold.shard();
    let info = connection(Reporters::BOTH, "other");
    shard.closed(shard.opened(&info), &ConnectionEnd { outcome: ConnectionOutcome::Closed });
    assert_eq!(total(&fold.snapshot(), "flowfold_series"), before);
}

#[test]
fn an_edge_of_the_service_graph_counts_each_exchange_once() {
    let fold = fold(&[View::OpenTelemetry, View::ServiceGraph]);
    feed(&fold);
    // Of this one only the client's side is reported, and the server is known by its address.
    let shard = fold.shard();
    let mut far = (*connection(Reporters::CLIENT, "192.0.2.7")).clone();
    far.reporters = Reporters::CLIENT;
    let far = far.into();
    let mut open = shard.opened(&far);
    shard.exchange(&mut open, &answered(&far, "/", 404, MS));
    let snapshot = fold.snapshot();
    let of = |family: &str| series(&snapshot, &format!("traces_service_graph_request_{family}"));
    let near = "client=web,server=cart";
    let virtual_node = "client=web,server=192.0.2.7,connection_type=virtual_node";
    assert_eq!(of("total"), [format!("{virtual_node} Whole(1)"), format!("{near} Whole(3)")]);
    // NOT_FOUND is no error of the server, by whose report the call counts.
    assert_eq!(of("failed_total"), [format!("{virtual_node} Whole(1)"), format!("{near} Whole(2)")]);
    assert_eq!(of("server_seconds"), [format!("{near} [1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]")]);
    assert_eq!(of("client_seconds").len(), 2);
    assert_eq!(total(&snapshot, "http_client_request_duration_seconds"), 3);
}

#[test]
fn a_client_that_is_reported_with_and_without_its_server_is_one_series_of_the_conventions() {
    let fold = fold(&[View::OpenTelemetry, View::ServiceGraph]);
    let shard = fold.shard();
    for reporters in [Reporters::BOTH, Reporters::CLIENT] {
        let info = connection(reporters, "cart");
        let mut open = shard.opened(&info);
        shard.exchange(&mut open, &answered(&info, "/", 200, MS));
    }
    let snapshot = fold.snapshot();
    assert_eq!(histograms(&snapshot, "http_client_request_duration_seconds").len(), 1);
    assert_eq!(total(&snapshot, "http_client_request_duration_seconds"), 2);
    assert_eq!(total(&snapshot, "traces_service_graph_request_total"), 2);
}
