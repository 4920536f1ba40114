//! The seam between the proxy and everything that listens to it.

use std::sync::Arc;
use std::time::Duration;

use crate::{ByteTally, ConnectionEnd, ConnectionInfo, Exchange, Protocol, Refusal, Side};

/// Hears what a proxy worker relays. One sink serves one worker thread and is called on it, between two reads, so an
/// implementation must not block, wait for a lock that a reader can hold for long, or allocate per exchange.
///
/// The calls for a connection come in this order: [`opened`](Self::opened), any number of the others,
/// [`closed`](Self::closed). `closed` comes exactly once.
pub trait FlowSink {
    /// What the sink keeps for an open connection: the handles that make an exchange cheap.
    type Connection;

    /// A connection was accepted and is about to be relayed.
    fn opened(&self, info: &Arc<ConnectionInfo>) -> Self::Connection;

    /// The protocol of the connection is now known, or has changed (a tunnel turns it opaque).
    fn protocol(&self, connection: &mut Self::Connection, protocol: Protocol);

    /// Bytes were relayed, of these classes. Called after each read with what it added.
    fn bytes(&self, connection: &mut Self::Connection, side: Side, tally: &ByteTally);

    /// Bytes that were read have been written on, and this is how long that took: the latency that the relay added.
    fn relayed(&self, connection: &mut Self::Connection, side: Side, added: Duration);

    /// An exchange is over.
    fn exchange(&self, connection: &mut Self::Connection, exchange: &Exchange<'_>);

    /// The connection is over.
    fn closed(&self, connection: Self::Connection, end: &ConnectionEnd);

    /// A connection was accepted but could not be relayed, and was reset.
    fn refused(&self, refusal: Refusal);

    /// Whether lookups are to come with the [addresses](crate::DnsExchange::addresses) that they were answered. Most have no use
    /// for them, and finding them takes a tenth of the time that reading a lookup does.
    fn wants_addresses(&self) -> bool {
        false
    }
}

/// Two sinks hear as one. Longer lists nest.
impl<A: FlowSink, B: FlowSink> FlowSink for (A, B) {
    type Connection = (A::Connection, B::Connection);

    fn opened(&self, info: &Arc<ConnectionInfo>) -> Self::Connection {
        (self.0.opened(info), self.1.opened(info))
    }

    fn protocol(&self, connection: &mut Self::Connection, protocol: Protocol) {
        self.0.protocol(&mut connection.0, protocol);
        self.1.protocol(&mut connection.1, protocol);
    }

    fn bytes(&self, connection: &mut Self::Connection, side: Side, tally: &ByteTally) {
        self.0.bytes(&mut connection.0, side, tally);
        self.1.bytes(&mut connection.1, side, tally);
    }

    fn relayed(&self, connection: &mut Self::Connection, side: Side, added: Duration) {
        self.0.relayed(&mut connection.0, side, added);
        self.1.relayed(&mut connection.1, side, added);
    }

    fn exchange(&self, connection: &mut Self::Connection, exchange: &Exchange<'_>) {
        self.0.exchange(&mut connection.0, exchange);
        self.1.exchange(&mut connection.1, exchange);
    }

    fn closed(&self, connection: Self::Connection, end: &ConnectionEnd) {
        self.0.closed(connection.0, end);
        self.1.closed(connection.1, end);
    }

    fn refused(&self, refusal: Refusal) {
        self.0.refused(refusal);
        self.1.refused(refusal);
    }

    fn wants_addresses(&self) -> bool {
        self.0.wants_addresses() || self.1.wants_addresses()
    }
}
