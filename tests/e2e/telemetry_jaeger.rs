//! What Jaeger makes of spans: they hang together with those that client and server tell of themselves.

use std::time::{SystemTime, UNIX_EPOCH};

use flowfold_e2e::agent::Agent;
use flowfold_e2e::eventually::eventually;
use flowfold_e2e::peers::jaeger::{GRPC, HTTP, Jaeger, Span};
use flowfold_e2e::peers::waiting::WaitingServer;
use flowfold_e2e::world::{Family, World};
use serde_json::{Value, json};

use crate::{Test, with_go};

pub(crate) const TESTS: &[Test] = &[
    with_go("telemetry_jaeger::spans_hang_together_by_grpc", spans_hang_together_by_grpc),
    with_go("telemetry_jaeger::spans_hang_together_by_http", spans_hang_together_by_http),
];

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT_SPAN: &str = "00f067aa0ba902b7";
const SERVER_SPAN: &str = "53995c3f42cd8ad8";

fn spans_hang_together_by_grpc() {
    spans_hang_together("grpc", GRPC);
}

fn spans_hang_together_by_http() {
    spans_hang_together("http/protobuf", HTTP);
}

fn spans_hang_together(protocol: &str, address: &str) {
    let world = World::new();
    let jaeger = Jaeger::start(&world);
    let config = format!(
        "visibility: ['<Ingress/9080/TCP/HTTP>']\n\
         workloads: [{{name: shop, match: {{port: [9080]}}}}]\n\
         routes: ['/{{wait}}']\n\
         otlp: {{endpoint: 'http://{address}', protocol: {protocol}, metrics: false}}\n\
         spans: {{ratio: 0}}\n"
    );
    let agent = Agent::configured(&world, &config);
    let server_address = world.host_address(Family::V4, 9080);
    let server = WaitingServer::start(&world.host, server_address, 2);
    let url = format!("http://{server_address}/20ms?order=7");
    let parent = format!("traceparent: 00-{TRACE}-{CLIENT_SPAN}-01");
    let started = SystemTime::now();
    world.remote("curl").args(["--silent", "--fail", "--header", &parent, &url]).stdout();
    // one without a trace, which is not to be sampled
    world.remote("curl").args(["--silent", "--fail", &url]).stdout();
    let ended = SystemTime::now();
    agent.stop();

    let seen = server.finish();
    let arrived = seen[0].iter().find_map(|line| line.strip_prefix("traceparent: ")).expect("the server is told, too");
    let arrived: Vec<&str> = arrived.split('-').collect();
    assert_eq!(arrived, ["00", TRACE, CLIENT_SPAN, "01"], "what the client sent reaches the server as it is");
    let interval = (started, ended);
    jaeger.tell(&span_of("caller", arrived[1], CLIENT_SPAN, "", 3, interval));
    jaeger.tell(&span_of("shop-itself", arrived[1], SERVER_SPAN, arrived[2], 2, interval));

    let spans = eventually("the trace to be whole", || Some(jaeger.trace(TRACE)).filter(|spans| spans.len() >= 3));
    assert_eq!(spans.len(), 3, "{spans:?}");
    let of = |service: &str| -> &Span {
        spans.iter().find(|span| span.service == service).unwrap_or_else(|| panic!("no span of {service}: {spans:?}"))
    };
    assert_eq!(of("caller").parent, None);
    assert_eq!(of("shop-itself").parent.as_deref(), Some(CLIENT_SPAN));
    let ours = of("shop");
    assert_eq!(ours.parent.as_deref(), Some(CLIENT_SPAN));
    assert!(![CLIENT_SPAN, SERVER_SPAN].contains(&ours.id.as_str()), "an id of its own: {ours:?}");
    assert_eq!(ours.name, "GET /{wait}");
    for (name, value) in [
        ("span.kind", "server"),
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("http.route", "/{wait}"),
        ("url.path", "/20ms"),
        ("url.scheme", "http"),
        ("server.address", "10.77.0.1"),
        ("server.port", "9080"),
        ("client.address", "10.77.0.2"),
        ("network.protocol.name", "http"),
        ("network.protocol.version", "1.1"),
        ("destination.workload", "shop"),
    ] {
        assert_eq!(ours.tag(name).as_deref(), Some(value), "{name}: {ours:?}");
    }
    assert_eq!(ours.tag("error"), None, "{ours:?}");
}

/// A span as the program of a service would tell it. The kind is the number that OTLP has for it.
fn span_of(
    service: &str,
    trace: &str,
    id: &str,
    parent: &str,
    kind: u8,
    (from, to): (SystemTime, SystemTime),
) -> Value {
    let nanos = |time: SystemTime| time.duration_since(UNIX_EPOCH).expect("after 1970").as_nanos().to_string();
    json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
        "scopeSpans": [{"spans": [{
            "traceId": trace, "spanId": id, "parentSpanId": parent, "name": "ask", "kind": kind,
            "startTimeUnixNano": nanos(from), "endTimeUnixNano": nanos(to),
        }]}],
    }]})
}
