//! An exponential histogram that one worker adds to: memory for the buckets that are used, and no allocation once they
//! are.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

use super::Cell;
use crate::budget::Budget;
use crate::snapshot::{Exponential, MAX_BUCKETS, MAX_SCALE};

/// How many buckets come into being at once.
const CHUNK: usize = 32;
const CHUNKS: usize = MAX_BUCKETS / CHUNK;

/// The memory of all chunks, which is set aside for a series from its start.
pub(crate) const CHUNK_BYTES: usize = CHUNKS * (size_of::<Chunk>() + Budget::PER_ALLOCATION);

/// The memory of what busy buckets carry.
pub(crate) const CARRIES_BYTES: usize = size_of::<Carries>() + Budget::PER_ALLOCATION;

/// The bounds of a doubling at [`MAX_SCALE`].
const STEPS: [f64; 1 << MAX_SCALE] = [
    1.0,
    1.090_507_732_665_257_7,
    1.189_207_115_002_721,
    1.296_839_554_651_009_6,
    std::f64::consts::SQRT_2,
    1.542_210_825_407_940_7,
    1.681_792_830_507_429,
    1.834_008_086_409_342_4,
];

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
    pub(crate) fn observe(&self, nanos: u64, budget: &Budget) {
        if nanos == 0 {
            self.zero.add(1);
            return;
        }
        let layout = Layout::unpack(self.layout.load(Ordering::Relaxed));
        let index = finest_index(nanos);
        let mut bucket = index >> (Layout::EMPTY.scale - layout.scale);
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

/// The index of a value's bucket at [`MAX_SCALE`].
#[inline]
fn finest_index(nanos: u64) -> i16 {
    let seconds = (nanos as f64 / 1e9).to_bits();
    let [.., low, high] = seconds.to_le_bytes();
    // The sign is plus, so these are 11 bits of exponent and 4 of fraction.
    let exponent = (u16::from_le_bytes([low, high]) >> 4).cast_signed() - 1023;
    let fraction = f64::from_bits(seconds & ((1 << 52) - 1) | 1023 << 52);
    // Bounds belong to the bucket below. Counting them all beats a search at this size.
    let within: i16 = STEPS.iter().map(|bound| i16::from(*bound < fraction)).sum();
    exponent * (1 << MAX_SCALE) + within - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cells: &ExponentialCells) -> ExponentialCopy {
        let mut copy = ExponentialCopy::default();
        cells.read(&mut copy);
        copy
    }

    #[test]
    fn a_value_lies_within_the_bounds_of_its_bucket() {
        let base = 2_f64.powf(0.125);
        for nanos in (1..4000_u64).chain((0..63).flat_map(|power| [1_u64 << power, (1 << power) + 1, 3 << (power / 2)]))
        {
            let (seconds, index) = (nanos as f64 / 1e9, f64::from(finest_index(nanos)));
            let (above, upto) = (base.powf(index), base.powf(index + 1.0));
            assert!(
                above < seconds * (1.0 + 1e-13) && seconds <= upto * (1.0 + 1e-13),
                "{nanos} ns in {above}..{upto}"
            );
        }
        // Bounds that can be told exactly belong below.
        assert_eq!([1_000_000_000, 1_000_000_001, 2_000_000_000, 500_000_000].map(finest_index), [-1, 0, 7, -9]);
        assert_eq!((finest_index(1), finest_index(u64::MAX)), (-240, 272));
        assert!(finest_index(1) + BIAS >= 0 && usize::from(BIAS.cast_unsigned()).is_multiple_of(MAX_BUCKETS));
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
                (0..100).for_each(|_| cells.observe(nanos, &budget));
                count += 100;
            }
            let copy = read(&cells);
            assert_eq!(copy.view().count(), count);
            assert!(copy.counts.len() <= MAX_BUCKETS && copy.counts[0] > 0 && *copy.counts.last().unwrap() > 0);
            scales.push(copy.scale);
        }
        scales.dedup();
        assert_eq!(scales, [3, 2, 1]);
        cells.observe(0, &budget);
        assert_eq!((read(&cells).zero_count, read(&cells).view().count()), (1, count + 1));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_busy_bucket_carries() {
        let cells = ExponentialCells::default();
        let budget = Budget::new(usize::MAX);
        let busy = 3 * 65_536 + 5;
        (0..busy).for_each(|_| cells.observe(1_000_000, &budget));
        (0..7).for_each(|_| cells.observe(1_200_000, &budget));
        assert_eq!((read(&cells).counts[0], *read(&cells).counts.last().unwrap()), (busy, 7));
        assert_eq!(budget.used(), cells.bytes_taken());
        // Coarser: both in one bucket, whatever was carried.
        cells.observe(1, &budget);
        cells.observe(u64::MAX, &budget);
        assert_eq!(read(&cells).scale, 1);
        assert!(read(&cells).counts.contains(&(busy + 7)), "{:?}", read(&cells));
    }
}
