//! One scrape: what it shows, its body, and what it tells of itself to the next one.

use std::io::Write;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use flowfold_fold::names::{self, label};
use flowfold_fold::{Labels, Scalar, Snapshot};
use hyper::body::{Body, Frame};
use tokio::sync::OwnedSemaphorePermit;

use crate::limits::{COMPRESSED_PIECE, PIECE, SLICE};
use crate::{Encoder, Format, Source};

/// What scrapes tell of themselves. Each scrape shows what was known when it began.
#[derive(Debug, Default)]
pub(crate) struct ScrapeStats {
    /// How many were read to their end, in the order of [`Format::ALL`].
    finished: [AtomicU64; Format::ALL.len()],
    last: Mutex<Option<Finished>>,
}

/// A scrape that was read to its end.
#[derive(Clone, Copy, Debug)]
struct Finished {
    spent: Duration,
    bytes: u64,
}

impl ScrapeStats {
    fn finish(&self, format: Format, finished: Finished) {
        if let Some(place) = Format::ALL.iter().position(|other| *other == format) {
            self.finished[place].fetch_add(1, Ordering::Relaxed);
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(finished);
    }

    pub(crate) fn add_to(&self, snapshot: &mut Snapshot) {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let point = |value: f64| vec![Scalar::new(Labels::none(), value)];
        if let Some(Finished { spent, bytes }) = last {
            snapshot.push(&names::SCRAPE_DURATION, point(spent.as_secs_f64()));
            snapshot.push(&names::SCRAPE_SIZE, vec![Scalar::new(Labels::none(), bytes)]);
        }
        let counts = Format::ALL.iter().zip(&self.finished).map(|(format, count)| {
            Scalar::new(Labels::new([(label::FORMAT, format.as_label())]), count.load(Ordering::Relaxed))
        });
        snapshot.push(&names::SCRAPES, counts.collect());
    }
}

/// The body of a scrape: text that is made as it is read, so that a large scrape never lies in memory as a whole.
#[derive(Debug)]
pub(crate) struct ScrapeBody {
    encoder: Encoder<Snapshot>,
    gzip: Option<GzEncoder<Vec<u8>>>,
    format: Format,
    /// The next piece of text.
    text: Vec<u8>,
    bytes: u64,
    spent: Duration,
    is_over: bool,
    /// Whether the last thing done was to hand out a piece.
    is_sent: bool,
    source: Arc<Source>,
    /// The turn that this scrape has; the next one gets it when this is dropped.
    _turn: OwnedSemaphorePermit,
}

impl ScrapeBody {
    /// Takes a snapshot of everything and prepares to write it.
    pub(crate) fn new(
        source: &Arc<Source>,
        format: Format,
        gzip: bool,
        shows_created: bool,
        turn: OwnedSemaphorePermit,
    ) -> Self {
        let start = Instant::now();
        let snapshot = source.snapshot(format.detail());
        Self {
            encoder: Encoder::new(snapshot, format).with_created_lines(shows_created),
            // Most of the gain for the least time: the agent has more of the network than of the processor.
            gzip: gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast())),
            format,
            text: Vec::new(),
            bytes: 0,
            spent: start.elapsed(),
            is_over: false,
            is_sent: false,
            source: Arc::clone(source),
            _turn: turn,
        }
    }

    /// The next piece, or none at the end.
    fn next_piece(&mut self) -> std::io::Result<Option<Bytes>> {
        if self.is_over {
            return Ok(None);
        }
        let start = Instant::now();
        let piece = match self.gzip.take() {
            None => {
                // A piece may go beyond its length by one series.
                self.text.reserve(PIECE + PIECE / 4);
                while !self.is_over && self.text.len() < PIECE {
                    self.is_over = !self.write_slice();
                }
                mem::take(&mut self.text)
            }
            Some(mut gzip) => loop {
                let has_more = self.write_slice();
                gzip.write_all(&self.text)?;
                self.text.clear();
                if !has_more {
                    self.is_over = true;
                    break gzip.finish()?;
                }
                if gzip.get_ref().len() >= COMPRESSED_PIECE {
                    let piece = mem::take(gzip.get_mut());
                    self.gzip = Some(gzip);
                    break piece;
                }
            },
        };
        self.spent += start.elapsed();
        if self.is_over {
            self.source.scrapes().finish(self.format, Finished { spent: self.spent, bytes: self.bytes });
        }
        Ok((!piece.is_empty()).then(|| piece.into()))
    }

    /// Appends the next slice to the text, and lets others have the core. Returns whether there is more.
    fn write_slice(&mut self) -> bool {
        let before = self.text.len();
        let has_more = self.encoder.write(&mut self.text, before + SLICE);
        self.bytes += (self.text.len() - before) as u64;
        std::thread::yield_now();
        has_more
    }
}

impl Body for ScrapeBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        // After each piece the thread is offered to others: a probe must not wait for the end of a large scrape.
        if mem::take(&mut self.is_sent) && !self.is_over {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.is_sent = true;
        Poll::Ready(self.next_piece().transpose().map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}
