//! The datagrams of one client, or of the clients at one address, to one server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowfold_flow::{
    ConnectionEnd, ConnectionInfo, ConnectionOutcome, DnsTransport, FailureReason, FlowSink, Outcome, Protocol,
};

use super::Datagram;
use crate::dns::Lookups;
use crate::reader::Listening;
use crate::shared::ReaderTools;
use crate::tap::isolated;

/// How long a flow is kept whose questions are all answered. Most clients are gone by then; one that asks again begins
/// another.
const SETTLED: Duration = Duration::from_secs(2);

/// How long a flow is kept that may have more to come: an answer that is late, one to something other than a query, or
/// whatever it is where something was not understood. It is what the kernel gives a flow of datagrams in its own connection
/// tracking.
const UNSETTLED: Duration = Duration::from_secs(30);

/// How long the ends of a flow are taken for who they were found to be. The clients at one address are one flow, which may have
/// no end, and workloads come and go.
const KNOWN: Duration = Duration::from_secs(10);

/// A flow.
pub(super) struct Flow<S: FlowSink> {
    info: Arc<ConnectionInfo>,
    sink_side: S::Connection,
    lookups: Lookups,
    last: Instant,
    /// Since when its ends are known.
    known: Instant,
    /// Everything that was said was a question or the answer to one.
    is_understood: bool,
    /// Its datagrams are seen at the server's socket: the clients at its address may have any port.
    is_at_server: bool,
}

impl<S: FlowSink> Flow<S> {
    /// Tells the sink of it, which begins with this datagram.
    pub(super) fn open(sink: &S, info: ConnectionInfo, first: &Datagram<'_>) -> Self {
        let info = Arc::new(info);
        let mut sink_side = sink.opened(&info);
        sink.protocol(&mut sink_side, Protocol::Dns);
        let lookups = Lookups::new(DnsTransport::Udp);
        let (last, is_at_server) = (first.at, first.is_at_server);
        Self { info, sink_side, lookups, last, known: last, is_understood: true, is_at_server }
    }

    /// Whether it is time to ask who its ends are. A client's own socket stays whose it is.
    pub(super) fn is_outdated(&self, now: Instant) -> bool {
        self.is_at_server && now.saturating_duration_since(self.known) >= KNOWN
    }

    /// Its ends were asked for again. Where they are others now, it ends for the sink, and another one goes on.
    pub(super) fn renew(&mut self, sink: &S, info: ConnectionInfo, now: Instant) {
        self.known = now;
        if info != *self.info {
            let info = Arc::new(info);
            let mut sink_side = sink.opened(&info);
            sink.protocol(&mut sink_side, Protocol::Dns);
            let ended = std::mem::replace(&mut self.sink_side, sink_side);
            self.info = info;
            sink.closed(ended, &ConnectionEnd { outcome: ConnectionOutcome::Silent });
        }
    }

    /// The client's port.
    pub(super) fn port(&self) -> u16 {
        self.info.client.port()
    }

    /// Whether datagrams of this address are the client's.
    pub(super) fn is_from(&self, client: SocketAddr) -> bool {
        self.info.client.ip().to_canonical() == client.ip().to_canonical() && self.port() == client.port()
    }

    /// Whether a question waits for its answer.
    pub(super) fn is_waiting(&self) -> bool {
        !self.lookups.is_empty()
    }

    /// Shows a datagram to the reader.
    pub(super) fn read(&mut self, sink: &S, tools: &ReaderTools, datagram: &Datagram<'_>) {
        self.last = datagram.at;
        let mut listening = Listening::new(sink, &mut self.sink_side, &self.info, tools);
        let (message, lookups) = ((datagram.payload, datagram.bytes), &mut self.lookups);
        let port = if self.is_at_server { datagram.client.port() } else { 0 };
        let read =
            isolated(|| lookups.read(&mut listening, (datagram.side, port), message, (datagram.at, datagram.at)));
        self.is_understood &= read == Ok(true);
        if let Err(fault) = read {
            let tally = listening.tally(datagram.side);
            tally.unparsed += message.1.saturating_sub(tally.total());
            tally.reason = Some(fault);
        }
        listening.report();
    }

    /// A datagram could not be delivered: the question with this id, or any of them.
    pub(super) fn fail(&mut self, sink: &S, tools: &ReaderTools, id: Option<u16>, at: Instant) {
        self.with_listening(sink, tools, |lookups, listening| lookups.fail(listening, id, at));
    }

    /// The socket was closed that it is seen at.
    pub(super) fn abandon(&mut self, sink: &S, tools: &ReaderTools, at: Instant) {
        let is_at_server = self.is_at_server;
        self.with_listening(sink, tools, |lookups, listening| {
            if is_at_server {
                lookups.end(listening, Outcome::Failed(FailureReason::ServerClosed), at);
            } else {
                lookups.abandon(listening, at);
            }
        });
    }

    pub(super) fn give_up_old(&mut self, sink: &S, tools: &ReaderTools, now: Instant) {
        if self.is_waiting() {
            self.with_listening(sink, tools, |lookups, listening| lookups.give_up_old(listening, now));
        }
    }

    /// Whether nothing more is expected of it.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let is_settled = self.is_understood && self.lookups.is_settled();
        let kept = if is_settled { SETTLED } else { UNSETTLED };
        !self.is_waiting() && now.saturating_duration_since(self.last) >= kept
    }

    /// Tells the sink that it is over.
    pub(super) fn close(mut self, sink: &S, tools: &ReaderTools) {
        let outcome = Outcome::Failed(FailureReason::AgentStopped);
        self.with_listening(sink, tools, |lookups, listening| lookups.end(listening, outcome, Instant::now()));
        sink.closed(self.sink_side, &ConnectionEnd { outcome: ConnectionOutcome::Silent });
    }

    fn with_listening(&mut self, sink: &S, tools: &ReaderTools, act: impl FnOnce(&mut Lookups, &mut Listening<'_, S>)) {
        let mut listening = Listening::new(sink, &mut self.sink_side, &self.info, tools);
        let lookups = &mut self.lookups;
        // A reader that fails at its end has nothing left to say.
        let _ended = isolated(|| act(lookups, &mut listening));
        listening.report();
    }
}
