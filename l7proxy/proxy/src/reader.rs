//! What reads a protocol along, and what it needs for that.

use std::time::Instant;

use flowfold_flow::{
    Blame, ByteTally, ConnectionInfo, Exchange, FailureReason, FlowSink, Outcome, Protocol, Side, UnparsedReason,
};
use flowfold_wire::http1::ByteClass;

use crate::dns::DnsReader;
use crate::http1::Http1Reader;
use crate::http2::Http2Reader;
use crate::kafka::KafkaReader;
use crate::shared::ReaderTools;

/// Whether a reader goes on reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It goes on.
    Goes,
    /// The connection became a tunnel: the rest of both directions belongs to no protocol that is read.
    BecameTunnel,
    /// It can't follow any more.
    GaveUp(UnparsedReason),
}

/// Follows one connection of a protocol: bytes in, exchanges out. It doesn't know where the bytes come from.
pub(crate) trait Reader<S: FlowSink> {
    /// Reads bytes of one direction, and tallies all of them, at the latest when it stops reading.
    fn read(&mut self, listening: &mut Listening<'_, S>, side: Side, bytes: &[u8], now: Instant) -> Reading;

    /// A direction ended in order.
    fn end_of_stream(&mut self, listening: &mut Listening<'_, S>, side: Side, now: Instant);

    /// The connection, or the reading of it, is over: everything still open ends with this outcome.
    fn end(&mut self, listening: &mut Listening<'_, S>, outcome: Outcome, now: Instant);

    /// No exchange is open.
    fn is_between(&self) -> bool;
}

/// The reader of a protocol, where there is one.
pub(crate) fn reader_for<S: FlowSink>(protocol: Protocol) -> Option<Box<dyn Reader<S>>> {
    match protocol {
        Protocol::Http1 => Some(Box::new(Http1Reader::default())),
        Protocol::Http2 => Some(Box::new(Http2Reader::default())),
        Protocol::Kafka => Some(Box::new(KafkaReader::default())),
        Protocol::Dns => Some(Box::new(DnsReader::default())),
        Protocol::Tls | Protocol::Opaque | Protocol::Unknown => None,
    }
}

/// The side that closed a connection first, which has given up what was open.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Left(Option<Side>);

impl Left {
    /// A direction ended in order. How what is open ends by that: not yet, where the client's end is all, as the server may
    /// still answer what it has.
    pub(crate) fn ended(&mut self, side: Side) -> Option<Outcome> {
        let first = *self.0.get_or_insert(side);
        (side == Side::ServerToClient).then(|| Outcome::Failed(closed_by(first)))
    }

    /// How what is open ends when the connection, or the reading of it, ends so.
    pub(crate) fn outcome(self, outcome: Outcome) -> Outcome {
        match (outcome, self.0) {
            (Outcome::Failed(reason), Some(side)) if reason.blame() != Blame::Agent => Outcome::Failed(closed_by(side)),
            _ => outcome,
        }
    }
}

/// Why the exchanges failed that were open when this side closed the connection.
fn closed_by(side: Side) -> FailureReason {
    match side {
        Side::ClientToServer => FailureReason::ClientClosed,
        Side::ServerToClient => FailureReason::ServerClosed,
    }
}

/// What a reader hands its findings to, for the time of one call.
pub(crate) struct Listening<'a, S: FlowSink> {
    sink: &'a S,
    sink_side: &'a mut S::Connection,
    pub(crate) info: &'a ConnectionInfo,
    pub(crate) tools: &'a ReaderTools,
    /// One for each of [`Side::ALL`]: an answer can tell what the bytes of the other direction were.
    tallies: [ByteTally; 2],
}

impl<'a, S: FlowSink> Listening<'a, S> {
    pub(crate) fn new(
        sink: &'a S,
        sink_side: &'a mut S::Connection,
        info: &'a ConnectionInfo,
        tools: &'a ReaderTools,
    ) -> Self {
        Self { sink, sink_side, info, tools, tallies: [ByteTally::default(); 2] }
    }

    /// An exchange is over.
    pub(crate) fn exchange(&mut self, exchange: &Exchange<'_>) {
        self.sink.exchange(self.sink_side, exchange);
    }

    /// Whether lookups are to come with the addresses that they were answered.
    pub(crate) fn wants_addresses(&self) -> bool {
        self.sink.wants_addresses()
    }

    /// The connection turned out to speak another protocol, which the same reader follows.
    pub(crate) fn protocol(&mut self, protocol: Protocol) {
        self.sink.protocol(self.sink_side, protocol);
    }

    /// Counts bytes of a direction by what a decoder said of them.
    pub(crate) fn count(&mut self, side: Side, class: ByteClass, count: u64) {
        let tally = self.tally(side);
        match class {
            ByteClass::Head | ByteClass::Framing => tally.parsed += count,
            ByteClass::Body => tally.body += count,
            ByteClass::Tunnel => tally.opaque += count,
            ByteClass::Unread => {
                tally.unparsed += count;
                if count > 0 {
                    tally.reason = Some(UnparsedReason::MalformedMessage);
                }
            }
            // Counted when the server's answer tells what they are.
            ByteClass::Held => {}
        }
    }

    /// Counts bytes that could not be read, and says so.
    pub(crate) fn give_up(&mut self, side: Side, rest: &[u8], reason: UnparsedReason) -> Reading {
        if !rest.is_empty() {
            let tally = self.tally(side);
            tally.unparsed += rest.len() as u64;
            tally.reason = Some(reason);
        }
        Reading::GaveUp(reason)
    }

    /// Where the bytes of a direction are counted.
    pub(crate) fn tally(&mut self, side: Side) -> &mut ByteTally {
        let [to_server, to_client] = &mut self.tallies;
        match side {
            Side::ClientToServer => to_server,
            Side::ServerToClient => to_client,
        }
    }

    /// Tells the sink what was counted.
    pub(crate) fn report(self) {
        for (side, tally) in Side::ALL.into_iter().zip(&self.tallies) {
            if tally.total() > 0 {
                self.sink.bytes(self.sink_side, side, tally);
            }
        }
    }
}
