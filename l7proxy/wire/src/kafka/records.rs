//! The batches of records in a Produce request or a Fetch response, of which only the heads are read.

/// Offset and length, which stand in front of what the length counts: in all formats.
const OVERHEAD_BYTES: u32 = 12;

/// Where the format stands in a batch: its "magic".
const MAGIC_AT: usize = 16;

/// Where the attributes of a batch of format 2 stand.
const ATTRIBUTES_AT: usize = 21;

/// Where such a batch says how far behind its first record the last one is.
const LAST_DELTA_AT: usize = 23;

/// The head of a batch in format 2, up to and with the number of records.
const HEAD_BYTES: usize = 61;

/// The shortest entry of formats 0 and 1 behind its overhead: checksum, format, attributes, and two absent values.
const LEAST_ENTRY_BYTES: u32 = 14;

/// The attribute of a batch that holds markers of transactions: written by the broker, never handed to a consumer.
const CONTROL: u16 = 0x20;

/// Counts records as their batches go by. Owns no memory.
///
/// In formats 0 and 1 a compressed entry stands for as many records as are in it, which is not known without
/// decompressing it: it counts as one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records {
    /// Bytes of the field that are still to come.
    left: u32,
    /// Bytes of the batch under way that are still to come, behind its head.
    skip: u32,
    /// What the batch under way counts for once it is whole.
    pending: Batch,
    head: [u8; HEAD_BYTES],
    came: usize,
    pub(super) count: u64,
    pub(super) bytes: u64,
    /// The offset behind the last record.
    pub(super) next_offset: Option<i64>,
}

/// What a batch adds.
#[derive(Clone, Copy, Debug, Default)]
struct Batch {
    count: u64,
    bytes: u32,
    next_offset: Option<i64>,
}

impl Records {
    pub(super) const fn new(length: u32) -> Self {
        let pending = Batch { count: 0, bytes: 0, next_offset: None };
        let head = [0; HEAD_BYTES];
        Self { left: length, skip: 0, pending, head, came: 0, count: 0, bytes: 0, next_offset: None }
    }

    /// Whether all of the field was taken.
    pub(super) const fn is_over(&self) -> bool {
        self.left == 0
    }

    /// Takes bytes of the field from the front.
    pub(super) fn take(&mut self, rest: &mut &[u8]) {
        while self.left > 0 && !rest.is_empty() {
            if self.skip > 0 {
                let taken = split(rest, self.skip);
                self.skip = self.skip.saturating_sub(taken);
                self.left = self.left.saturating_sub(taken);
                if self.skip == 0 {
                    self.end_batch();
                }
                continue;
            }
            let wanted = self.wanted().saturating_sub(self.came);
            let within = rest.get(..wanted.min(usize::try_from(self.left).unwrap_or(usize::MAX))).unwrap_or(rest);
            let room = self.head.iter_mut().skip(self.came);
            room.zip(within).for_each(|(slot, byte)| *slot = *byte);
            self.came = self.came.saturating_add(within.len());
            self.left = self.left.saturating_sub(u32::try_from(within.len()).unwrap_or(u32::MAX));
            *rest = rest.get(within.len()..).unwrap_or_default();
            if self.came > MAGIC_AT && self.came == self.wanted() {
                self.begin_batch();
            }
        }
    }

    /// Up to where the head has to be known.
    fn wanted(&self) -> usize {
        let is_batch = self.came > MAGIC_AT && self.head.get(MAGIC_AT).is_some_and(|magic| *magic >= 2);
        if is_batch { HEAD_BYTES } else { MAGIC_AT.saturating_add(1) }
    }

    /// Reads the head of a batch that is in.
    fn begin_batch(&mut self) {
        let came = u32::try_from(self.came).unwrap_or(u32::MAX);
        let is_batch = self.came == HEAD_BYTES;
        self.came = 0;
        let [_, _, _, _, _, _, _, _, a, b, c, d, ..] = self.head;
        let length = u32::from_be_bytes([a, b, c, d]);
        let size = length.saturating_add(OVERHEAD_BYTES);
        let behind = size.saturating_sub(came);
        // A Fetch may be cut in the middle of its last batch. A length that can't be is the end, too: what is behind it
        // has no certain meaning.
        let is_short = if is_batch { size < came } else { length < LEAST_ENTRY_BYTES };
        if behind > self.left || is_short {
            self.skip = self.left;
            self.pending = Batch::default();
            return;
        }
        // An entry of the older formats has the offset of its only record, or of its last one where it is compressed.
        let (count, last) = if is_batch { (self.batch_count(), self.last_delta()) } else { (1, 0) };
        let first = i64::from_be_bytes(self.at(0));
        let next_offset = first.checked_add(last.into()).and_then(|last| last.checked_add(1));
        self.pending = Batch { count, bytes: size, next_offset };
        self.skip = behind;
        if behind == 0 {
            self.end_batch();
        }
    }

    /// The number of records in a batch of format 2.
    fn batch_count(&self) -> u64 {
        let [.., a, b, c, d] = self.head;
        let count = i32::from_be_bytes([a, b, c, d]);
        let attributes = u16::from_be_bytes(self.at(ATTRIBUTES_AT));
        if attributes & CONTROL == 0 { u64::try_from(count).unwrap_or(0) } else { 0 }
    }

    /// How far behind the first record of a batch of format 2 the last one is.
    fn last_delta(&self) -> i32 {
        i32::from_be_bytes(self.at(LAST_DELTA_AT)).max(0)
    }

    /// The bytes of the head from this place on.
    fn at<const N: usize>(&self, place: usize) -> [u8; N] {
        self.head.get(place..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
    }

    fn end_batch(&mut self) {
        let Batch { count, bytes, next_offset } = std::mem::take(&mut self.pending);
        self.count = self.count.saturating_add(count);
        self.bytes = self.bytes.saturating_add(u64::from(bytes));
        self.next_offset = next_offset.or(self.next_offset);
    }
}

/// Takes up to so many bytes from the front. Returns how many.
pub(super) fn split(rest: &mut &[u8], length: u32) -> u32 {
    let taken = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
    *rest = rest.get(taken..).unwrap_or_default();
    u32::try_from(taken).unwrap_or(u32::MAX)
}
