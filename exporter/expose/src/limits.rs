//! What a scraper may take of the agent, at most.

use std::time::Duration;

/// How much text is made at a time.
pub(crate) const PIECE: usize = 64 * 1024;

/// How much of it is made, or compressed, before the processor is offered to others. A scheduler lets a thread go on for
/// milliseconds before it gives the core to one that has just got a request to relay.
pub(crate) const SLICE: usize = 8 * 1024;

/// How much compressed text is sent at a time.
pub(crate) const COMPRESSED_PIECE: usize = 16 * 1024;

/// The most bytes of a request's head.
pub(crate) const HEAD_BYTES: usize = 16 * 1024;

/// The pause after an error of `accept`, which most often means that there are no descriptors left.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The limits that a test may want tighter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections that are served at a time. The next one waits in the socket's backlog.
    pub(crate) connections: usize,
    /// Scrapes that are rendered at a time. Each holds a snapshot of the store until it is read to its end.
    pub(crate) scrapes: usize,
    /// How long a scrape waits for its turn before it is told to come back later.
    pub(crate) turn: Duration,
    /// How long a connection may take to send a request's head.
    pub(crate) head: Duration,
    /// How long a connection lives after its last request began. A scraper that reads slower than this does not get to
    /// the end: it would hold a snapshot for as long as it likes.
    pub(crate) request: Duration,
    /// How long answers under way may take when the server stops.
    pub(crate) stop: Duration,
}

impl Limits {
    /// The limits of a running agent.
    pub(crate) const NORMAL: Self = Self {
        connections: 64,
        scrapes: 4,
        turn: Duration::from_secs(5),
        head: Duration::from_secs(10),
        request: Duration::from_secs(30),
        stop: Duration::from_secs(2),
    };
}
