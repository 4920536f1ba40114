//! Which label sets of the store are one series by the labels of a row.

use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::Part;
use crate::labels::{Registered, visit_columns};

/// Numbers the groups of label sets that have the same names and values, from 0 on.
#[derive(Debug, Default)]
pub(super) struct Groups {
    hasher: DefaultHashBuilder,
    /// Positions in `written`, by the hash of what is written there.
    table: HashTable<usize>,
    /// Where the labels of each group are in `text`.
    written: Vec<Range<usize>>,
    text: Vec<u8>,
}

/// The group of a label set.
pub(super) enum Group {
    /// There is one already.
    Known(usize),
    /// It is the first of its group, which has the next number.
    New,
}

impl Groups {
    /// The group of what a label set gives to a part of a row. Different `kind`s are never of one group.
    pub(super) fn find(&mut self, kind: u8, part: &Part, registered: &Registered) -> Group {
        let start = self.text.len();
        if let Some(position) = self.known(kind, part, registered) {
            return Group::Known(position);
        }
        write(kind, part, registered, &mut self.text);
        let position = self.written.len();
        self.written.push(start..self.text.len());
        let (text, written) = (&self.text, &self.written);
        let hash = |position: &usize| self.hasher.hash_one(at(text, written, *position));
        self.table.insert_unique(hash(&position), position, hash);
        Group::New
    }

    /// The memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        let of_table = self.table.capacity() * (size_of::<usize>() + 1);
        of_table + self.written.capacity() * size_of::<Range<usize>>() + self.text.capacity()
    }

    /// The group of what a label set gives, if there is one.
    pub(super) fn known(&mut self, kind: u8, part: &Part, registered: &Registered) -> Option<usize> {
        let start = self.text.len();
        write(kind, part, registered, &mut self.text);
        let (text, sought) = self.text.split_at(start);
        let is_it = |position: &usize| at(text, &self.written, *position) == sought;
        let found = self.table.find(self.hasher.hash_one(sought), is_it).copied();
        self.text.truncate(start);
        found
    }
}

fn write(kind: u8, part: &Part, registered: &Registered, out: &mut Vec<u8>) {
    out.push(kind);
    visit_columns(registered, &part.columns, &mut |name, value| {
        // No value holds the byte 0xff, which is not in UTF-8.
        for piece in [name.as_bytes(), &[0xff], value.as_bytes(), &[0xff]] {
            out.extend_from_slice(piece);
        }
    });
}

fn at<'a>(text: &'a [u8], written: &[Range<usize>], position: usize) -> &'a [u8] {
    written.get(position).and_then(|range| text.get(range.clone())).unwrap_or_default()
}
