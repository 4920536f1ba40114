//! The cells of one label set.

use std::sync::Arc;

use flowfold_flow::{GrpcExchange, Side};

use crate::buckets::{self, HTTP_BOUNDS};
use crate::cell::{Cell, Histogram};
use crate::labels::Registered;

/// One worker's counts of one label set.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) registered: Arc<Registered>,
    histogram: Histogram<HTTP_BOUNDS>,
    /// In the families that count messages.
    messages: Option<Box<MessageCells>>,
}

/// Messages by side, and their bytes.
#[derive(Debug, Default)]
struct MessageCells {
    counts: [Cell; Side::ALL.len()],
    bytes: [Cell; Side::ALL.len()],
}

impl Series {
    pub(crate) fn new(registered: Arc<Registered>) -> Self {
        let messages = registered.labels.family.has_messages().then(Box::default);
        Self { registered, histogram: Histogram::default(), messages }
    }

    /// Adds a duration. To be called by the worker alone.
    #[inline]
    pub(crate) fn observe(&self, nanos: u64) {
        self.histogram.observe(&buckets::HTTP_NANOS, nanos);
    }

    /// Adds the messages of a call. To be called by the worker alone.
    #[inline]
    pub(crate) fn add_messages(&self, grpc: &GrpcExchange<'_>) {
        let Some(messages) = &self.messages else { return };
        for (side, sent) in [(Side::ClientToServer, grpc.request), (Side::ServerToClient, grpc.response)] {
            messages.counts[side as usize].add(sent.count);
            messages.bytes[side as usize].add(sent.bytes);
        }
    }
}

/// What the cells of a label set hold, summed over the workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// The values in each bucket, `+Inf` last.
    pub(crate) counts: [u64; HTTP_BOUNDS + 1],
    pub(crate) sum_nanos: f64,
    pub(crate) messages: [u64; Side::ALL.len()],
    pub(crate) message_bytes: [u64; Side::ALL.len()],
}

impl Reading {
    /// What these series hold together.
    pub(crate) fn of(series: &[Arc<Series>]) -> Self {
        let mut reading = Self::default();
        for series in series {
            reading.sum_nanos += series.histogram.add_to(&mut reading.counts);
            let Some(messages) = &series.messages else { continue };
            for side in Side::ALL {
                reading.messages[side as usize] += messages.counts[side as usize].get();
                reading.message_bytes[side as usize] += messages.bytes[side as usize].get();
            }
        }
        reading
    }

    /// How many exchanges were counted.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}
