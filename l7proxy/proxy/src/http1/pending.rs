//! A request whose exchange is open.

use std::cell::RefCell;
use std::time::Instant;

use flowfold_flow::{Exchange, FlowSink, HttpExchange, HttpVersion, KnownMethod, Operation, Outcome, UrlScheme};
use flowfold_wire::http1::{RequestHead, ResponseHead, ResponseTo, Version};

use crate::reader::Listening;

/// How much of a path is remembered until the answer comes. Route templates match whole segments at its front, and
/// longer paths are searches and signatures.
const PATH_BYTES: usize = 1024;

/// How much of an unknown method is remembered. Its metrics say `_OTHER`.
const METHOD_BYTES: usize = 32;

/// How many records a worker keeps for reuse. More are only needed by bursts of that many open exchanges.
const POOLED: usize = 512;

/// What is remembered of a request until its answer has ended. Owned by no connection between two exchanges: the
/// worker's [`PendingPool`] lends it, with the buffers it has grown.
#[derive(Debug)]
pub(crate) struct PendingHttp {
    known_method: Option<KnownMethod>,
    method: Vec<u8>,
    path: Vec<u8>,
    version: HttpVersion,
    started: Instant,
    status: Option<u16>,
    pub(super) response_to: ResponseTo,
    pub(super) request_bytes: u64,
    pub(super) request_whole: bool,
    /// When the final response began, as far as it is known to be the final one.
    pub(super) first_byte: Option<Instant>,
    /// When the final response ended.
    pub(super) answered_at: Option<Instant>,
    pub(super) response_bytes: u64,
    pub(super) tunnel: bool,
}

impl PendingHttp {
    fn new(started: Instant) -> Self {
        Self {
            known_method: None,
            method: Vec::new(),
            path: Vec::new(),
            version: HttpVersion::Http11,
            started,
            status: None,
            response_to: ResponseTo::Other,
            request_bytes: 0,
            request_whole: false,
            first_byte: None,
            answered_at: None,
            response_bytes: 0,
            tunnel: false,
        }
    }

    /// Takes up a request.
    pub(super) fn begin(&mut self, head: &RequestHead<'_>, started: Instant) {
        let (method, path) = (std::mem::take(&mut self.method), std::mem::take(&mut self.path));
        *self = Self {
            known_method: KnownMethod::from_wire(head.method),
            method: refilled(method, head.method, METHOD_BYTES),
            path: refilled(path, head.path, PATH_BYTES),
            version: version_of(head.version),
            response_to: head.response_to,
            ..Self::new(started)
        };
    }

    /// Takes up the head of the final response.
    pub(super) fn answer(&mut self, head: &ResponseHead<'_>) {
        self.status = Some(head.status);
        self.version = version_of(head.version);
    }

    /// Tells the sink of the exchange, once, and gives the record back to its pool. An answer that was seen to its end
    /// stays an answer, whatever happened to the connection afterwards.
    pub(super) fn finish<S: FlowSink>(
        self: Box<Self>,
        listening: &mut Listening<'_, S>,
        otherwise: Outcome,
        now: Instant,
    ) {
        let since_start = |at: Instant| at.saturating_duration_since(self.started);
        let tools = listening.tools;
        listening.exchange(&Exchange {
            connection: listening.info,
            operation: Operation::Http(HttpExchange {
                known_method: self.known_method,
                method: &self.method,
                path: &self.path,
                status: self.status,
                version: self.version,
                scheme: UrlScheme::Http,
                tunnel: self.tunnel,
            }),
            outcome: if self.answered_at.is_some() || self.tunnel { Outcome::Answered } else { otherwise },
            started: tools.clock.wall(self.started),
            // What was received last may have been an interim response: without a status there was no final one.
            time_to_first_byte: self.status.and(self.first_byte).map(since_start),
            duration: self.answered_at.map_or_else(|| since_start(now), since_start),
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            trace: None,
        });
        tools.pending_http.give_back(self);
    }
}

fn refilled(mut buffer: Vec<u8>, bytes: &[u8], limit: usize) -> Vec<u8> {
    buffer.clear();
    buffer.extend_from_slice(bytes.get(..limit).unwrap_or(bytes));
    buffer
}

fn version_of(version: Version) -> HttpVersion {
    match version {
        Version::Http10 => HttpVersion::Http10,
        Version::Http11 => HttpVersion::Http11,
    }
}

/// Records for reuse, so that an exchange in the steady state allocates nothing.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "a record keeps its place while it moves between the pool and the queues")]
pub(crate) struct PendingPool(RefCell<Vec<Box<PendingHttp>>>);

impl PendingPool {
    #[expect(clippy::unnecessary_box_returns, reason = "the box is what is reused")]
    pub(super) fn take(&self) -> Box<PendingHttp> {
        self.0.borrow_mut().pop().unwrap_or_else(|| Box::new(PendingHttp::new(Instant::now())))
    }

    fn give_back(&self, pending: Box<PendingHttp>) {
        let mut pool = self.0.borrow_mut();
        if pool.len() < POOLED {
            pool.push(pending);
        }
    }
}
