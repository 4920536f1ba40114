//! Shows relayed bytes to a protocol's reader, and accounts for every one of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowfold_flow::{
    ByteTally, ConnectionEnd, ConnectionInfo, ConnectionOutcome, FailureReason, FlowSink, Outcome, Protocol, Side,
    UnparsedReason,
};
use flowfold_wire::sniff::{Verdict, sniff_client, sniff_client_of_kafka, sniff_server};

use crate::reader::{Listening, Reader, Reading, reader_for};
use crate::shared::{ReaderTools, Shared};

/// What a connection's bytes are shown to.
pub(crate) struct Tap<S: FlowSink> {
    info: Arc<ConnectionInfo>,
    /// Absent only after [`Tap::close`].
    sink_side: Option<S::Connection>,
    stage: Stage<S>,
    /// What it should speak, where that is known.
    expected: Option<Protocol>,
}

enum Stage<S: FlowSink> {
    /// The first bytes, as long as they don't tell the protocol.
    Sniffing(FirstBytes),
    /// A reader follows the protocol.
    Reading(Box<dyn Reader<S>>),
    /// The protocol isn't read.
    Opaque,
    /// The reader gave up.
    Unparsed(UnparsedReason),
}

/// What has come from each side before the protocol was known.
#[derive(Debug, Default)]
struct FirstBytes {
    client: Vec<u8>,
    server: Vec<u8>,
}

impl<S: FlowSink> Tap<S> {
    /// Tells the sink of a new connection.
    pub(crate) fn open(sink: &S, info: Arc<ConnectionInfo>, expected: Option<Protocol>) -> Self {
        let sink_side = Some(sink.opened(&info));
        Self { info, sink_side, stage: Stage::Sniffing(FirstBytes::default()), expected }
    }

    /// Shows bytes that were relayed.
    pub(crate) fn show<D>(&mut self, shared: &Shared<D, S>, side: Side, bytes: &[u8], now: Instant) {
        let (sink, tools) = (&shared.sink, &shared.tools);
        let shown = isolated(|| match &self.stage {
            Stage::Sniffing(_) => self.show_first(sink, tools, side, bytes, now),
            _ => self.show_known(sink, tools, side, bytes, now),
        });
        if let Err(fault) = shown {
            self.stage = Stage::Unparsed(fault);
        }
    }

    /// Shows bytes of a connection whose protocol isn't known yet, and learns it from them if they tell.
    fn show_first(&mut self, sink: &S, tools: &ReaderTools, side: Side, bytes: &[u8], now: Instant) {
        let (Stage::Sniffing(seen), Some(sink_side)) = (&mut self.stage, &mut self.sink_side) else { return };
        let verdict = match side {
            Side::ClientToServer => {
                seen.client.extend_from_slice(bytes);
                match self.expected {
                    Some(Protocol::Kafka) => sniff_client_of_kafka(&seen.client),
                    _ => sniff_client(&seen.client),
                }
            }
            Side::ServerToClient => {
                seen.server.extend_from_slice(bytes);
                sniff_server(&seen.server)
            }
        };
        if verdict == Verdict::NeedMore {
            return;
        }
        let FirstBytes { client, server } = std::mem::take(seen);
        let (protocol, stage) = stage_for(&verdict);
        self.stage = stage;
        sink.protocol(sink_side, protocol);
        for (side, bytes) in [(Side::ClientToServer, client), (Side::ServerToClient, server)] {
            if !bytes.is_empty() {
                self.show_known(sink, tools, side, &bytes, now);
            }
        }
    }

    fn show_known(&mut self, sink: &S, tools: &ReaderTools, side: Side, bytes: &[u8], now: Instant) {
        let Some(sink_side) = &mut self.sink_side else { return };
        let length = bytes.len() as u64;
        match &mut self.stage {
            Stage::Sniffing(_) | Stage::Opaque => {
                sink.bytes(sink_side, side, &ByteTally { opaque: length, ..ByteTally::default() });
            }
            Stage::Unparsed(reason) => sink.bytes(sink_side, side, &unparsed(length, *reason)),
            Stage::Reading(reader) => {
                let mut listening = Listening::new(sink, sink_side, &self.info, tools);
                let reading = isolated(|| reader.read(&mut listening, side, bytes, now)).unwrap_or_else(|fault| {
                    // What it had understood of these bytes keeps its class.
                    let tally = listening.tally(side);
                    tally.unparsed += length.saturating_sub(tally.total());
                    tally.reason = Some(fault);
                    Reading::GaveUp(fault)
                });
                listening.report();
                match reading {
                    Reading::Goes => {}
                    Reading::BecameTunnel => {
                        self.stage = Stage::Opaque;
                        sink.protocol(sink_side, Protocol::Opaque);
                    }
                    Reading::GaveUp(reason) => self.give_up(sink, tools, reason, now),
                }
            }
        }
    }

    /// Ends the open exchanges of a reader that can no longer follow.
    fn give_up(&mut self, sink: &S, tools: &ReaderTools, reason: UnparsedReason, now: Instant) {
        let stage = std::mem::replace(&mut self.stage, Stage::Unparsed(reason));
        if let (Stage::Reading(mut reader), Some(sink_side)) = (stage, &mut self.sink_side) {
            let mut listening = Listening::new(sink, sink_side, &self.info, tools);
            // A reader that fails once more has nothing left to say.
            let _ended = isolated(|| reader.end(&mut listening, Outcome::Unfinished, now));
            listening.report();
        }
    }

    /// The bytes of a direction are over.
    pub(crate) fn end_of_stream<D>(&mut self, shared: &Shared<D, S>, side: Side, now: Instant) {
        let (Stage::Reading(reader), Some(sink_side)) = (&mut self.stage, &mut self.sink_side) else { return };
        let mut listening = Listening::new(&shared.sink, sink_side, &self.info, &shared.tools);
        let ended = isolated(|| reader.end_of_stream(&mut listening, side, now));
        listening.report();
        if let Err(fault) = ended {
            self.give_up(&shared.sink, &shared.tools, fault, now);
        }
    }

    /// How long bytes stayed in the relay.
    pub(crate) fn relayed(&mut self, sink: &S, side: Side, added: Duration) {
        if let Some(sink_side) = &mut self.sink_side {
            sink.relayed(sink_side, side, added);
        }
    }

    /// The protocol is read, and no exchange is open.
    pub(crate) fn is_between(&self) -> bool {
        matches!(&self.stage, Stage::Reading(reader) if reader.is_between())
    }

    /// The connection is over: what is still open ends with it.
    pub(crate) fn close<D>(&mut self, shared: &Shared<D, S>, end: ConnectionEnd, now: Instant) {
        let Some(mut sink_side) = self.sink_side.take() else { return };
        match &mut self.stage {
            Stage::Sniffing(seen) => {
                for (side, bytes) in [(Side::ClientToServer, &seen.client), (Side::ServerToClient, &seen.server)] {
                    let tally = ByteTally { opaque: bytes.len() as u64, ..ByteTally::default() };
                    report(&shared.sink, &mut sink_side, side, &tally);
                }
            }
            Stage::Reading(reader) => {
                let mut listening = Listening::new(&shared.sink, &mut sink_side, &self.info, &shared.tools);
                let _ended = isolated(|| reader.end(&mut listening, outcome_of(end.outcome), now));
                listening.report();
            }
            Stage::Opaque | Stage::Unparsed(_) => {}
        }
        shared.sink.closed(sink_side, &end);
    }
}

/// What becomes of an exchange that is open when its connection ends.
fn outcome_of(end: ConnectionOutcome) -> Outcome {
    Outcome::Failed(match end {
        // Both directions ended in order, and the end of the server's didn't settle it: the request was never whole.
        ConnectionOutcome::Closed => FailureReason::ClientClosed,
        ConnectionOutcome::ClientReset => FailureReason::ClientReset,
        ConnectionOutcome::ServerReset => FailureReason::ServerReset,
        ConnectionOutcome::ConnectFailed => FailureReason::ConnectFailed,
        // Flows of datagrams have no tap; what was open in one would be given up with it.
        ConnectionOutcome::DrainTimeout | ConnectionOutcome::Silent => FailureReason::AgentStopped,
        ConnectionOutcome::AgentError => FailureReason::AgentError,
    })
}

fn stage_for<S: FlowSink>(verdict: &Verdict) -> (Protocol, Stage<S>) {
    let protocol = match verdict {
        Verdict::Http1 => Protocol::Http1,
        Verdict::Http2 => Protocol::Http2,
        Verdict::Kafka => Protocol::Kafka,
        Verdict::Dns => Protocol::Dns,
        Verdict::Tls(hello) => {
            tracing::trace!(server_name = hello.server_name.as_deref(), "a TLS connection, relayed unread");
            Protocol::Tls
        }
        Verdict::Opaque | Verdict::NeedMore => Protocol::Opaque,
    };
    (protocol, reader_for(protocol).map_or(Stage::Opaque, Stage::Reading))
}

/// Runs a reader so that a fault in it ends the reading and nothing else.
pub(crate) fn isolated<T>(read: impl FnOnce() -> T) -> Result<T, UnparsedReason> {
    // After a panic the reader is dropped, so no broken invariant of its own can be seen again; the sink's cells are
    // single words.
    catch_unwind(AssertUnwindSafe(read)).map_err(|_panic| UnparsedReason::DecoderFault)
}

fn unparsed(length: u64, reason: UnparsedReason) -> ByteTally {
    ByteTally { unparsed: length, reason: Some(reason), ..ByteTally::default() }
}

fn report<S: FlowSink>(sink: &S, sink_side: &mut S::Connection, side: Side, tally: &ByteTally) {
    if tally.total() > 0 {
        sink.bytes(sink_side, side, tally);
    }
}
