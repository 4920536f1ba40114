//! Follows DNS on a connection.

use std::time::Instant;

use flowfold_flow::{DnsTransport, FailureReason, FlowSink, Outcome, Side};
use flowfold_wire::dns::StreamDecoder;
use flowfold_wire::http1::ByteClass;

use super::Lookups;
use crate::reader::{Listening, Reader, Reading};

/// Both directions of one connection. A message that cannot be read is counted, and the next one is read: where it begins,
/// the length told.
#[derive(Debug)]
pub(crate) struct DnsReader {
    lookups: Lookups,
    /// One for each of [`Side::ALL`].
    directions: [Direction; 2],
}

#[derive(Debug, Default)]
struct Direction {
    decoder: StreamDecoder,
    /// When the first byte of the message came whose end has not come yet.
    began: Option<Instant>,
    /// How many bytes of it came.
    bytes: u64,
}

impl Default for DnsReader {
    fn default() -> Self {
        Self { lookups: Lookups::new(DnsTransport::Tcp), directions: Default::default() }
    }
}

impl<S: FlowSink> Reader<S> for DnsReader {
    fn read(&mut self, listening: &mut Listening<'_, S>, side: Side, mut bytes: &[u8], now: Instant) -> Reading {
        let [to_server, to_client] = &mut self.directions;
        let Direction { decoder, began, bytes: of_message } = match side {
            Side::ClientToServer => to_server,
            Side::ServerToClient => to_client,
        };
        loop {
            let step = decoder.advance(bytes);
            if step.needs_more() {
                return Reading::Goes;
            }
            bytes = bytes.get(step.consumed..).unwrap_or_default();
            *of_message += step.consumed as u64;
            let began_at = *began.get_or_insert(now);
            if let Some(framed) = step.event {
                let message = (framed.bytes, framed.wire_bytes);
                self.lookups.read(listening, (side, 0), message, (began_at, now));
                (*began, *of_message) = (None, 0);
            }
        }
    }

    fn end_of_stream(&mut self, listening: &mut Listening<'_, S>, side: Side, now: Instant) {
        if side == Side::ServerToClient {
            self.lookups.end(listening, Outcome::Failed(FailureReason::ServerClosed), now);
        }
    }

    fn end(&mut self, listening: &mut Listening<'_, S>, outcome: Outcome, now: Instant) {
        self.lookups.end(listening, outcome, now);
        for (side, direction) in Side::ALL.into_iter().zip(&mut self.directions) {
            // The beginning of a message that never became whole.
            listening.count(side, ByteClass::Framing, std::mem::take(&mut direction.bytes));
        }
    }

    fn is_between(&self) -> bool {
        self.lookups.is_empty() && self.directions.iter().all(|direction| direction.decoder.is_idle())
    }
}
