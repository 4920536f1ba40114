//! The families of go-grpc-prometheus.

use flowfold_flow::Side;

use super::{Row, Value};
use crate::labels::{ExchangeFamily, Field};
use crate::names;

const CALL_FIELDS: &[Field] = &[Field::GrpcType, Field::GrpcService, Field::GrpcMethod];
const HANDLED_FIELDS: &[Field] = &[Field::GrpcType, Field::GrpcService, Field::GrpcMethod, Field::GrpcCode];

pub(super) fn rows() -> [Row; 10] {
    let (server, client) = (ExchangeFamily::RpcServer, ExchangeFamily::RpcClient);
    let (request, response) = (Value::Messages(Side::ClientToServer), Value::Messages(Side::ServerToClient));
    [
        Row::new(&names::GRPC_SERVER_STARTED).with(server, Value::Count, CALL_FIELDS),
        Row::new(&names::GRPC_SERVER_HANDLED).with(server, Value::Count, HANDLED_FIELDS),
        Row::new(&names::GRPC_SERVER_MSG_RECEIVED).with(server, request, CALL_FIELDS),
        Row::new(&names::GRPC_SERVER_MSG_SENT).with(server, response, CALL_FIELDS),
        Row::new(&names::GRPC_SERVER_HANDLING).with(server, Value::Histogram, CALL_FIELDS),
        Row::new(&names::GRPC_CLIENT_STARTED).with(client, Value::Count, CALL_FIELDS),
        Row::new(&names::GRPC_CLIENT_HANDLED).with(client, Value::Count, HANDLED_FIELDS),
        Row::new(&names::GRPC_CLIENT_MSG_RECEIVED).with(client, response, CALL_FIELDS),
        Row::new(&names::GRPC_CLIENT_MSG_SENT).with(client, request, CALL_FIELDS),
        Row::new(&names::GRPC_CLIENT_HANDLING).with(client, Value::Histogram, CALL_FIELDS),
    ]
}
