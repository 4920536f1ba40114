//! One worker's part of the store.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use flowfold_flow::{ByteTally, ConnectionEnd, ConnectionInfo, Exchange, FlowSink, Protocol, Refusal, Side};

use crate::Fold;

/// One worker's part of the store. It may be moved to its worker's thread, but not shared: it is the only writer of
/// its cells.
#[derive(Debug)]
pub struct Shard {
    fold: Arc<Fold>,
    refused: Cell<u64>,
}

/// What a shard keeps for an open connection. To be given back to the shard that made it, never to another.
#[derive(Debug)]
pub struct Connection {
    info: Arc<ConnectionInfo>,
    protocol: Protocol,
}

impl Shard {
    pub(crate) fn new(fold: Arc<Fold>) -> Self {
        Self { fold, refused: Cell::new(0) }
    }

    /// The store that this is a part of.
    pub fn fold(&self) -> &Arc<Fold> {
        &self.fold
    }
}

impl FlowSink for Shard {
    type Connection = Connection;

    fn opened(&self, info: &Arc<ConnectionInfo>) -> Connection {
        Connection { info: Arc::clone(info), protocol: Protocol::Unknown }
    }

    fn protocol(&self, connection: &mut Connection, protocol: Protocol) {
        connection.protocol = protocol;
    }

    fn bytes(&self, _: &mut Connection, _: Side, _: &ByteTally) {}

    fn relayed(&self, _: &mut Connection, _: Side, _: Duration) {}

    fn exchange(&self, connection: &mut Connection, _: &Exchange<'_>) {
        let _ = &connection.info;
    }

    fn closed(&self, _: Connection, _: &ConnectionEnd) {}

    fn refused(&self, _: Refusal) {
        self.refused.set(self.refused.get() + 1);
    }
}
