//! The semantic conventions of OpenTelemetry.

use flowfold_flow::KafkaTransfer;

use super::{Filter, Row, Value};
use crate::kafka::messaging_operation;
use crate::labels::{ExchangeFamily, Field, Registered, Reporter};
use crate::names;

/// The server's metric has all but the last.
const HTTP_FIELDS: &[Field] = &[
    Field::HttpMethod,
    Field::HttpStatus,
    Field::ErrorType,
    Field::HttpRoute,
    Field::UrlTemplate,
    Field::HttpVersion,
    Field::UrlScheme,
    Field::ServerPort,
    Field::SourceWorkload,
    Field::SourceNamespace,
    Field::DestinationWorkload,
    Field::DestinationNamespace,
    Field::DestinationName,
];

/// The server's metric has all but the last.
const RPC_FIELDS: &[Field] = &[
    Field::RpcSystem,
    Field::RpcMethod,
    Field::RpcStatus,
    Field::ErrorType,
    Field::ServerPort,
    Field::SourceWorkload,
    Field::SourceNamespace,
    Field::DestinationWorkload,
    Field::DestinationNamespace,
    Field::DestinationName,
];

const OPERATION_FIELDS: &[Field] = &[
    Field::Constant("kafka"),
    Field::MessagingOperation,
    Field::MessagingOperationType,
    Field::KafkaTopic,
    Field::KafkaGroup,
    Field::ErrorType,
    Field::ServerPort,
    Field::SourceWorkload,
    Field::SourceNamespace,
    Field::DestinationWorkload,
    Field::DestinationNamespace,
    Field::DestinationName,
];

const MESSAGE_FIELDS: &[Field] = &[
    Field::Constant("kafka"),
    Field::MessagingOperation,
    Field::KafkaTopic,
    Field::ErrorType,
    Field::ServerPort,
    Field::SourceWorkload,
    Field::SourceNamespace,
    Field::DestinationWorkload,
    Field::DestinationNamespace,
    Field::DestinationName,
];

const DNS_FIELDS: &[Field] = &[
    Field::Reporter,
    Field::DnsName,
    Field::DnsKind,
    Field::DnsRcode,
    Field::DnsTransport,
    Field::ErrorType,
    Field::ServerPort,
    Field::SourceWorkload,
    Field::SourceNamespace,
    Field::DestinationWorkload,
    Field::DestinationNamespace,
];

/// `is_exact`: the labels of HTTP tell any two label sets of the store apart.
pub(super) fn rows(is_exact: bool) -> [Row; 8] {
    let http = |family: ExchangeFamily| Row {
        is_exact,
        ..Row::new(family.metric()).with(family, Value::Histogram, HTTP_FIELDS)
    };
    let rpc = |family: ExchangeFamily| Row::new(family.metric()).with(family, Value::Histogram, RPC_FIELDS);
    [
        http(ExchangeFamily::HttpServer),
        http(ExchangeFamily::HttpClient),
        rpc(ExchangeFamily::RpcServer),
        rpc(ExchangeFamily::RpcClient),
        Row::new(&names::MESSAGING_CLIENT_OPERATION_DURATION).with_those(
            is_operation,
            ExchangeFamily::KafkaRequest,
            Value::Histogram,
            OPERATION_FIELDS,
        ),
        messages(Row::new(&names::MESSAGING_CLIENT_SENT_MESSAGES), |set| went(set, KafkaTransfer::Produce)),
        messages(Row::new(&names::MESSAGING_CLIENT_CONSUMED_MESSAGES), |set| went(set, KafkaTransfer::Fetch)),
        Row::new(&names::DNS_LOOKUP_DURATION).with(ExchangeFamily::DnsLookup, Value::Histogram, DNS_FIELDS),
    ]
}

fn messages(row: Row, filter: Filter) -> Row {
    row.with_those(filter, ExchangeFamily::KafkaRecords, Value::Records, MESSAGE_FIELDS)
}

/// The conventions have metrics of clients alone.
fn is_operation(set: &Registered) -> bool {
    set.labels.is_overflow()
        || set.labels.reporter == Reporter::Client && messaging_operation(set.labels.key.kafka_api()).is_some()
}

/// What overflowed is no more told by which way it went, and counts both ways.
fn went(set: &Registered, transfer: KafkaTransfer) -> bool {
    set.labels.is_overflow()
        || set.labels.reporter == Reporter::Client && set.labels.key.kafka_api().transfer() == Some(transfer)
}
