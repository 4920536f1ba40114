//! What no convention has: always shown.

use flowfold_flow::Side;

use super::{Row, Value};
use crate::labels::{ExchangeFamily, Field};
use crate::names;

const FIRST_FIELDS: &[Field] =
    &[Field::Reporter, Field::ServerPort, Field::DestinationWorkload, Field::DestinationNamespace];

pub(super) fn rows() -> [Row; 4] {
    let first = |family: ExchangeFamily| Row {
        is_exact: true,
        ..Row::new(family.metric()).with(family, Value::Histogram, FIRST_FIELDS)
    };
    [
        first(ExchangeFamily::FirstByte),
        first(ExchangeFamily::FirstMessage),
        messages(Row::new(&names::RPC_MESSAGES), Value::Messages),
        messages(Row::new(&names::RPC_MESSAGE_BYTES), Value::MessageBytes),
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
        ];
        row.with(family, value(side), &fields)
    })
}
