//! Name and attributes of a span, by the OpenTelemetry conventions.

use std::sync::Arc;

use flowfold_flow::{
    DnsExchange, DnsRcode, DnsType, Exchange, GrpcExchange, HttpExchange, KafkaCluster, KafkaExchange, KafkaTopic,
    Operation, Outcome,
};
use flowfold_fold::{Methods, RouteTable, messaging_operation};
use opentelemetry::trace::SpanKind;
use opentelemetry::{KeyValue, Value};

use super::sample::is_error;

/// The longest text of an attribute, in bytes. A path may be as long as the proxy remembers it.
const MAX_TEXT: usize = 1024;

/// What a method is called that is not known.
const OTHER: &str = "_OTHER";

/// What the attributes do not say.
pub(super) struct Described {
    pub(super) name: String,
    pub(super) is_error: bool,
}

/// Appends the attributes of an exchange as one of its sides would tell them.
pub(super) fn describe(
    exchange: &Exchange<'_>,
    kind: &SpanKind,
    routes: &RouteTable,
    methods: &Methods,
    out: &mut Vec<KeyValue>,
) -> Described {
    let is_client = *kind == SpanKind::Client;
    let info = exchange.connection;
    out.push(KeyValue::new("server.address", info.server.ip().to_string()));
    out.push(KeyValue::new("server.port", i64::from(info.server.port())));
    if !is_client {
        out.push(KeyValue::new("client.address", info.client.ip().to_string()));
        // Zero where the clients at one address are not told apart.
        if info.client.port() != 0 {
            out.push(KeyValue::new("client.port", i64::from(info.client.port())));
        }
    }
    for (name, value) in [
        ("source.workload", &info.source.name),
        ("source.namespace", &info.source.namespace),
        ("destination.workload", &info.destination.name),
        ("destination.namespace", &info.destination.namespace),
    ] {
        if !value.is_empty() {
            out.push(KeyValue::new(name, Arc::clone(value)));
        }
    }
    let is_error = is_error(exchange, is_client);
    let (name, code) = match &exchange.operation {
        Operation::Http(http) => (self::http(exchange, http, is_client, routes, methods, out), http_code(http)),
        Operation::Grpc(grpc) => (self::grpc(grpc, out), grpc.status.map(|status| status.as_label().into())),
        Operation::Kafka(kafka) => (self::kafka(kafka, out), Some(kafka.error.to_string().into())),
        Operation::Dns(dns) => (self::dns(dns, out), rcode_name(dns).map(Into::into)),
        _ => (String::new(), None),
    };
    let error = match exchange.outcome {
        Outcome::Failed(reason) => Some(reason.as_label().into()),
        _ if is_error => code,
        _ => None,
    };
    out.extend(error.map(|error: Value| KeyValue::new("error.type", error)));
    Described { name, is_error }
}

fn http_code(http: &HttpExchange<'_>) -> Option<Value> {
    http.status.map(|status| status.to_string().into())
}

/// Appends what HTTP adds, and returns the name of the span.
fn http(
    exchange: &Exchange<'_>,
    http: &HttpExchange<'_>,
    is_client: bool,
    routes: &RouteTable,
    methods: &Methods,
    out: &mut Vec<KeyValue>,
) -> String {
    let method = methods.shown(http.known_method, http.method);
    out.push(KeyValue::new("http.request.method", method.to_owned()));
    if method == OTHER {
        out.push(KeyValue::new("http.request.method_original", text(http.method)));
    }
    let path = text(http.path);
    let scheme = http.scheme.as_label();
    if is_client {
        let url = format!("{scheme}://{}{path}", exchange.connection.server);
        out.push(KeyValue::new("url.full", url));
    } else {
        out.push(KeyValue::new("url.scheme", scheme));
        out.push(KeyValue::new("url.path", path));
    }
    let route = routes.matching(http.method, http.path);
    if let Some(route) = route {
        out.push(KeyValue::new(if is_client { "url.template" } else { "http.route" }, route.to_owned()));
    }
    if let Some(status) = http.status {
        out.push(KeyValue::new("http.response.status_code", i64::from(status)));
    }
    out.push(KeyValue::new("network.protocol.name", "http"));
    out.push(KeyValue::new("network.protocol.version", http.version.as_label()));
    for (name, bytes) in
        [("http.request.size", exchange.request_bytes), ("http.response.size", exchange.response_bytes)]
    {
        out.push(KeyValue::new(name, i64::try_from(bytes).unwrap_or(i64::MAX)));
    }
    let method = if method == OTHER { "HTTP" } else { method };
    route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
}

/// Appends what gRPC adds, and returns the name of the span.
fn grpc(grpc: &GrpcExchange<'_>, out: &mut Vec<KeyValue>) -> String {
    let method = text(grpc.method);
    out.push(KeyValue::new("rpc.system.name", grpc.flavour.as_label()));
    out.push(KeyValue::new("rpc.method", method.clone()));
    if let Some(status) = grpc.status {
        out.push(KeyValue::new("rpc.response.status_code", status.as_label()));
    }
    method
}

/// Appends what DNS adds, and returns the name of the span. The name that was looked up is left out: it can tell whom a
/// person has to do with.
fn dns(dns: &DnsExchange<'_>, out: &mut Vec<KeyValue>) -> String {
    let kind = DnsType::KNOWN.iter().find(|(kind, _)| *kind == dns.kind).map_or("_OTHER", |(_, name)| *name);
    out.push(KeyValue::new("network.transport", dns.transport.as_label()));
    out.push(KeyValue::new("dns.question.type", kind));
    out.extend(rcode_name(dns).map(|name| KeyValue::new("dns.response_code", name)));
    format!("DNS {kind}")
}

fn rcode_name(dns: &DnsExchange<'_>) -> Option<&'static str> {
    let rcode = dns.answer?.rcode;
    Some(DnsRcode::KNOWN.iter().find(|(known, ..)| *known == rcode).map_or("_OTHER", |(_, name, _)| *name))
}

/// Appends what Kafka adds, and returns the name of the span: the operation of messaging, or the request's own name.
fn kafka(kafka: &KafkaExchange<'_>, out: &mut Vec<KeyValue>) -> String {
    let operation = messaging_operation(kafka.api);
    let name = operation.map_or_else(|| kafka.api.to_string(), |(name, _)| name.to_owned());
    out.push(KeyValue::new("messaging.system", "kafka"));
    out.push(KeyValue::new("messaging.operation.name", name.clone()));
    if let Some((_, kind)) = operation {
        out.push(KeyValue::new("messaging.operation.type", kind));
    }
    for (name, value) in [("messaging.client.id", kafka.client_id), ("messaging.consumer.group.name", kafka.group)] {
        out.extend(value.map(|value| KeyValue::new(name, text(value.as_bytes()))));
    }
    let cluster = kafka.cluster.map(KafkaCluster::id).filter(|id| !id.is_empty());
    out.extend(cluster.map(|id| KeyValue::new("kafka.cluster.id", text(id.as_bytes()))));
    if let [only] = kafka.partitions {
        out.push(KeyValue::new("messaging.destination.partition.id", only.partition.to_string()));
    }
    let records = kafka.partitions.iter().fold(kafka.more.count, |sum, next| sum.saturating_add(next.records.count));
    if kafka.api.transfer().is_some() {
        out.push(KeyValue::new("messaging.batch.message_count", i64::try_from(records).unwrap_or(i64::MAX)));
    }
    let Some(KafkaTopic::Named(topic)) = kafka.topic else { return name };
    let topic = text(topic.as_bytes());
    out.push(KeyValue::new("messaging.destination.name", topic.clone()));
    format!("{name} {topic}")
}

/// Bytes of the wire as a text of a bounded length.
fn text(bytes: &[u8]) -> String {
    let bytes = bytes.get(..MAX_TEXT).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}
