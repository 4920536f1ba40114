//! An exponential histogram that one worker adds to: memory for the buckets that are used, and no allocation once they
//! are.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

use super::{Cell, Place};
use crate::budget::Budget;
use crate::snapshot::{Exponential, MAX_BUCKETS, MAX_SCALE};

/// How many buckets come into being at once.
const CHUNK: usize = 32;
const CHUNKS: usize = MAX_BUCKETS / CHUNK;

/// The memory of all chunks, which is set aside for a series from its start.
pub(crate) const CHUNK_BYTES: usize = CHUNKS * (size_of::<Chunk>() + Budget::PER_ALLOCATION);

/// The memory of what busy buckets carry.
pub(crate) const CARRIES_BYTES: usize = size_of::<Carries>() + Budget::PER_ALLOCATION;

/// What makes every index positive.
const BIAS: i16 = 320;

/// Counts of few digits: what a bucket has beyond 65,535 is carried.
type Chunk = [AtomicU16; CHUNK];

/// An exponential histogram of durations that one thread adds to. It starts at [`MAX_SCALE`], and becomes coarser by
/// itself when its values lie too far apart. To be read under the lock of its series only, which tells whether the
/// buckets have moved meanwhile.
#[derive(Debug)]
pub(crate) struct ExponentialCells {
    /// A [`Layout`], packed.
    layout: AtomicU64,
    zero: Cell,
    /// The bucket of index `i` has the slot `i` modulo [`MAX_BUCKETS`], so that it keeps it when others are added.
    chunks: [OnceLock<Box<Chunk>>; CHUNKS],
    /// What each slot has beyond its 16 bits, in units of 65,536. It comes into being with the first busy bucket.
    carries: OnceLock<Box<Carries>>,
}

type Carries = [AtomicU32; MAX_BUCKETS];

fn new_carries() -> Box<Carries> {
    Box::new(std::array::from_fn(|_| AtomicU32::default()))
}

impl Default for ExponentialCells {
    fn default() -> Self {
        Self {
            layout: AtomicU64::new(Layout::EMPTY.pack()),
            zero: Cell::default(),
            chunks: Default::default(),
            carries: OnceLock::new(),
        }
    }
}

/// Which buckets there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    scale: i8,
    /// The indexes of the first and the last bucket that has been used.
    low: i16,
    high: i16,
}

impl Layout {
    const EMPTY: Self = Self { scale: MAX_SCALE, low: 1, high: 0 };

    const fn pack(self) -> u64 {
        let [scale] = self.scale.to_le_bytes();
        let ([a, b], [c, d]) = (self.low.to_le_bytes(), self.high.to_le_bytes());
        u64::from_le_bytes([a, b, c, d, scale, 0, 0, 0])
    }

    const fn unpack(packed: u64) -> Self {
        let [a, b, c, d, scale, ..] = packed.to_le_bytes();
        Self { scale: i8::from_le_bytes([scale]), low: i16::from_le_bytes([a, b]), high: i16::from_le_bytes([c, d]) }
    }

    fn is_empty(self) -> bool {
        self.low > self.high
    }

    fn has(self, index: i16) -> bool {
        self.low <= index && index <= self.high
    }

    /// With one more bucket, and so coarse that there are not too many.
    fn with(self, index: i16) -> Self {
        let (mut low, mut high, mut scale) = (self.low.min(index), self.high.max(index), self.scale);
        if self.is_empty() {
            (low, high) = (index, index);
        }
        while usize::from(high.abs_diff(low)) >= MAX_BUCKETS {
            (low, high, scale) = (low >> 1, high >> 1, scale - 1);
        }
        Self { scale, low, high }
    }

    fn indexes(self) -> impl Iterator<Item = i16> {
        self.low..=self.high
    }
}

impl ExponentialCells {
    /// Cells with room for all that busy buckets carry.
    pub(crate) fn busy() -> Self {
        Self { carries: OnceLock::from(new_carries()), ..Self::default() }
    }

    /// Adds a value. To be called by the one writer alone.
    #[inline]
    pub(crate) fn observe(&self, nanos: u64, place: Place, budget: &Budget) {
        if nanos == 0 {
            self.zero.add(1);
            return;
        }
        let layout = Layout::unpack(self.layout.load(Ordering::Relaxed));
        let mut bucket = place.finest >> (Layout::EMPTY.scale - layout.scale);
        if !layout.has(bucket) {
            bucket = self.make_room(layout, bucket, budget);
        }
        self.add(slot(bucket), 1, budget);
    }

    /// Makes a bucket one of those that there are. Returns its index, which is another one at a coarser scale.
    #[cold]
    fn make_room(&self, layout: Layout, bucket: i16, budget: &Budget) -> i16 {
        let wider = layout.with(bucket);
        let coarser = layout.scale - wider.scale;
        if coarser > 0 {
            let mut counts = [0; MAX_BUCKETS];
            for (index, count) in layout.indexes().zip(&mut counts) {
                *count = self.count(slot(index));
                self.set(slot(index), 0, budget);
            }
            for (index, count) in layout.indexes().zip(counts).filter(|(_, count)| *count > 0) {
                self.add(slot(index >> coarser), count, budget);
            }
        }
        self.layout.store(wider.pack(), Ordering::Relaxed);
        bucket >> coarser
    }

    #[inline]
    fn add(&self, slot: usize, more: u64, budget: &Budget) {
        let cell = &self.chunk(slot)[slot % CHUNK];
        match u64::from(cell.load(Ordering::Relaxed)).checked_add(more).map(u16::try_from) {
            Some(Ok(sum)) => cell.store(sum, Ordering::Relaxed),
            _ => self.set(slot, self.count(slot).saturating_add(more), budget),
        }
    }

    fn chunk(&self, slot: usize) -> &Chunk {
        self.chunks[slot / CHUNK].get_or_init(Box::default)
    }

    /// The count of a slot.
    fn count(&self, slot: usize) -> u64 {
        let low = self.chunks[slot / CHUNK].get().map_or(0, |chunk| chunk[slot % CHUNK].load(Ordering::Relaxed));
        let high = self.carries.get().map_or(0, |carries| carries[slot].load(Ordering::Relaxed));
        u64::from(high) << u16::BITS | u64::from(low)
    }

    #[cold]
    fn set(&self, slot: usize, count: u64, budget: &Budget) {
        let low = u16::try_from(count & u64::from(u16::MAX)).unwrap_or(u16::MAX);
        let high = u32::try_from(count >> u16::BITS).unwrap_or(u32::MAX);
        if high > 0 || self.carries.get().is_some() {
            let carries = self.carries.get_or_init(|| {
                budget.take(CARRIES_BYTES);
                new_carries()
            });
            carries[slot].store(high, Ordering::Relaxed);
        }
        self.chunk(slot)[slot % CHUNK].store(low, Ordering::Relaxed);
    }

    /// Copies what there is.
    pub(crate) fn read(&self, copy: &mut ExponentialCopy) {
        let layout = Layout::unpack(self.layout.load(Ordering::Relaxed));
        (copy.scale, copy.offset, copy.zero_count) = (layout.scale.into(), layout.low.into(), self.zero.get());
        copy.counts.clear();
        // A layout that is being written may be any pair of numbers; its copy is thrown away.
        copy.counts.extend(layout.indexes().take(MAX_BUCKETS).map(|index| self.count(slot(index))));
    }

    /// The memory that was taken beyond what every series has.
    pub(crate) fn bytes_taken(&self) -> usize {
        self.carries.get().map_or(0, |_| CARRIES_BYTES)
    }
}

/// A copy of an exponential histogram.
#[derive(Debug, Default)]
pub(crate) struct ExponentialCopy {
    scale: i32,
    offset: i32,
    zero_count: u64,
    counts: Vec<u64>,
}

impl ExponentialCopy {
    pub(crate) fn view(&self) -> Exponential<'_> {
        Exponential { scale: self.scale, zero_count: self.zero_count, offset: self.offset, counts: &self.counts }
    }
}

fn slot(index: i16) -> usize {
    // No index of a value is below minus the bias, which is a multiple of the number of slots.
    usize::from(index.wrapping_add(BIAS).cast_unsigned()) % MAX_BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observe(cells: &ExponentialCells, nanos: u64, budget: &Budget) {
        cells.observe(nanos, Place::of(nanos), budget);
    }

    fn read(cells: &ExponentialCells) -> ExponentialCopy {
        let mut copy = ExponentialCopy::default();
        cells.read(&mut copy);
        copy
    }

    #[test]
    fn every_index_has_a_slot() {
        let slots: std::collections::BTreeSet<_> = (-240..272).map(slot).collect();
        assert_eq!((slots.len(), slots.last()), (MAX_BUCKETS, Some(&(MAX_BUCKETS - 1))));
        assert_eq!([-240, -1, 0, 159, 160].map(slot), [80, 159, 0, 159, 0]);
    }

    #[test]
    fn a_layout_can_be_packed() {
        for layout in [Layout::EMPTY, Layout { scale: -3, low: -240, high: 272 }] {
            assert_eq!(Layout::unpack(layout.pack()), layout);
        }
    }

    #[test]
    fn every_value_is_kept_while_buckets_become_coarser() {
        let cells = ExponentialCells::default();
        let budget = Budget::new(usize::MAX);
        let mut count = 0;
        let mut scales = Vec::new();
        // From a millisecond outwards, to a nanosecond and to centuries.
        for step in 0..44_u32 {
            for nanos in [1_000_000_u64.checked_shr(step).unwrap_or(1).max(1), 1_000_000_u64 << step] {
                (0..100).for_each(|_| observe(&cells, nanos, &budget));
                count += 100;
            }
            let copy = read(&cells);
            assert_eq!(copy.view().count(), count);
            assert!(copy.counts.len() <= MAX_BUCKETS && copy.counts[0] > 0 && *copy.counts.last().unwrap() > 0);
            scales.push(copy.scale);
        }
        scales.dedup();
        assert_eq!(scales, [3, 2, 1]);
        observe(&cells, 0, &budget);
        assert_eq!((read(&cells).zero_count, read(&cells).view().count()), (1, count + 1));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_busy_bucket_carries() {
        let cells = ExponentialCells::default();
        let budget = Budget::new(usize::MAX);
        let busy = 3 * 65_536 + 5;
        (0..busy).for_each(|_| observe(&cells, 1_000_000, &budget));
        (0..7).for_each(|_| observe(&cells, 1_200_000, &budget));
        assert_eq!((read(&cells).counts[0], *read(&cells).counts.last().unwrap()), (busy, 7));
        assert_eq!(budget.used(), cells.bytes_taken());
        // Coarser: both in one bucket, whatever was carried.
        observe(&cells, 1, &budget);
        observe(&cells, u64::MAX, &budget);
        assert_eq!(read(&cells).scale, 1);
        assert!(read(&cells).counts.contains(&(busy + 7)), "{:?}", read(&cells));
    }
}
