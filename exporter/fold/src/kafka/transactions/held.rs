//! The offsets that a producer holds.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

/// For how many offsets memory is kept between two transactions: as many as a table of 64 places takes.
pub(super) const KEPT_OFFSETS: usize = 56;

/// An offset that a group has committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Held {
    /// The places of their names.
    pub(crate) group: u16,
    pub(crate) topic: u16,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// Offsets, each the last one of a group in a partition. A client may name as many as there may be in any order, again and
/// again: each is found at once.
#[derive(Debug, Default)]
pub(crate) struct HeldOffsets(HashMap<(u16, u16, i32), i64>);

impl HeldOffsets {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes up an offset, in the place of the last one for this partition. `has_room` is asked for another place, with how many
    /// there are. Returns whether there was one.
    pub(super) fn hold(&mut self, told: Held, has_room: impl FnOnce(usize) -> bool) -> bool {
        let Held { group, topic, partition, offset } = told;
        let mine = self.len();
        match self.0.entry((group, topic, partition)) {
            Entry::Occupied(mut held) => *held.get_mut() = offset,
            Entry::Vacant(place) if has_room(mine) => {
                place.insert(offset);
            }
            Entry::Vacant(_) => return false,
        }
        true
    }

    /// What there is, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Held> {
        self.0.iter().map(|(place, offset)| held((*place, *offset)))
    }

    /// Takes out what there is, in no order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Held> {
        self.0.drain().map(held)
    }

    /// Takes out what there is, and gives back memory that few transactions need.
    pub(super) fn empty(&mut self) {
        self.0.clear();
        self.0.shrink_to(KEPT_OFFSETS);
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

fn held(((group, topic, partition), offset): ((u16, u16, i32), i64)) -> Held {
    Held { group, topic, partition, offset }
}
