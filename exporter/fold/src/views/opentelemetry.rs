//! The semantic conventions of OpenTelemetry.

use super::{Row, Value};
use crate::labels::{ExchangeFamily, Field};

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
];

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
];

/// `is_exact`: the labels of HTTP tell any two label sets of the store apart.
pub(super) fn rows(is_exact: bool) -> [Row; 4] {
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
    ]
}
