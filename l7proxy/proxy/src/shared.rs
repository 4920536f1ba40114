//! What the connections of one worker share. All of it belongs to one thread.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Instant;

use flowfold_flow::FlowSink;

use crate::WorkerStatus;
use crate::clock::Clock;
use crate::dns::{Addresses, OpenLookups};
use crate::held::HeldRooms;
use crate::kafka::{AskedPool, Clusters, KafkaKnowledge, Topics};
use crate::pending::PendingPool;
use crate::wakers::Wakers;

/// The size of the buffer that reads go through. A read larger than a socket's usual burst costs nothing, and bulk
/// transfers need fewer system calls.
pub(crate) const SCRATCH_BYTES: usize = 64 * 1024;

pub(crate) struct Shared<D, S: FlowSink> {
    pub(crate) destinations: D,
    pub(crate) sink: S,
    pub(crate) status: Arc<WorkerStatus>,
    /// The one read buffer of the worker. A read is written on or copied out before the next one happens, so connections can
    /// share it, and an idle connection owns nothing.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    pub(crate) held: HeldRooms,
    pub(crate) tools: ReaderTools,
    pub(crate) wakers: Wakers,
    pub(crate) draining: Cell<bool>,
}

/// What the readers of protocols share.
#[derive(Debug)]
pub(crate) struct ReaderTools {
    pub(crate) clock: Clock,
    pub(crate) pending: PendingPool,
    pub(crate) kafka: AskedPool,
    pub(crate) topics: Topics,
    pub(crate) clusters: Clusters,
    pub(crate) lookups: OpenLookups,
    /// Room for the addresses of one answer.
    pub(crate) addresses: RefCell<Addresses>,
    /// When messages were last known to be missed that a reader should have seen. Of what relays bytes there are none.
    pub(crate) missed: Cell<Option<Instant>>,
}

impl ReaderTools {
    pub(crate) fn new(KafkaKnowledge { topic_names, clusters }: KafkaKnowledge) -> Self {
        Self {
            clock: Clock::new(),
            pending: PendingPool::default(),
            kafka: AskedPool::default(),
            topics: Topics::new(topic_names),
            clusters,
            lookups: OpenLookups::default(),
            addresses: RefCell::default(),
            missed: Cell::new(None),
        }
    }
}

impl<D, S: FlowSink> Shared<D, S> {
    pub(crate) fn new(destinations: D, sink: S, status: Arc<WorkerStatus>, kafka: KafkaKnowledge) -> Self {
        Self {
            destinations,
            sink,
            status,
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice()),
            held: HeldRooms::default(),
            tools: ReaderTools::new(kafka),
            wakers: Wakers::default(),
            draining: Cell::new(false),
        }
    }
}
