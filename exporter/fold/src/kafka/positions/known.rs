//! The table of all positions, in which each keeps its place.

use std::iter::StepBy;
use std::ops::{Range, RangeFrom};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use hashbrown::HashTable;

use super::{Position, Positions, Sought};

/// How many places are gone through under the lock at a time. A worker that meets a new partition waits for no more than
/// that: a few microseconds.
pub(super) const BATCH: usize = 64;

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The places in `list`, by the hashes of the positions there.
    table: HashTable<usize>,
    list: Vec<Option<Tracked>>,
    /// The places that are free again.
    free: Vec<usize>,
}

/// A position, and what was last seen of it.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) position: Arc<Position>,
    /// How often it had been written when it was last looked at, and since when.
    seen: Option<(u32, Instant)>,
}

impl Tracked {
    /// Looks at it: if it was written since the last time, it is idle from now on.
    pub(super) fn look(&mut self, now: Instant) {
        let writes = self.position.writes.load(Ordering::Relaxed);
        if self.seen.is_none_or(|(seen, _)| seen != writes) {
            self.seen = Some((writes, now));
        }
    }

    /// For how long it has not been written, if nothing has been since it was last looked at.
    pub(super) fn still_idle(&self, now: Instant) -> Duration {
        let writes = self.position.writes.load(Ordering::Relaxed);
        if self.seen.is_some_and(|(seen, _)| seen == writes) { self.idle(now) } else { Duration::ZERO }
    }

    /// For how long it had not been written when it was last looked at.
    pub(super) fn idle(&self, now: Instant) -> Duration {
        self.seen.map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(since))
    }
}

impl Known {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    fn place(&self, hash: u64, sought: &Sought<'_>) -> Option<usize> {
        let is_it = |place: &usize| matches!(self.list.get(*place), Some(Some(it)) if it.position.is(sought));
        self.table.find(hash, is_it).copied()
    }

    pub(super) fn find(&self, hash: u64, sought: &Sought<'_>) -> Option<&Tracked> {
        self.list.get(self.place(hash, sought)?)?.as_ref()
    }

    /// Adds one that there is not.
    pub(super) fn add(&mut self, position: Arc<Position>) {
        let Self { table, list, free } = self;
        let hash = position.hash;
        let place = free.pop().unwrap_or_else(|| {
            list.push(None);
            list.len() - 1
        });
        let Some(at) = list.get_mut(place) else { return };
        *at = Some(Tracked { position, seen: None });
        let hash_at = |place: &usize| list.get(*place).and_then(Option::as_ref).map_or(0, |it| it.position.hash);
        table.insert_unique(hash, place, hash_at);
    }

    /// The positions at these places.
    pub(super) fn at(&mut self, places: Range<usize>) -> impl Iterator<Item = &mut Tracked> {
        self.list.get_mut(places).unwrap_or_default().iter_mut().flatten()
    }

    /// Gives up those at these places that `is_over` says are.
    pub(super) fn give_up(&mut self, places: Range<usize>, is_over: impl Fn(&Self, &Tracked) -> bool) {
        for place in places {
            let Some(Some(tracked)) = self.list.get(place) else { continue };
            if is_over(self, tracked) && tracked.position.retire(|| is_over(self, tracked)) {
                self.take_out(place);
            }
        }
    }

    /// Gives up one, if it is there.
    pub(super) fn end(&mut self, hash: u64, sought: &Sought<'_>) {
        if let Some(place) = self.place(hash, sought) {
            self.take_out(place);
        }
    }

    /// Takes out what is at a place: whoever has it looks for another.
    fn take_out(&mut self, place: usize) {
        let Some(gone) = self.list.get_mut(place).and_then(Option::take) else { return };
        gone.position.retired.store(true, Ordering::Relaxed);
        if let Ok(entry) = self.table.find_entry(gone.position.hash, |other| *other == place) {
            entry.remove();
        }
        self.free.push(place);
    }
}

/// A walk over all places, which lets go of the lock after every few.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    positions: &'a Positions,
    starts: StepBy<RangeFrom<usize>>,
}

impl Positions {
    /// Walks over all places, and takes the lock for at most [`BATCH`] of them at a time.
    pub(super) fn walk(&self) -> Walk<'_> {
        Walk { positions: self, starts: (0..).step_by(BATCH) }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = (MutexGuard<'a, Known>, Range<usize>);

    /// The next places, with the lock on all. It is to be dropped before the next ones are asked for, as a loop does.
    fn next(&mut self) -> Option<Self::Item> {
        let known = self.positions.known();
        let start = self.starts.next()?;
        let end = known.list.len().min(start + BATCH);
        (start < end).then_some((known, start..end))
    }
}
