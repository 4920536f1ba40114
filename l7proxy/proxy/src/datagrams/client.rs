//! One client's datagrams to one server.

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowfold_flow::{
    ConnectionEnd, ConnectionInfo, ConnectionOutcome, DnsTransport, FailureReason, FlowSink, Outcome, Protocol,
    Refusal, Side,
};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::{OpenFlow, TURN, Turn};
use crate::dns::Lookups;
use crate::reader::Listening;
use crate::shared::Shared;
use crate::tap::isolated;
use crate::{Accepted, OriginalDestination};

/// How long a flow is kept whose questions are all answered. Most clients are gone by then; one that asks again gets
/// another port towards the server.
const SETTLED: Duration = Duration::from_secs(2);

/// How long a flow is kept that may have more to come: an answer that is late, one to something other than a query, or
/// whatever it is where something was not understood. It is what the kernel gives a flow of datagrams in its own connection
/// tracking.
const UNSETTLED: Duration = Duration::from_secs(30);

/// How long after a datagram the next one from its address is the same client's without a look at the socket. Another
/// client would have to get this port, of some ten thousand, in as short a time.
const FRESH: Duration = Duration::from_millis(100);

/// A flow.
pub(crate) struct Client<S: FlowSink> {
    info: Arc<ConnectionInfo>,
    upstream: UdpSocket,
    talk: RefCell<Talk<S>>,
    /// Tells the task that the flow was closed.
    closed: Notify,
    _open: OpenFlow,
}

/// What was said so far.
struct Talk<S: FlowSink> {
    lookups: Lookups,
    /// Absent once the flow is closed.
    sink_side: Option<S::Connection>,
    last: Instant,
    /// Everything that was said was a question or the answer to one.
    is_understood: bool,
}

impl<S: FlowSink> Client<S> {
    /// Opens a socket towards the server, and tells the sink.
    pub(super) fn open<D: OriginalDestination>(
        shared: &Shared<D, S>,
        info: Arc<ConnectionInfo>,
    ) -> Result<Self, Refusal> {
        let upstream = upstream(&shared.destinations, &info).map_err(|error| {
            tracing::debug!(server = %info.server, %error, "no socket towards the server for a client's datagrams");
            Refusal::NoSocket
        })?;
        let mut sink_side = shared.sink.opened(&info);
        shared.sink.protocol(&mut sink_side, Protocol::Dns);
        shared.status.accepted();
        let talk = Talk {
            lookups: Lookups::new(DnsTransport::Udp),
            sink_side: Some(sink_side),
            last: Instant::now(),
            is_understood: true,
        };
        let open = OpenFlow::new(&shared.flows);
        Ok(Self { info, upstream, talk: RefCell::new(talk), closed: Notify::new(), _open: open })
    }

    /// Whether a question waits for its answer.
    pub(super) fn is_waiting(&self) -> bool {
        !self.talk.borrow().lookups.is_empty()
    }

    /// Whether something was said so lately that the port cannot well have become another client's.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.talk.borrow().last) < FRESH
    }

    /// Whether it was closed, and its task has yet to find that out.
    pub(super) fn is_closed(&self) -> bool {
        self.talk.borrow().sink_side.is_none()
    }

    /// Whether these are its ends.
    pub(super) fn is_of(&self, info: &Arc<ConnectionInfo>) -> bool {
        Arc::ptr_eq(&self.info, info) || *self.info == **info
    }

    /// Sends a datagram of the client on, and reads it.
    ///
    /// The socket is asked itself, and not by way of the runtime, which does not know yet whether a new one may be written
    /// to. Where it takes nothing the datagram is lost, as it would be without an agent.
    pub(super) fn ask<D: OriginalDestination>(
        &self,
        shared: &Shared<D, S>,
        ends: Accepted,
        datagram: &[u8],
        now: Instant,
    ) {
        let mut sent = SockRef::from(&self.upstream).send(datagram);
        if let Err(error) = &sent
            && is_unreachable(error)
        {
            // It is about an earlier datagram: this one was not looked at.
            self.tell(shared, ends, error);
            sent = SockRef::from(&self.upstream).send(datagram);
        }
        let added = now.elapsed();
        self.read(shared, Side::ClientToServer, datagram, now, added);
        if let Err(error) = sent {
            shared.sink.lost(Side::ClientToServer);
            tracing::debug!(server = %self.info.server, %error, "a datagram could not be sent on");
        }
    }

    /// Hands the server's datagrams back to the client, until nothing more is to be expected or the flow is closed.
    pub(super) async fn hand_back<D: OriginalDestination>(
        &self,
        shared: &Shared<D, S>,
        socket: &UdpSocket,
        ends: Accepted,
    ) {
        // Looked at now and then, and not set anew with each datagram.
        let mut look = pin!(sleep(SETTLED));
        loop {
            tokio::select! {
                ready = self.upstream.ready(Interest::READABLE | Interest::ERROR) => {
                    match ready {
                        Ok(ready) if ready.is_error() => self.take_error(shared, ends),
                        Ok(_) => {}
                        Err(_runtime_ends) => return,
                    }
                    if self.take_turn(shared, socket, ends) == Turn::Used {
                        tokio::task::yield_now().await;
                    }
                }
                () = &mut look => {
                    let now = Instant::now();
                    self.with_listening(shared, |lookups, listening| lookups.give_up_old(listening, now));
                    match self.end() {
                        Some(end) if end > now => look.as_mut().reset(end.min(now + SETTLED).into()),
                        _ => return,
                    }
                }
                () = self.closed.notified() => return,
            }
        }
    }

    /// The socket was told of an error, and nothing is to be read with it.
    fn take_error<D: OriginalDestination>(&self, shared: &Shared<D, S>, ends: Accepted) {
        if let Ok(Some(error)) = self.upstream.take_error() {
            self.tell(shared, ends, &error);
        }
        // Nothing else makes the runtime forget it.
        let forget = || Err(io::Error::from(io::ErrorKind::WouldBlock));
        let _forgotten: io::Result<()> = self.upstream.try_io(Interest::ERROR, forget);
    }

    fn tell<D: OriginalDestination>(&self, shared: &Shared<D, S>, ends: Accepted, error: &io::Error) {
        tracing::debug!(server = %self.info.server, %error, "the server cannot be reached");
        self.fail(shared, Instant::now());
        shared.destinations.tell_unreachable(&ends, error);
    }

    fn take_turn<D: OriginalDestination>(&self, shared: &Shared<D, S>, socket: &UdpSocket, ends: Accepted) -> Turn {
        let mut scratch = shared.scratch.borrow_mut();
        for _ in 0..TURN {
            match self.upstream.try_recv(&mut scratch) {
                Ok(length) => {
                    let now = Instant::now();
                    let datagram = scratch.get(..length).unwrap_or_default();
                    let sent = SockRef::from(socket).send_to(datagram, &ends.peer.into());
                    let added = now.elapsed();
                    self.read(shared, Side::ServerToClient, datagram, now, added);
                    if let Err(error) = sent {
                        shared.sink.lost(Side::ServerToClient);
                        tracing::debug!(client = %ends.peer, %error, "a datagram could not be handed back");
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Turn::Drained,
                Err(error) => self.tell(shared, ends, &error),
            }
        }
        Turn::Used
    }

    /// Shows a datagram that was sent on to the reader.
    fn read<D>(&self, shared: &Shared<D, S>, side: Side, datagram: &[u8], now: Instant, added: Duration) {
        let Talk { lookups, sink_side, last, is_understood } = &mut *self.talk.borrow_mut();
        let Some(sink_side) = sink_side else { return };
        *last = now;
        let mut listening = Listening::new(&shared.sink, sink_side, &self.info, &shared.tools);
        let message = (datagram, datagram.len() as u64);
        let read = isolated(|| lookups.read(&mut listening, side, message, (now, now)));
        *is_understood &= read == Ok(true);
        if let Err(fault) = read {
            let tally = listening.tally(side);
            tally.unparsed += message.1.saturating_sub(tally.total());
            tally.reason = Some(fault);
        }
        listening.report();
        shared.sink.relayed(sink_side, side, added);
    }

    /// Ends all questions: the server cannot be reached.
    fn fail<D>(&self, shared: &Shared<D, S>, now: Instant) {
        let outcome = Outcome::Failed(FailureReason::ConnectFailed);
        self.with_listening(shared, |lookups, listening| lookups.end(listening, outcome, now));
    }

    fn with_listening<D>(&self, shared: &Shared<D, S>, act: impl FnOnce(&mut Lookups, &mut Listening<'_, S>)) {
        let Talk { lookups, sink_side, .. } = &mut *self.talk.borrow_mut();
        if let Some(sink_side) = sink_side {
            let mut listening = Listening::new(&shared.sink, sink_side, &self.info, &shared.tools);
            // A reader that fails at its end has nothing left to say.
            let _ended = isolated(|| act(lookups, &mut listening));
            listening.report();
        }
    }

    /// When it is to be looked whether the flow is over. None: it is closed.
    fn end(&self) -> Option<Instant> {
        let talk = self.talk.borrow();
        talk.sink_side.as_ref()?;
        let is_settled = talk.is_understood && talk.lookups.is_settled();
        let quiet = talk.last + if is_settled || !talk.lookups.is_empty() { SETTLED } else { UNSETTLED };
        Some(talk.lookups.oldest_ends().map_or(quiet, |oldest| oldest.max(quiet)))
    }

    /// Closes the flow, once.
    pub(super) fn close<D>(&self, shared: &Shared<D, S>) {
        let outcome = Outcome::Failed(FailureReason::AgentStopped);
        self.with_listening(shared, |lookups, listening| lookups.end(listening, outcome, Instant::now()));
        let sink_side = self.talk.borrow_mut().sink_side.take();
        if let Some(sink_side) = sink_side {
            // Whoever hears of the end must not find the flow among the open ones any more.
            shared.status.let_go();
            shared.sink.closed(sink_side, &ConnectionEnd { outcome: ConnectionOutcome::Silent });
            self.closed.notify_one();
        }
    }
}

fn upstream<D: OriginalDestination>(destinations: &D, info: &ConnectionInfo) -> io::Result<UdpSocket> {
    let any: SocketAddr =
        if info.server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let domain = socket2::Domain::for_address(any);
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM.nonblocking(), Some(socket2::Protocol::UDP))?;
    destinations.prepare_datagrams(socket.as_fd(), info)?;
    socket.connect(&info.server.into())?;
    UdpSocket::from_std(socket.into())
}

/// What a socket is told by ICMP.
fn is_unreachable(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable)
}
