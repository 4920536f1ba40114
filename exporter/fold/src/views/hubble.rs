//! The families of Hubble.

use flowfold_flow::ConnectionOutcome;

use super::{Filter, Row, Value, hubble_dns};
use crate::hubble::{HubbleContexts, HubbleKind, HubbleMetric};
use crate::labels::{Column, Context, Contexts, ExchangeFamily, Field, Registered};
use crate::names::{self, label};

const FAMILIES: [ExchangeFamily; 4] =
    [ExchangeFamily::HttpServer, ExchangeFamily::HttpClient, ExchangeFamily::RpcServer, ExchangeFamily::RpcClient];

const METHOD: (&str, Field) = (label::METHOD, Field::HttpMethod);
const PROTOCOL: (&str, Field) = (label::PROTOCOL, Field::HttpProtocol);
const STATUS: (&str, Field) = (label::STATUS, Field::HttpStatus);
const REPORTER: (&str, Field) = (label::REPORTER, Field::Reporter);

const KAFKA: [ExchangeFamily; 1] = [ExchangeFamily::KafkaRequest];

const TOPIC: (&str, Field) = (label::TOPIC, Field::KafkaTopic);
const API_KEY: (&str, Field) = (label::API_KEY, Field::HubbleApiKey);
const ERROR_CODE: (&str, Field) = (label::ERROR_CODE, Field::HubbleErrorCode);

/// A request is a flow of this kind, and so is its answer.
const fn flow(protocol: &'static str) -> [(&'static str, Field); 4] {
    [
        (label::PROTOCOL, Field::Constant(protocol)),
        (label::TYPE, Field::Constant("L7")),
        (label::SUBTYPE, Field::Constant(protocol)),
        (label::VERDICT, Field::Constant("FORWARDED")),
    ]
}

/// Which side a flow comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Client,
    Server,
}

/// The segments that a connection had for certain, who sent them, and by which ends that is known. What overflowed is
/// told once for each connection.
const FLAGS: [(&str, Source, Filter); 6] = [
    ("SYN", Source::Client, |_| true),
    ("SYN-ACK", Source::Server, |set| {
        // Others may have ended before the server was reached.
        use ConnectionOutcome::{ClientReset, Closed, ServerReset};
        matches!(set.labels.key.connection_outcome(), Some(Closed | ClientReset | ServerReset))
    }),
    ("FIN", Source::Client, |set| set.labels.key.connection_outcome() == Some(ConnectionOutcome::Closed)),
    ("FIN", Source::Server, |set| set.labels.key.connection_outcome() == Some(ConnectionOutcome::Closed)),
    ("RST", Source::Client, |set| set.labels.key.connection_outcome() == Some(ConnectionOutcome::ClientReset)),
    ("RST", Source::Server, |set| set.labels.key.connection_outcome() == Some(ConnectionOutcome::ServerReset)),
];

pub(super) fn rows(metrics: &[HubbleMetric]) -> Vec<Row> {
    metrics.iter().flat_map(of_metric).collect()
}

fn of_metric(metric: &HubbleMetric) -> Vec<Row> {
    let contexts = &metric.contexts;
    // Hubble's answers go from the server to the client, but for the second form of its HTTP metrics.
    let answers = if metric.kind == HubbleKind::HttpV2 { Source::Client } else { Source::Server };
    let responses = || {
        let columns = columns(contexts, answers, &[METHOD, PROTOCOL, STATUS, REPORTER]);
        add(Row::new(&names::HUBBLE_HTTP_RESPONSES), &FAMILIES, is_answered, Value::Count, &columns)
    };
    let duration = || {
        let columns = columns(contexts, answers, &[METHOD, REPORTER]);
        add(Row::new(&names::HUBBLE_HTTP_REQUEST_DURATION), &FAMILIES, is_answered, Value::Histogram, &columns)
    };
    match metric.kind {
        HubbleKind::Http => {
            let columns = columns(contexts, Source::Client, &[METHOD, PROTOCOL, REPORTER]);
            let requests = add(Row::new(&names::HUBBLE_HTTP_REQUESTS), &FAMILIES, |_| true, Value::Count, &columns);
            vec![requests, responses(), duration()]
        }
        HubbleKind::HttpV2 => {
            let columns = columns(contexts, Source::Client, &[METHOD, PROTOCOL, STATUS, REPORTER]);
            let requests = add(Row::new(&names::HUBBLE_HTTP_REQUESTS), &FAMILIES, is_answered, Value::Count, &columns);
            // Hubble has no answers in this form, and so no configuration that fills all the panels of its dashboards.
            vec![requests, responses(), duration()]
        }
        HubbleKind::Flow => {
            let protocols = [
                (&FAMILIES[..], "HTTP", is_answered as Filter),
                (&KAFKA, "Kafka", is_kafka_answered),
                (&hubble_dns::DNS, "DNS", hubble_dns::is_answered),
            ];
            let row = Row::new(&names::HUBBLE_FLOWS_PROCESSED);
            vec![protocols.into_iter().fold(row, |row, (families, protocol, is_answered)| {
                let from = |source| columns(contexts, source, &flow(protocol));
                let row = add(row, families, |_| true, Value::Count, &from(Source::Client));
                add(row, families, is_answered, Value::Count, &from(Source::Server))
            })]
        }
        HubbleKind::Dns => hubble_dns::rows(metric),
        HubbleKind::Kafka => {
            let columns = |own: &[_]| columns(contexts, Source::Client, own);
            let requests = columns(&[TOPIC, API_KEY, ERROR_CODE, REPORTER]);
            let durations = columns(&[TOPIC, API_KEY, REPORTER]);
            let row = Row::new(&names::HUBBLE_KAFKA_REQUEST_DURATION);
            vec![
                add(Row::new(&names::HUBBLE_KAFKA_REQUESTS), &KAFKA, |_| true, Value::Count, &requests),
                add(row, &KAFKA, is_kafka_answered, Value::Histogram, &durations),
            ]
        }
        HubbleKind::Tcp => {
            let add = |row: Row, (flag, from, filter): (&'static str, Source, Filter)| {
                let own = [(label::FLAG, Field::Constant(flag)), (label::FAMILY, Field::IpFamily)];
                row.with_columns(filter, ExchangeFamily::Connection, Value::Count, columns(contexts, from, &own).into())
            };
            vec![FLAGS.into_iter().fold(Row::new(&names::HUBBLE_TCP_FLAGS), add)]
        }
    }
}

pub(super) fn add(row: Row, families: &[ExchangeFamily], filter: Filter, value: Value, columns: &[Column]) -> Row {
    families.iter().fold(row, |row, family| row.with_columns(filter, *family, value, columns.into()))
}

/// An exchange without an answer is none that Hubble would have seen; what overflowed is told as a whole.
fn is_answered(set: &Registered) -> bool {
    set.labels.key.http_status() > 0 || set.labels.is_overflow()
}

/// The same of Kafka, where a client may ask for no answer.
fn is_kafka_answered(set: &Registered) -> bool {
    set.labels.key.has_kafka_response() || set.labels.is_overflow()
}

/// The context labels and then the metric's own. They are given once, and their values are the other way round where the
/// source is the server.
pub(super) fn columns(contexts: &HubbleContexts, source: Source, own: &[(&'static str, Field)]) -> Vec<Column> {
    let end = |contexts: Contexts, is_client: bool| {
        if is_client { Field::Source(contexts) } else { Field::Destination(contexts) }
    };
    let from = |contexts: Contexts| end(contexts, source == Source::Client);
    let to = |contexts: Contexts| end(contexts, source == Source::Server);
    let mut columns = Vec::new();
    let sides = [
        (label::SOURCE, contexts.source, from(contexts.source)),
        (label::DESTINATION, contexts.destination, to(contexts.destination)),
    ];
    let asked = sides.into_iter().filter(|(_, list, _)| !list.is_empty());
    columns.extend(asked.map(|(name, _, field)| Column { name, field }));
    for name in &contexts.labels {
        let field = match *name {
            label::SOURCE_IP => from(Context::Ip.into()),
            label::SOURCE_NAMESPACE => from(Context::Namespace.into()),
            label::SOURCE_WORKLOAD => from(Context::Workload.into()),
            label::DESTINATION_IP => to(Context::Ip.into()),
            label::DESTINATION_NAMESPACE => to(Context::Namespace.into()),
            label::DESTINATION_WORKLOAD => to(Context::Workload.into()),
            label::TRAFFIC_DIRECTION => Field::TrafficDirection,
            // What only Kubernetes knows is empty, and an empty label is none.
            _ => continue,
        };
        columns.push(Column { name, field });
    }
    columns.extend(own.iter().map(|(name, field)| Column { name, field: *field }));
    columns
}
