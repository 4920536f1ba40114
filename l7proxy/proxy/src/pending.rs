//! A request whose exchange is open.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use flowfold_flow::{
    Exchange, FlowSink, HttpExchange, HttpVersion, KnownMethod, Operation, Outcome, TraceContext, UrlScheme,
};
use flowfold_wire::trace::TraceParent;

use crate::call::Call;
use crate::reader::Listening;

/// How much of a path is remembered until the answer comes. Route templates match whole segments at its front, and
/// longer paths are searches and signatures.
const PATH_BYTES: usize = 1024;

/// How much of an unknown method is remembered. Its metrics say `_OTHER`.
const METHOD_BYTES: usize = 32;

/// How many records a worker keeps for reuse. More are only needed by bursts of that many open exchanges.
const POOLED: usize = 512;

/// How many exchanges may be open at once on one worker. A hostile client can open thousands on each of its connections;
/// with the limit on paths this bounds what all of them together make the worker remember, at some 100 MB.
const MAX_OPEN: usize = 65_536;

/// What is remembered of a request until its answer has ended. Owned by no connection between two exchanges: the
/// worker's [`PendingPool`] lends it, with the buffers it has grown.
#[derive(Debug)]
pub(crate) struct Pending {
    known_method: Option<KnownMethod>,
    method: Vec<u8>,
    path: Vec<u8>,
    scheme: UrlScheme,
    trace: Option<TraceContext>,
    pub(crate) version: HttpVersion,
    pub(crate) started: Instant,
    /// The status code of the final response.
    pub(crate) status: Option<u16>,
    pub(crate) request_bytes: u64,
    pub(crate) request_whole: bool,
    /// When the final response began, as far as it is known to be the final one.
    pub(crate) first_byte: Option<Instant>,
    /// When the final response ended.
    pub(crate) answered_at: Option<Instant>,
    pub(crate) response_bytes: u64,
    pub(crate) tunnel: bool,
    /// What is followed of it where it is a gRPC call.
    pub(crate) call: Option<Call>,
    lent: Option<Lent>,
}

/// What a head says of a request, whatever the version of HTTP.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) path: &'a [u8],
    pub(crate) version: HttpVersion,
    pub(crate) scheme: UrlScheme,
    pub(crate) trace: Option<TraceParent>,
    pub(crate) call: Option<Call>,
}

impl Pending {
    fn new(started: Instant) -> Self {
        Self {
            known_method: None,
            method: Vec::new(),
            path: Vec::new(),
            scheme: UrlScheme::Http,
            trace: None,
            version: HttpVersion::Http11,
            started,
            status: None,
            request_bytes: 0,
            request_whole: false,
            first_byte: None,
            answered_at: None,
            response_bytes: 0,
            tunnel: false,
            call: None,
            lent: None,
        }
    }

    /// Takes up a request.
    pub(crate) fn begin(&mut self, request: Request<'_>, started: Instant) {
        let (method, path) = (std::mem::take(&mut self.method), std::mem::take(&mut self.path));
        let lent = self.lent.take();
        *self = Self {
            known_method: KnownMethod::from_wire(request.method),
            method: refilled(method, request.method, METHOD_BYTES),
            path: refilled(path, request.path, PATH_BYTES),
            version: request.version,
            scheme: request.scheme,
            trace: request.trace.map(trace_context),
            call: request.call,
            lent,
            ..Self::new(started)
        };
    }

    /// Whether the request is a CONNECT, which a 2xx answer turns into a tunnel.
    pub(crate) fn is_connect(&self) -> bool {
        self.known_method == Some(KnownMethod::Connect)
    }

    /// Tells the sink of the exchange, once, and gives the record back to its pool. An answer that was seen to its end
    /// stays an answer, whatever happened to the connection afterwards.
    pub(crate) fn finish<S: FlowSink>(
        self: Box<Self>,
        listening: &mut Listening<'_, S>,
        otherwise: Outcome,
        now: Instant,
    ) {
        let since_start = |at: Instant| at.saturating_duration_since(self.started);
        let tools = listening.tools;
        let outcome = if self.answered_at.is_some() || self.tunnel { Outcome::Answered } else { otherwise };
        let operation = match &self.call {
            Some(call) => Operation::Grpc(call.exchange(&self, outcome)),
            None => Operation::Http(HttpExchange {
                known_method: self.known_method,
                method: &self.method,
                path: &self.path,
                status: self.status,
                version: self.version,
                scheme: self.scheme,
                tunnel: self.tunnel,
            }),
        };
        listening.exchange(&Exchange {
            connection: listening.info,
            operation,
            outcome,
            started: tools.clock.wall(self.started),
            // What was received last may have been an interim response: without a status there was no final one.
            time_to_first_byte: self.status.and(self.first_byte).map(since_start),
            duration: self.answered_at.map_or_else(|| since_start(now), since_start),
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            trace: self.trace,
        });
        tools.pending.give_back(self);
    }

    /// The path of the request, and its scheme: what a call is told with.
    pub(crate) fn target(&self) -> (&[u8], UrlScheme) {
        (&self.path, self.scheme)
    }
}

fn refilled(mut buffer: Vec<u8>, bytes: &[u8], limit: usize) -> Vec<u8> {
    buffer.clear();
    buffer.extend_from_slice(bytes.get(..limit).unwrap_or(bytes));
    buffer
}

fn trace_context(parent: TraceParent) -> TraceContext {
    TraceContext { trace_id: parent.trace_id, parent_span_id: parent.span_id, sampled: parent.sampled }
}

/// Records for reuse, so that an exchange in the steady state allocates nothing.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "a record keeps its place while it moves between the pool and the queues")]
pub(crate) struct PendingPool {
    free: RefCell<Vec<Box<Pending>>>,
    open: Rc<Cell<usize>>,
}

/// Counts a record as open until it is dropped, which a record does that is lost with a reader that panicked.
#[derive(Debug)]
struct Lent(Rc<Cell<usize>>);

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl PendingPool {
    /// A record to begin, unless the connection holds as many already as are left for all.
    ///
    /// However many a few connections hold, the others find some: it is those few that run into the limit, and what they
    /// held is free again then.
    pub(crate) fn take(&self, held: usize) -> Option<Box<Pending>> {
        let open = self.open.get();
        if held >= MAX_OPEN.saturating_sub(open) {
            return None;
        }
        self.open.set(open + 1);
        let mut pending = self.free.borrow_mut().pop().unwrap_or_else(|| Box::new(Pending::new(Instant::now())));
        pending.lent = Some(Lent(Rc::clone(&self.open)));
        Some(pending)
    }

    fn give_back(&self, mut pending: Box<Pending>) {
        pending.lent = None;
        let mut free = self.free.borrow_mut();
        if free.len() < POOLED {
            free.push(pending);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_lent_as_may_be_open() {
        let pool = PendingPool::default();
        let mut lent: Vec<_> = std::iter::from_fn(|| pool.take(0)).collect();
        assert_eq!(lent.len(), MAX_OPEN);
        // One is given back, and one is lost.
        pool.give_back(lent.pop().expect("many were lent"));
        drop(lent.pop());
        assert!(pool.take(0).is_some_and(|one| pool.take(0).is_some_and(|other| {
            drop((one, other));
            true
        })));
        drop(lent);
        assert_eq!(pool.open.get(), 0);
    }

    #[test]
    fn connections_that_hold_many_leave_some_to_the_others() {
        let pool = PendingPool::default();
        let mut connections: [Vec<Box<Pending>>; 7] = std::array::from_fn(|_| Vec::new());
        for _ in 0..MAX_OPEN {
            for held in &mut connections {
                held.extend(pool.take(held.len()));
            }
        }
        let left = MAX_OPEN - pool.open.get();
        assert!(connections.iter().all(|held| held.len() >= left) && left > MAX_OPEN / 10, "{left} are left");
        assert!(pool.take(0).is_some());
    }
}
