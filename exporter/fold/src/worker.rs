//! The cells of one worker that do not depend on labels of the traffic.

use flowfold_flow::{ByteTally, ConnectionOutcome, Outcome, Protocol, Refusal, Reporters, Side, UnparsedReason};

use crate::buckets::ADDED_LATENCY_BOUNDS;
use crate::cell::{Cell, Histogram};

/// The rules that a connection can come from, in the order of [`direction_index`].
pub(crate) const DIRECTIONS: [Reporters; 4] =
    [Reporters { server: false, client: false }, Reporters::SERVER, Reporters::CLIENT, Reporters::BOTH];

/// The position of these rules in [`DIRECTIONS`].
pub(crate) fn direction_index(reporters: Reporters) -> u8 {
    u8::from(reporters.server) + 2 * u8::from(reporters.client)
}

/// The ways in which an exchange ends, in the order of [`ending_index`].
pub(crate) const ENDINGS: [&str; 3] = ["answered", "failed", "unfinished"];

fn ending_index(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Answered => 0,
        Outcome::Failed(_) => 1,
        Outcome::Unfinished => 2,
    }
}

/// The cells of one worker. The worker writes them, and lines of two workers never share a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct WorkerCells {
    pub(crate) directions: [DirectionCells; DIRECTIONS.len()],
    pub(crate) refused: [Cell; Refusal::ALL.len()],
    pub(crate) sides: [SideCells; Side::ALL.len()],
}

/// What is counted by the rules that steered a connection.
#[derive(Debug, Default)]
pub(crate) struct DirectionCells {
    opened: Cell,
    pub(crate) closed: [[Cell; ConnectionOutcome::ALL.len()]; Protocol::ALL.len()],
    pub(crate) exchanges: [Cell; ENDINGS.len()],
}

impl DirectionCells {
    pub(crate) fn open(&self) {
        self.opened.add(1);
    }

    pub(crate) fn close(&self, protocol: Protocol, outcome: ConnectionOutcome) {
        self.closed[protocol as usize][outcome.index()].add_release(1);
    }

    pub(crate) fn exchange(&self, outcome: Outcome) {
        self.exchanges[ending_index(outcome)].add(1);
    }

    /// How many connections were opened, and how many are closed of them. The closed ones are read first, so there are
    /// never more of them than were opened.
    pub(crate) fn opened_and_closed(&self) -> (u64, u64) {
        let closed = self.closed.iter().flatten().map(Cell::get_acquire).sum();
        (self.opened.get(), closed)
    }
}

/// What is counted by the direction of bytes.
#[derive(Debug, Default)]
pub(crate) struct SideCells {
    pub(crate) parsed: Cell,
    pub(crate) body: Cell,
    pub(crate) opaque: Cell,
    pub(crate) unparsed: [Cell; UnparsedReason::ALL.len()],
    pub(crate) added_latency: Histogram<ADDED_LATENCY_BOUNDS>,
}

impl SideCells {
    pub(crate) fn add(&self, tally: &ByteTally) {
        for (cell, bytes) in [(&self.parsed, tally.parsed), (&self.body, tally.body), (&self.opaque, tally.opaque)] {
            if bytes > 0 {
                cell.add(bytes);
            }
        }
        if tally.unparsed > 0 {
            // A tally of unparsed bytes has a reason; where a proxy forgot it, the fault is the decoder's.
            let reason = tally.reason.unwrap_or(UnparsedReason::DecoderFault);
            self.unparsed[reason.index()].add(tally.unparsed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_found_at_their_position() {
        for (position, reporters) in DIRECTIONS.into_iter().enumerate() {
            assert_eq!(usize::from(direction_index(reporters)), position);
        }
    }
}
