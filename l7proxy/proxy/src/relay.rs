//! The two-way copy: bytes first, then the tap. Of the connections that have something to read, all are read before any is
//! written to.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use flowfold_flow::{ConnectionOutcome, FlowSink, Side};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::connection::Connection;
use crate::held::{HELD_BYTES, Held};
use crate::shared::{SCRATCH_BYTES, Shared};
use crate::tap::Tap;

/// How often the sending side of a direction that is held up by its receiving side is asked whether it still lives.
/// It isn't read meanwhile, so nothing else would tell that it reset the connection.
const STALL_CHECK: Duration = Duration::from_secs(1);

/// How long the reading along of one direction should take before the other connections of the worker have their turn. A
/// client that sends thousands of exchanges in each read must not make them wait for all of these.
const TURN: Duration = Duration::from_micros(100);

/// How often a turn may be halved. Smaller pieces than these would cost more in system calls than they save in waiting.
const MOST_HALVINGS: u8 = 4;

/// The least that a turn copies. Reading along fewer bytes is never timed.
const LEAST_TURN_BYTES: usize = SCRATCH_BYTES >> MOST_HALVINGS;
const _: () = assert!(HELD_BYTES <= LEAST_TURN_BYTES, "what was held is not timed");

/// Copies both ways until both directions are finished, or one side resets the connection.
pub(crate) async fn run<D, S: FlowSink>(connection: &mut Connection<'_, D, S>, server: TcpStream) -> ConnectionOutcome {
    let shared = connection.shared;
    let server = connection.server.insert(server);
    let (client, tap) = (&mut connection.client, &mut connection.tap);
    let mut to_server = Half::new(Side::ClientToServer);
    let mut to_client = Half::new(Side::ServerToClient);
    let mut place = WakerPlace { shared, place: None };
    poll_fn(|context| {
        place.keep(context);
        let first = to_server.poll(context, client, server, tap, shared);
        let second = to_client.poll(context, server, client, tap, shared);
        match (first, second) {
            // A side whose socket failed takes the other with it; what the failed one was still owed is lost anyway.
            (Poll::Ready(Ended::SourceReset), _) => Poll::Ready(ConnectionOutcome::ClientReset),
            (_, Poll::Ready(Ended::SourceReset)) | (Poll::Ready(Ended::SinkReset), Poll::Ready(_)) => {
                Poll::Ready(ConnectionOutcome::ServerReset)
            }
            (Poll::Ready(_), Poll::Ready(Ended::SinkReset)) => Poll::Ready(ConnectionOutcome::ClientReset),
            (Poll::Ready(Ended::InOrder), Poll::Ready(Ended::InOrder)) => Poll::Ready(ConnectionOutcome::Closed),
            // The client is gone, and what it sent before waits for a server that takes nothing. Reading would tell, but
            // the stalled direction doesn't read, and the failed write has taken the error off the socket.
            (Poll::Pending, Poll::Ready(Ended::SinkReset)) if to_server.is_stalled() => {
                Poll::Ready(ConnectionOutcome::ClientReset)
            }
            (Poll::Ready(Ended::SinkReset), Poll::Pending) if to_client.is_stalled() => {
                Poll::Ready(ConnectionOutcome::ServerReset)
            }
            // Between two exchanges of a keep-alive connection is where a draining proxy may close it.
            _ if shared.draining.get() && to_server.is_waiting() && to_client.is_waiting() && tap.is_between() => {
                Poll::Ready(ConnectionOutcome::Closed)
            }
            _ => Poll::Pending,
        }
    })
    .await
}

/// Keeps the task's waker where a drain finds it.
struct WakerPlace<'a, D, S: FlowSink> {
    shared: &'a Shared<D, S>,
    place: Option<usize>,
}

impl<D, S: FlowSink> WakerPlace<'_, D, S> {
    fn keep(&mut self, context: &Context<'_>) {
        if self.place.is_none() {
            self.place = Some(self.shared.wakers.insert(context.waker().clone()));
        }
    }
}

impl<D, S: FlowSink> Drop for WakerPlace<'_, D, S> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.shared.wakers.remove(place);
        }
    }
}

/// How a direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// The source sent its last byte, and the sink has been told so.
    InOrder,
    /// Reading failed: the source reset the connection.
    SourceReset,
    /// Writing failed: the sink takes no more. What it sent before may still be readable.
    SinkReset,
}

/// One direction of the copy.
struct Half {
    side: Side,
    /// How often the bytes of a turn were halved, so that reading them along takes about [`TURN`].
    halvings: u8,
    state: State,
}

enum State {
    Reading,
    /// What was read is written once the other connections that have something to read have had their turn.
    Held(Held),
    /// The sink took only a part at once. Boxed, since this is rare and an idle connection must be small.
    Stalled(Box<Remainder>),
    /// The source is finished; the sink has yet to be told.
    Finishing,
    Ended(Ended),
}

/// What the sink has not taken yet. The tap has seen it already.
struct Remainder {
    bytes: Vec<u8>,
    written: usize,
    read_at: Instant,
    check: Pin<Box<Sleep>>,
}

impl Half {
    fn new(side: Side) -> Self {
        Self { side, halvings: 0, state: State::Reading }
    }

    /// Nothing of this direction is under way.
    fn is_waiting(&self) -> bool {
        matches!(self.state, State::Reading | State::Ended(Ended::InOrder))
    }

    /// The sink has yet to take what was read.
    fn is_stalled(&self) -> bool {
        matches!(self.state, State::Stalled(_))
    }

    fn poll<D, S: FlowSink>(
        &mut self,
        context: &mut Context<'_>,
        source: &mut TcpStream,
        sink: &mut TcpStream,
        tap: &mut Tap<S>,
        shared: &Shared<D, S>,
    ) -> Poll<Ended> {
        let mut copied = 0;
        loop {
            let turn_bytes = SCRATCH_BYTES >> self.halvings;
            self.state = match &mut self.state {
                State::Reading if copied >= turn_bytes => {
                    come_after_a_look(context);
                    return Poll::Pending;
                }
                State::Reading => {
                    let next = ready!(self.poll_copy(context, source, sink, tap, shared, &mut copied));
                    if let State::Held(_) = next {
                        self.state = next;
                        self.come_again(context);
                        return Poll::Pending;
                    }
                    next
                }
                State::Held(held) => write_held(self.side, context, source, sink, tap, shared, held),
                State::Stalled(remainder) => match ready!(remainder.poll(context, source, sink)) {
                    Flushed::All => {
                        tap.relayed(&shared.sink, self.side, remainder.read_at.elapsed());
                        State::Reading
                    }
                    Flushed::SinkFailed => State::Ended(Ended::SinkReset),
                    Flushed::SourceFailed => State::Ended(Ended::SourceReset),
                },
                State::Finishing => {
                    // A sink that is no longer connected needs no telling.
                    let _told = ready!(Pin::new(&mut *sink).poll_shutdown(context));
                    State::Ended(Ended::InOrder)
                }
                State::Ended(ended) => return Poll::Ready(*ended),
            };
        }
    }

    /// Has the task come again once the other connections that are ready have been read.
    fn come_again(&self, context: &mut Context<'_>) {
        match self.side {
            Side::ClientToServer => context.waker().wake_by_ref(),
            // Many servers write the head of an answer and then its body: a look costs less than to hand both on one after the
            // other.
            Side::ServerToClient => come_after_a_look(context),
        }
    }

    /// Reads once. A short read is put aside: written between the reads of other connections, it would wake its receiver for
    /// itself alone, who on a busy core would run at once, and find nothing more. Anything else is handed on at once.
    fn poll_copy<D, S: FlowSink>(
        &mut self,
        context: &mut Context<'_>,
        source: &mut TcpStream,
        sink: &mut TcpStream,
        tap: &mut Tap<S>,
        shared: &Shared<D, S>,
        copied: &mut usize,
    ) -> Poll<State> {
        let mut scratch = shared.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(scratch.get_mut(..SCRATCH_BYTES >> self.halvings).unwrap_or_default());
        // Whatever error a connected TCP socket gives, from ECONNRESET to a time-out of its probes, the other side is told
        // by a reset.
        if let Err(error) = ready!(Pin::new(source).poll_read(context, &mut buffer)) {
            tracing::trace!(%error, "reading ended");
            return Poll::Ready(State::Ended(Ended::SourceReset));
        }
        let bytes = buffer.filled();
        *copied += bytes.len();
        let read_at = Instant::now();
        if bytes.is_empty() {
            tap.end_of_stream(shared, self.side, read_at);
            return Poll::Ready(State::Finishing);
        }
        if let Some(held) = shared.held.hold(bytes, read_at) {
            return Poll::Ready(State::Held(held));
        }
        let next = write(self.side, context, sink, tap, shared, (bytes, read_at));
        if bytes.len() < LEAST_TURN_BYTES {
            tap.show(shared, self.side, bytes, read_at);
        } else {
            let start = Instant::now();
            tap.show(shared, self.side, bytes, read_at);
            self.fit_turn(start.elapsed());
        }
        Poll::Ready(next)
    }

    /// Makes the next turn shorter or longer by what the reading along of this one took.
    fn fit_turn(&mut self, took: Duration) {
        if took > TURN {
            self.halvings = (self.halvings + 1).min(MOST_HALVINGS);
        } else if took < TURN / 4 {
            self.halvings = self.halvings.saturating_sub(1);
        }
    }
}

/// Has the task come again once the runtime has looked for what else is ready.
fn come_after_a_look(context: &mut Context<'_>) {
    let turn = pin!(tokio::task::yield_now());
    // It is ready at the second look at the earliest.
    let _pending: Poll<()> = turn.poll(context);
}

/// Writes what was put aside, and what has come since.
fn write_held<D, S: FlowSink>(
    side: Side,
    context: &mut Context<'_>,
    source: &mut TcpStream,
    sink: &mut TcpStream,
    tap: &mut Tap<S>,
    shared: &Shared<D, S>,
    held: &mut Held,
) -> State {
    let first = held.bytes().len();
    let more = held.read_more(|buffer| Pin::new(source).poll_read(context, buffer));
    let more_at = if matches!(more, Ok(0)) { held.read_at } else { Instant::now() };
    let next = write(side, context, sink, tap, shared, (held.bytes(), held.read_at));
    let (first, rest) = held.bytes().split_at_checked(first).unwrap_or_default();
    tap.show(shared, side, first, held.read_at);
    if !rest.is_empty() {
        tap.show(shared, side, rest, more_at);
    }
    match more {
        Ok(_) => next,
        Err(error) => {
            tracing::trace!(%error, "reading ended");
            State::Ended(Ended::SourceReset)
        }
    }
}

/// Writes what was read then. Whatever the sink does not take at once is kept.
fn write<D, S: FlowSink>(
    side: Side,
    context: &mut Context<'_>,
    sink: &mut TcpStream,
    tap: &mut Tap<S>,
    shared: &Shared<D, S>,
    (bytes, read_at): (&[u8], Instant),
) -> State {
    match Pin::new(sink).poll_write(context, bytes) {
        Poll::Ready(Ok(count)) if count == bytes.len() => {
            tap.relayed(&shared.sink, side, read_at.elapsed());
            State::Reading
        }
        Poll::Ready(Ok(count)) => {
            State::Stalled(Box::new(Remainder::new(bytes.get(count..).unwrap_or_default(), read_at)))
        }
        Poll::Pending => State::Stalled(Box::new(Remainder::new(bytes, read_at))),
        Poll::Ready(Err(_)) => State::Ended(Ended::SinkReset),
    }
}

enum Flushed {
    All,
    SinkFailed,
    SourceFailed,
}

impl Remainder {
    fn new(bytes: &[u8], read_at: Instant) -> Self {
        let check = Box::pin(tokio::time::sleep(STALL_CHECK));
        Self { bytes: bytes.to_vec(), written: 0, read_at, check }
    }

    fn poll(&mut self, context: &mut Context<'_>, source: &TcpStream, sink: &mut TcpStream) -> Poll<Flushed> {
        while let Some(rest) = self.bytes.get(self.written..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut *sink).poll_write(context, rest) {
                Poll::Ready(Ok(count)) => self.written = self.written.saturating_add(count),
                Poll::Ready(Err(_)) => return Poll::Ready(Flushed::SinkFailed),
                Poll::Pending => {
                    ready!(self.check.as_mut().poll(context));
                    if matches!(SockRef::from(source).take_error(), Ok(Some(_)) | Err(_)) {
                        return Poll::Ready(Flushed::SourceFailed);
                    }
                    self.check.as_mut().reset(tokio::time::Instant::now() + STALL_CHECK);
                }
            }
        }
        Poll::Ready(Flushed::All)
    }
}
