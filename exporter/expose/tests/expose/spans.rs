//! Spans sent to a receiver, over real sockets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flowfold_expose::otlp::{Protocol, Resource};
use flowfold_expose::{Source, SpanOptions, Spans};
use flowfold_flow::{
    Exchange, FailureReason, FlowSink, KafkaApi, KafkaCluster, KafkaError, KafkaPartition, Operation, Outcome,
    Reporters, TraceContext,
};
use flowfold_fold::{Fold, FoldOptions, Methods, RouteTable, names};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use tokio::runtime::Handle;

use crate::pushed::{attributes, counted, destination, until};
use crate::receiver::{Answer, Receiver};
use crate::store::{PARTITION, answered, asked, connection};

fn options(receiver: &Receiver, protocol: Protocol) -> SpanOptions {
    SpanOptions {
        destination: destination(receiver, protocol, "/v1/traces"),
        ratio: 0.0,
        errors: false,
        slower_than: None,
        max_queued: 100,
        routes: RouteTable::parse(["/users/{id}"]).unwrap(),
        methods: Methods::default(),
    }
}

fn start(options: SpanOptions) -> (Arc<Source>, Spans) {
    let source = Arc::new(Source::new(Fold::new(FoldOptions::default())));
    let resource = Resource { attributes: Vec::new(), instance: "this-host".to_owned() };
    let spans = Spans::start(options, &resource, &source, &Handle::current()).unwrap();
    (source, spans)
}

async fn stop(spans: Spans) {
    tokio::task::spawn_blocking(move || spans.stop()).await.unwrap();
}

const TRACE: TraceContext = TraceContext { trace_id: [7; 16], parent_span_id: [9; 8], sampled: true };

/// The spans that arrived, with their resource's attributes.
fn received(receiver: &Receiver) -> Vec<(BTreeMap<String, String>, Span)> {
    let state = receiver.inbox.lock();
    let mut spans = Vec::new();
    let told = |resource: &ResourceSpans| attributes(&resource.resource.as_ref().unwrap().attributes);
    for resource in state.traces.iter().flat_map(|request| &request.resource_spans) {
        for span in &resource.scope_spans[0].spans {
            spans.push((told(resource), span.clone()));
        }
    }
    spans
}

fn report(spans: &Spans, exchange: &Exchange<'_>) {
    spans.sink().exchange(&mut (), exchange);
}

#[tokio::test]
async fn an_exchange_is_told_by_both_of_its_sides() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let receiver = Receiver::start(&[]).await;
        let (source, spans) = start(options(&receiver, protocol));
        let info = connection(Reporters::BOTH, "details");
        let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let exchange = Exchange { trace: Some(TRACE), started, ..answered(&info, 404, Duration::from_millis(250)) };
        report(&spans, &exchange);
        stop(spans).await;

        let arrived = received(&receiver);
        let of_kind = |kind: SpanKind| arrived.iter().find(|(_, span)| span.kind == kind as i32).unwrap();
        let (client, client_span) = of_kind(SpanKind::Client);
        let (server, server_span) = of_kind(SpanKind::Server);
        assert_eq!(arrived.len(), 2);
        assert_eq!((&*client["service.name"], &*client["service.namespace"]), ("web", "shop"));
        assert_eq!((&*server["service.name"], server.get("service.namespace")), ("details", None));
        assert_eq!(server["service.instance.id"], "this-host");
        for span in [client_span, server_span] {
            assert_eq!(span.trace_id, TRACE.trace_id);
            assert_eq!(span.name, "GET /users/{id}");
            assert_eq!(span.start_time_unix_nano, 1_700_000_000_000_000_000);
            assert_eq!(span.end_time_unix_nano - span.start_time_unix_nano, 250_000_000);
        }
        assert_eq!(client_span.parent_span_id, TRACE.parent_span_id);
        assert_eq!(server_span.parent_span_id, client_span.span_id);
        // What a server does not find is the client's error, not its own.
        assert_eq!(client_span.status.as_ref().unwrap().code, StatusCode::Error as i32);
        assert_eq!(server_span.status.as_ref().unwrap().code, StatusCode::Unset as i32);
        let told = attributes(&server_span.attributes);
        for (name, value) in [
            ("http.request.method", "GET"),
            ("http.response.status_code", "404"),
            ("http.route", "/users/{id}"),
            ("url.path", "/users/7"),
            ("url.scheme", "http"),
            ("network.protocol.version", "1.1"),
            ("server.port", "9080"),
            ("client.address", "192.0.2.1"),
            ("source.workload", "web"),
        ] {
            assert_eq!(told[name], value, "{name}");
        }
        assert!(!told.contains_key("error.type") && !told.contains_key("service.name"));
        let told = attributes(&client_span.attributes);
        assert_eq!((&*told["error.type"], &*told["url.full"]), ("404", "http://192.0.2.2:9080/users/7"));
        assert_eq!(counted(&source, &names::SPANS, "sent"), 2);
    }
}

#[tokio::test]
async fn what_is_sampled_is_what_the_options_say() {
    let info = connection(Reporters::SERVER, "details");
    let plain = answered(&info, 200, Duration::from_millis(1));
    let failed = Exchange { outcome: Outcome::Failed(FailureReason::ServerReset), ..plain };
    let slow = Exchange { duration: Duration::from_secs(2), ..plain };
    let traced = Exchange { trace: Some(TRACE), ..plain };
    let unsampled = Exchange { trace: Some(TraceContext { sampled: false, ..TRACE }), ..plain };
    let unavailable = answered(&info, 503, Duration::from_millis(1));
    let not_found = answered(&info, 404, Duration::from_millis(1));
    let all = [plain, failed, slow, traced, unsampled, unavailable, not_found];
    for (ratio, errors, slower_than, wanted) in [
        (0.0, false, None, [false, false, false, true, false, false, false]),
        (0.0, true, None, [false, true, false, true, false, true, false]),
        (0.0, false, Some(Duration::from_secs(2)), [false, false, true, true, false, false, false]),
        (1.0, false, None, [true, true, true, true, false, true, true]),
    ] {
        let receiver = Receiver::start(&[]).await;
        let (_, spans) =
            start(SpanOptions { ratio, errors, slower_than, ..options(&receiver, Protocol::HttpProtobuf) });
        for exchange in &all {
            report(&spans, exchange);
        }
        stop(spans).await;
        let expected = wanted.iter().filter(|is_wanted| **is_wanted).count();
        assert_eq!(received(&receiver).len(), expected, "{ratio} {errors} {slower_than:?}");
    }
}

#[tokio::test]
async fn a_span_without_a_trace_begins_one() {
    let receiver = Receiver::start(&[]).await;
    let (_, spans) = start(SpanOptions { ratio: 1.0, ..options(&receiver, Protocol::Grpc) });
    let info = connection(Reporters::SERVER, "details");
    for _ in 0..10 {
        report(&spans, &answered(&info, 200, Duration::from_millis(1)));
    }
    stop(spans).await;
    let mut traces: Vec<_> = received(&receiver).into_iter().map(|(_, span)| span.trace_id).collect();
    traces.sort_unstable();
    traces.dedup();
    assert_eq!(traces.len(), 10);
    assert!(received(&receiver).iter().all(|(_, span)| span.parent_span_id.is_empty() && span.span_id != [0; 8]));
}

#[tokio::test]
async fn what_does_not_fit_the_queue_is_dropped_and_counted() {
    let receiver = Receiver::start_apart(3).await;
    let options = SpanOptions { ratio: 1.0, ..options(&receiver, Protocol::HttpProtobuf) };
    let max = options.max_queued as u64;
    let address = receiver.address;
    receiver.stop().await;
    let (source, spans) = start(options);
    let info = connection(Reporters::SERVER, "details");
    for _ in 0..1000 {
        report(&spans, &answered(&info, 200, Duration::from_millis(1)));
    }
    let dropped = counted(&source, &names::SPANS, "dropped");
    // One batch may have been taken out of the queue already.
    assert!(dropped >= 1000 - 2 * max && dropped <= 1000 - max, "{dropped}");
    let receiver = Receiver::start_at(address, &[Answer::Unavailable(None)], None).await;
    until("the rest", || counted(&source, &names::SPANS, "sent") > 0).await;
    stop(spans).await;
    let [sent, failed, dropped] = ["sent", "failed", "dropped"].map(|outcome| counted(&source, &names::SPANS, outcome));
    assert_eq!((sent + dropped, failed), (1000, 0));
    assert_eq!(received(&receiver).len() as u64, sent);
}

#[tokio::test]
async fn a_kafka_exchange_is_told_as_an_operation_of_messaging() {
    let receiver = Receiver::start(&[]).await;
    let slower_than = Some(Duration::from_millis(100));
    let sampling = SpanOptions { ratio: 0.0, errors: true, slower_than, ..options(&receiver, Protocol::HttpProtobuf) };
    let (_, spans) = start(sampling);
    let info = connection(Reporters::CLIENT, "kafka");
    let refused = [KafkaPartition { error: KafkaError(10), ..PARTITION }];
    let cluster = KafkaCluster::another("blue");
    let mut produce = asked(&info, KafkaApi::PRODUCE, &refused, Duration::from_millis(1));
    let Operation::Kafka(kafka) = &mut produce.operation else { panic!("it is Kafka") };
    kafka.cluster = Some(&cluster);
    report(&spans, &produce);
    // One that waited for a little longer than the client let it is not slow.
    let given = [PARTITION];
    let mut fetch = asked(&info, KafkaApi::FETCH, &given, Duration::from_millis(510));
    let Operation::Kafka(kafka) = &mut fetch.operation else { panic!("it is Kafka") };
    kafka.max_wait = Some(Duration::from_millis(500));
    report(&spans, &fetch);
    stop(spans).await;

    let arrived = received(&receiver);
    assert_eq!(arrived.len(), 1);
    let span = &arrived[0].1;
    assert_eq!(span.name, "send orders");
    assert_eq!(span.status.as_ref().unwrap().code, StatusCode::Error as i32);
    let told = attributes(&span.attributes);
    for (name, value) in [
        ("messaging.system", "kafka"),
        ("messaging.operation.name", "send"),
        ("messaging.operation.type", "send"),
        ("messaging.destination.name", "orders"),
        ("messaging.destination.partition.id", "0"),
        ("messaging.batch.message_count", "3"),
        ("messaging.consumer.group.name", "billing"),
        ("messaging.client.id", "app-1"),
        ("kafka.cluster.id", "blue"),
        ("error.type", "MESSAGE_TOO_LARGE"),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
}
