//! The cells of one label set.

mod reading;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::time::Duration;

use flowfold_flow::{GrpcExchange, KafkaRecords, KafkaTransfer, Side, TraceContext};

pub(crate) use reading::{Reading, SeriesCopy, keep_latest};

use crate::buckets::{self, HTTP_BOUNDS};
use crate::budget::Budget;
use crate::cell::{CARRIES_BYTES, CHUNK_BYTES, Cell, ExemplarCells, ExponentialCells, Histogram, Place};
use crate::labels::Registered;

/// How many classic buckets a series has.
pub(crate) const BUCKETS: usize = HTTP_BOUNDS + 1;

/// One worker's counts of one label set.
///
/// The worker makes `version` odd while it writes. A reader that sees the same even version before and after has read
/// cells of one moment; so it sees the same number of values in the classic and in the exponential buckets, and no
/// exemplar that is half one and half another. The worker waits for nobody.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) registered: Arc<Registered>,
    version: AtomicU32,
    /// It was given up: whoever finds it looks for another.
    retired: AtomicBool,
    /// The worker that writes it.
    worker: u32,
    histogram: Histogram<HTTP_BOUNDS>,
    exponential: ExponentialCells,
    exemplars: ExemplarCells<BUCKETS>,
    /// In the families that count messages.
    messages: Option<Box<MessageCells>>,
}

/// Messages by the side that sent them, and their bytes. Records are messages here.
#[derive(Debug, Default)]
struct MessageCells {
    counts: [Cell; Side::ALL.len()],
    bytes: [Cell; Side::ALL.len()],
}

/// What an exchange adds to a series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    nanos: u64,
    /// Found once, however many series it is added to.
    place: Place,
    /// The trace that it belongs to, if its spans are kept, and when it was over in nanoseconds since 1970.
    trace: Option<(&'a TraceContext, u64)>,
    /// The call whose messages count here.
    call: Option<&'a GrpcExchange<'a>>,
    /// The records that count here, and which way they went.
    records: Option<(KafkaTransfer, KafkaRecords)>,
}

impl<'a> Record<'a> {
    /// A time and nothing else.
    #[inline]
    pub(crate) fn of(time: Duration) -> Self {
        let nanos = buckets::nanos(time);
        Self { nanos, place: Place::of(nanos), trace: None, call: None, records: None }
    }

    /// The same, of an exchange that belongs to this trace.
    #[inline]
    pub(crate) fn with_trace(self, trace: Option<(&'a TraceContext, u64)>) -> Self {
        Self { trace, ..self }
    }

    /// The same, of a call whose messages count, too.
    #[inline]
    pub(crate) fn with_call(self, call: &'a GrpcExchange<'a>) -> Self {
        Self { call: Some(call), ..self }
    }

    /// The same, with records that went this way.
    #[inline]
    pub(crate) fn with_records(self, transfer: KafkaTransfer, records: KafkaRecords) -> Self {
        Self { records: Some((transfer, records)), ..self }
    }
}

impl Series {
    pub(crate) fn new(registered: Arc<Registered>, worker: usize) -> Self {
        let messages = registered.labels.family.has_messages().then(Box::default);
        // What takes the exchanges of all others gets busy.
        let is_overflow = registered.labels.is_overflow();
        let exponential = if is_overflow { ExponentialCells::busy() } else { ExponentialCells::default() };
        Self {
            registered,
            version: AtomicU32::new(0),
            retired: AtomicBool::new(false),
            worker: u32::try_from(worker).unwrap_or(u32::MAX),
            histogram: Histogram::default(),
            exponential,
            exemplars: ExemplarCells::default(),
            messages,
        }
    }

    /// The memory that a series of this label set has from its start.
    pub(crate) fn bytes(registered: &Registered) -> usize {
        let messages = if registered.labels.family.has_messages() {
            size_of::<MessageCells>() + Budget::PER_ALLOCATION
        } else {
            0
        };
        // The handles are in the registry's list and in the worker's table.
        let handles = 4 * size_of::<usize>();
        let carries = if registered.labels.is_overflow() { CARRIES_BYTES } else { 0 };
        size_of::<Self>() + Budget::PER_ALLOCATION + CHUNK_BYTES + carries + messages + handles
    }

    /// Gives it up. What its worker still writes is read nevertheless.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    /// The worker that writes it.
    pub(crate) fn worker(&self) -> usize {
        usize::try_from(self.worker).unwrap_or(usize::MAX)
    }

    /// The memory that it has taken since.
    pub(crate) fn bytes_taken(&self) -> usize {
        self.exponential.bytes_taken() + self.exemplars.bytes_taken()
    }

    /// Adds an exchange. To be called by the worker alone.
    #[inline]
    pub(crate) fn record(&self, record: &Record<'_>, budget: &Budget) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        // No write below is seen before this one.
        fence(Ordering::Release);
        let place = record.place;
        self.histogram.observe_in(place.classic, record.nanos);
        self.exponential.observe(record.nanos, place, budget);
        if let Some((trace, at)) = record.trace {
            self.exemplars.set(place.classic, record.nanos, trace, at, budget);
        }
        if let Some(messages) = &self.messages {
            messages.add(record);
        }
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }
}

impl MessageCells {
    #[inline]
    fn add(&self, record: &Record<'_>) {
        if let Some(call) = record.call {
            for (side, sent) in [(Side::ClientToServer, call.request), (Side::ServerToClient, call.response)] {
                self.counts[side as usize].add(sent.count);
                self.bytes[side as usize].add(sent.bytes);
            }
        }
        if let Some((transfer, records)) = record.records {
            let side = match transfer {
                KafkaTransfer::Produce => Side::ClientToServer,
                KafkaTransfer::Fetch => Side::ServerToClient,
            };
            self.counts[side as usize].add(records.count);
            self.bytes[side as usize].add(records.bytes);
        }
    }
}
