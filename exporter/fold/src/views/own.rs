//! What no convention has: always shown.

use flowfold_flow::Side;

use super::{Filter, Row, Value};
use crate::labels::{ExchangeFamily, Field, Registered};
use crate::names;

const FIRST_FIELDS: &[Field] = &[
    Field::Reporter,
    Field::ServerPort,
    Field::DestinationWorkload,
    Field::DestinationNamespace,
    Field::DestinationName,
];

const REQUEST_FIELDS: &[Field] = &[
    Field::Reporter,
    Field::KafkaApi,
    Field::KafkaTopic,
    Field::KafkaError,
    Field::ErrorType,
    Field::KafkaGroup,
    Field::KafkaClient,
    Field::ServerPort,
    Field::SourceWorkload,
    Field::SourceNamespace,
    Field::DestinationWorkload,
    Field::DestinationNamespace,
    Field::DestinationName,
];

const RECORD_FIELDS: &[Field] = &[
    Field::Reporter,
    Field::KafkaTopic,
    Field::KafkaDirection,
    Field::ServerPort,
    Field::SourceWorkload,
    Field::SourceNamespace,
    Field::DestinationWorkload,
    Field::DestinationNamespace,
    Field::DestinationName,
];

const THROTTLE_FIELDS: &[Field] = &[
    Field::Reporter,
    Field::KafkaApi,
    Field::KafkaClient,
    Field::ServerPort,
    Field::SourceWorkload,
    Field::SourceNamespace,
    Field::DestinationWorkload,
    Field::DestinationNamespace,
    Field::DestinationName,
];

pub(super) fn rows() -> [Row; 10] {
    let first = |family: ExchangeFamily| Row {
        is_exact: true,
        ..Row::new(family.metric()).with(family, Value::Histogram, FIRST_FIELDS)
    };
    [
        first(ExchangeFamily::FirstByte),
        first(ExchangeFamily::FirstMessage),
        messages(Row::new(&names::RPC_MESSAGES), Value::Messages),
        messages(Row::new(&names::RPC_MESSAGE_BYTES), Value::MessageBytes),
        Row::new(&names::KAFKA_REQUESTS).with(ExchangeFamily::KafkaRequest, Value::Count, REQUEST_FIELDS),
        Row::new(&names::KAFKA_REQUEST_DURATION).with(ExchangeFamily::KafkaRequest, Value::Histogram, REQUEST_FIELDS),
        records(Row::new(&names::KAFKA_RECORDS), Value::Records),
        records(Row::new(&names::KAFKA_BYTES), Value::RecordBytes),
        first(ExchangeFamily::KafkaFetch),
        Row::new(&names::KAFKA_THROTTLE).with(ExchangeFamily::KafkaThrottle, Value::Histogram, THROTTLE_FIELDS),
    ]
}

fn messages(row: Row, value: fn(Side) -> Value) -> Row {
    let parts = [ExchangeFamily::RpcServer, ExchangeFamily::RpcClient]
        .into_iter()
        .flat_map(|family| Side::ALL.map(|side| (family, side)));
    parts.fold(row, |row, (family, side)| {
        let fields = [
            Field::Reporter,
            Field::RpcMethod,
            Field::Constant(side.as_label()),
            Field::ServerPort,
            Field::DestinationWorkload,
            Field::DestinationNamespace,
            Field::DestinationName,
        ];
        row.with(family, value(side), &fields)
    })
}

fn records(row: Row, value: Value) -> Row {
    let went: Filter = |set: &Registered| set.labels.is_overflow() || set.labels.key.is_kafka_success();
    row.with_those(went, ExchangeFamily::KafkaRecords, value, RECORD_FIELDS)
}
