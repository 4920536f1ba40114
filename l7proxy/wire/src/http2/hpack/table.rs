//! The dynamic table (RFC 7541 sections 2.3.2 and 4).

use std::collections::VecDeque;

use super::Name;
use super::kept::Kept;
use crate::http2::Http2Error;
use crate::limits;

/// What every entry counts beside its name and its value (RFC 7541 section 4.1).
pub(super) const ENTRY_BYTES: usize = 32;

/// The size of a table before its first size update: the initial value of `SETTINGS_HEADER_TABLE_SIZE`.
const INITIAL_BYTES: usize = 4096;

/// What is told of a value.
pub(super) fn text(value: &[u8]) -> &[u8] {
    value.get(..limits::TEXT_BYTES).unwrap_or(value)
}

/// The dynamic table of one direction. Knows the lengths of all that is in it, and the values of few.
#[derive(Debug)]
pub struct Table {
    /// From the oldest to the newest.
    entries: VecDeque<Entry>,
    /// The values that are kept as they are, one behind the other, in the order of their entries.
    values: VecDeque<u8>,
    /// How many bytes have left `values` at its front since the start.
    gone: u32,
    size: usize,
    most: usize,
}

/// An entry. Names and values are shorter than 64 KiB, because a table is at most that large.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) kept: Kept,
    name_length: u16,
    value_length: u16,
    pub(super) name: Name,
}

impl Entry {
    pub(super) fn name_length(self) -> usize {
        usize::from(self.name_length)
    }

    pub(super) fn value_length(self) -> usize {
        usize::from(self.value_length)
    }

    /// How much of the value is kept, where it is kept as it is.
    pub(super) fn text_length(self) -> usize {
        self.value_length().min(limits::TEXT_BYTES)
    }

    fn size(self) -> usize {
        self.name_length().saturating_add(self.value_length()).saturating_add(ENTRY_BYTES)
    }
}

/// The value of an entry to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum NewValue<'a> {
    /// Kept as it is, up to [`TEXT_BYTES`](limits::TEXT_BYTES).
    Bytes(&'a [u8]),
    /// Known by what it means and by its length.
    Meaning(Kept, usize),
}

impl Default for Table {
    fn default() -> Self {
        Self { entries: VecDeque::new(), values: VecDeque::new(), gone: 0, size: 0, most: INITIAL_BYTES }
    }
}

impl Table {
    /// The size of all entries in bytes, as RFC 7541 section 4.1 counts.
    pub fn size(&self) -> usize {
        self.size
    }

    /// What the size may become.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Name, length of the name and length of the value of each entry, from the newest to the oldest.
    pub fn geometry(&self) -> impl Iterator<Item = (Name, usize, usize)> {
        self.entries.iter().rev().map(|entry| (entry.name, entry.name_length(), entry.value_length()))
    }

    /// Bytes of memory owned.
    pub fn memory(&self) -> usize {
        self.entries.capacity().saturating_mul(size_of::<Entry>()).saturating_add(self.values.capacity())
    }

    /// Changes what the size may become.
    pub(super) fn resize(&mut self, most: u32) -> Result<(), Http2Error> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if most > limits::HEADER_TABLE_BYTES {
            return Err(Http2Error::HeaderTableTooLarge);
        }
        self.most = most;
        self.make_room(0);
        if most == 0 {
            self.entries = VecDeque::new();
            self.values = VecDeque::new();
        }
        Ok(())
    }

    /// The entry at an index that starts from 0 at the newest.
    pub(super) fn entry(&self, index: u32) -> Option<Entry> {
        let behind = usize::try_from(index).ok()?.checked_add(1)?;
        self.entries.get(self.entries.len().checked_sub(behind)?).copied()
    }

    /// Appends the value of an entry that keeps its bytes.
    pub(super) fn copy_value(&self, at: u32, length: usize, out: &mut Vec<u8>) {
        let start = usize::try_from(at.wrapping_sub(self.gone)).unwrap_or(usize::MAX);
        let end = start.saturating_add(length);
        let (front, back) = self.values.as_slices();
        let (middle, far) = (front.len(), back.len());
        out.extend_from_slice(front.get(start.min(middle)..end.min(middle)).unwrap_or_default());
        let (start, end) = (start.saturating_sub(middle), end.saturating_sub(middle));
        out.extend_from_slice(back.get(start.min(far)..end.min(far)).unwrap_or_default());
    }

    /// Adds an entry, after those that it needs the room of have gone. One that is larger than the table leaves it empty.
    pub(super) fn insert(&mut self, name: Name, name_length: usize, value: NewValue<'_>) {
        let value_length = match value {
            NewValue::Bytes(bytes) => bytes.len(),
            NewValue::Meaning(_, length) => length,
        };
        let size = name_length.saturating_add(value_length).saturating_add(ENTRY_BYTES);
        self.make_room(size);
        let (Ok(name_length), Ok(value_length)) = (u16::try_from(name_length), u16::try_from(value_length)) else {
            return;
        };
        if size > self.most {
            return;
        }
        let kept = match value {
            NewValue::Meaning(kept, _) => kept,
            NewValue::Bytes(bytes) => {
                let length = u32::try_from(self.values.len()).unwrap_or_default();
                self.values.extend(text(bytes));
                Kept::Bytes(self.gone.wrapping_add(length))
            }
        };
        self.size = self.size.saturating_add(size);
        self.entries.push_back(Entry { kept, name_length, value_length, name });
    }

    /// Drops the oldest entries until so many bytes fit, or none is left.
    fn make_room(&mut self, bytes: usize) {
        while self.size.saturating_add(bytes) > self.most {
            let Some(entry) = self.entries.pop_front() else { break };
            self.size = self.size.saturating_sub(entry.size());
            if let Kept::Bytes(_) = entry.kept {
                let length = entry.text_length();
                self.values.drain(..length.min(self.values.len()));
                self.gone = self.gone.wrapping_add(u32::try_from(length).unwrap_or_default());
            }
        }
    }
}
