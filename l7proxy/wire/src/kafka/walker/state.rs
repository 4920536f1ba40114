//! Where in a body the walk is.

use crate::kafka::schema::{Each, Field, Slot};

/// The input, and how much of it is taken.
pub(super) struct Cursor<'a> {
    pub(super) input: &'a [u8],
    pub(super) rest: &'a [u8],
    /// Bytes of the message at the start of the input.
    pub(super) left: u32,
}

impl Cursor<'_> {
    pub(super) fn at(&self) -> usize {
        self.input.len().saturating_sub(self.rest.len())
    }

    /// Bytes of the message from here on.
    pub(super) fn left(&self) -> u32 {
        self.left.saturating_sub(u32::try_from(self.at()).unwrap_or(u32::MAX))
    }
}

/// A structure, or an array of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) fields: &'static [Field],
    pub(super) next: usize,
    /// Elements that are not over.
    pub(super) elements: u32,
    pub(super) each: Each,
    /// Tagged fields follow each element in flexible versions.
    pub(super) tagged: bool,
}

pub(super) const OUTSIDE: Level = Level { fields: &[], next: 0, elements: 0, each: Each::Nothing, tagged: false };

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// Whatever the schema has next.
    Next,
    /// A value of so many bytes.
    Fixed(u8, Slot),
    /// The length of something.
    Length(Lengthy),
    /// A text, of which so many bytes are left.
    Text(u32, Slot),
    /// So many bytes of no interest.
    Skip(u32),
    /// Batches of records.
    Records,
    /// The number of tagged fields.
    TagCount,
    /// The number of one, and how many there are with it.
    Tag(u32),
    /// The length of one: how many are behind it, and where its value goes if it is of interest.
    TagLength(u32, Option<Slot>),
    /// The number that the value of one begins with: where it goes, how many are behind it, and the bytes behind the number.
    TagNumber(Slot, u32, u32),
    /// The value of one, how many are behind it, and how many bytes are left.
    TagValue(u32, u32),
    /// Nothing: a structure is over.
    ElementEnd,
    /// Whether there is a structure.
    Presence(&'static [Field]),
    /// The schema is over.
    Over,
}

/// What a length stands in front of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lengthy {
    Text(Slot),
    LongText(Slot),
    Bytes,
    Records,
    Array { fields: &'static [Field], each: Each, tagged: bool },
}
