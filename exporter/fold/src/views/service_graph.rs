//! The families of service graphs.

use super::{Filter, Row, Value};
use crate::labels::{ExchangeFamily, Field, Registered};
use crate::names;

const EDGE_FIELDS: &[Field] = &[Field::SourceWorkload, Field::DestinationNode, Field::ConnectionType];
const SERVER: [ExchangeFamily; 2] = [ExchangeFamily::HttpServer, ExchangeFamily::RpcServer];
const CLIENT: [ExchangeFamily; 2] = [ExchangeFamily::HttpClient, ExchangeFamily::RpcClient];

pub(super) fn rows() -> [Row; 4] {
    let histogram = |row: Row, families: [ExchangeFamily; 2]| {
        families.into_iter().fold(row, |row, family| row.with(family, Value::Histogram, EDGE_FIELDS))
    };
    [
        once(Row::new(&names::SERVICE_GRAPH_REQUESTS), is_first_report),
        once(Row::new(&names::SERVICE_GRAPH_FAILED), |set| is_first_report(set) && set.labels.is_error()),
        histogram(Row::new(&names::SERVICE_GRAPH_SERVER), SERVER),
        histogram(Row::new(&names::SERVICE_GRAPH_CLIENT), CLIENT),
    ]
}

/// Counts each exchange once, whichever side reports it.
fn once(row: Row, filter: Filter) -> Row {
    SERVER.into_iter().chain(CLIENT).fold(row, |row, family| row.with_those(filter, family, Value::Count, EDGE_FIELDS))
}

/// An exchange that is reported for both sides counts by its server's report.
fn is_first_report(registered: &Registered) -> bool {
    !registered.labels.key.is_reported_by_server_too()
}
