//! The series of one worker, and the list through which a scrape reads them.

use std::sync::{Arc, OnceLock};

use crate::buckets::{self, HTTP_BOUNDS};
use crate::cell::Histogram;
use crate::labels::Registered;

/// One worker's counts of one label set.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) registered: Arc<Registered>,
    pub(crate) histogram: Histogram<HTTP_BOUNDS>,
}

impl Series {
    pub(crate) fn new(registered: Arc<Registered>) -> Self {
        Self { registered, histogram: Histogram::default() }
    }

    /// Adds a duration. To be called by the worker alone.
    #[inline]
    pub(crate) fn observe(&self, nanos: u64) {
        self.histogram.observe(&buckets::HTTP_NANOS, nanos);
    }
}

/// The length of the first chunk of a list; each further chunk is as long as all before it.
const FIRST_CHUNK: usize = 64;

/// Enough chunks for two to the power of 32 series.
const CHUNKS: usize = 27;

/// A list that one worker appends to while any thread reads it. Neither ever waits for the other: a slot is written
/// once, and what has been written stays where it is.
#[derive(Debug, Default)]
pub(crate) struct SeriesList {
    chunks: [OnceLock<Box<[Slot]>>; CHUNKS],
}

type Slot = OnceLock<Arc<Series>>;

impl SeriesList {
    /// Puts the worker's `position`th series in its place. Returns whether the place was free.
    pub(crate) fn put(&self, position: usize, series: Arc<Series>) -> bool {
        let (chunk, start, length) = place(position);
        let Some(chunk) = self.chunks.get(chunk) else { return false };
        let slots = chunk.get_or_init(|| std::iter::repeat_with(OnceLock::new).take(length).collect());
        slots.get(position - start).is_some_and(|slot| slot.set(series).is_ok())
    }

    /// The series that the worker has put so far.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Series>> {
        self.chunks.iter().map_while(OnceLock::get).flatten().map_while(OnceLock::get)
    }
}

/// The chunk of a position, with the position of its first slot and its length.
fn place(position: usize) -> (usize, usize, usize) {
    let ordinal = position / FIRST_CHUNK;
    if ordinal == 0 {
        return (0, 0, FIRST_CHUNK);
    }
    let power = ordinal.ilog2();
    let start = FIRST_CHUNK << power;
    (power as usize + 1, start, start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_each_other_without_a_gap() {
        let mut expected = 0;
        for chunk in 0..8 {
            let (at, start, length) = place(expected);
            assert_eq!((at, start), (chunk, expected));
            assert_eq!(place(start + length - 1), (chunk, start, length));
            expected = start + length;
        }
    }
}
