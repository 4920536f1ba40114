//! Names that are known up to a number, each with a small integer that stands for it for as long as anything is told by it.
//!
//! A worker looks names up in a copy of its own, which it brings up to date when something has changed. A place whose name
//! nothing is told by any more is given up in two steps. First the name goes: the place stands for none then, and a worker
//! that was at this very moment about to use it makes a series that shows as much. Only when nothing has used the place
//! for a while after that does it get another name. So no number is ever shown under a name that it doesn't belong to.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashbrown::{DefaultHashBuilder, HashTable};

/// How long nothing may use a place before its name goes, and again before it gets another one. Whoever holds a snapshot
/// has written it down by then.
const UNUSED: Duration = Duration::from_mins(5);

/// The known names of one kind, each at its place. Places begin at 0.
#[derive(Debug)]
pub(crate) struct NameTable {
    max: usize,
    slots: Mutex<Vec<Slot>>,
    /// Another number after each change.
    version: AtomicU64,
    /// There is no place for another name.
    is_full: AtomicBool,
}

#[derive(Debug)]
struct Slot {
    name: Option<Arc<str>>,
    /// It has no name, and may get another one.
    is_free: bool,
    /// The version that brought the name, or took it away.
    changed: u64,
    /// Since when nothing has been seen to use it.
    unused: Option<Instant>,
}

impl NameTable {
    /// Room for so many.
    pub(crate) fn with_room(max: usize) -> Self {
        let (slots, version, is_full) = (Mutex::default(), AtomicU64::new(0), AtomicBool::new(max == 0));
        Self { max, slots, version, is_full }
    }

    /// The most names that there may be.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name at a place.
    pub(crate) fn name(&self, place: u16) -> Option<Arc<str>> {
        self.slots().get(usize::from(place))?.name.clone()
    }

    /// Makes a name known, if there is room and it is not known yet.
    fn add(&self, name: &str) {
        let mut slots = self.slots();
        // It happens once per name, so looking at all of them is cheap enough.
        if slots.iter().any(|slot| slot.name.as_deref() == Some(name)) {
            return;
        }
        let changed = self.version.load(Ordering::Relaxed) + 1;
        let added = Slot { name: Some(name.into()), is_free: false, changed, unused: None };
        if slots.len() < self.max {
            slots.push(added);
        } else if let Some(free) = slots.iter_mut().find(|slot| slot.is_free) {
            *free = added;
        } else {
            self.is_full.store(true, Ordering::Relaxed);
            return;
        }
        self.version.store(changed, Ordering::Release);
    }

    /// Whether names should go so that there is room for others: where half of the places have been needed.
    pub(crate) fn is_short(&self) -> bool {
        self.max > 0 && 2 * self.slots().len() >= self.max
    }

    /// Gives up places that are not `used`, by a clock that says it is `now`.
    pub(crate) fn give_up(&self, now: Instant, used: impl Fn(u16) -> bool) {
        let mut slots = self.slots();
        let changed = self.version.load(Ordering::Relaxed) + 1;
        let mut any_changed = false;
        for (place, slot) in (0..).zip(&mut *slots) {
            if used(place) {
                (slot.unused, slot.is_free) = (None, false);
                continue;
            }
            let since = *slot.unused.get_or_insert(now);
            if now.saturating_duration_since(since) < UNUSED {
                continue;
            }
            if slot.name.is_some() {
                *slot = Slot { name: None, is_free: false, changed, unused: Some(now) };
                any_changed = true;
            } else {
                slot.is_free = true;
            }
        }
        if any_changed {
            self.version.store(changed, Ordering::Release);
        }
        self.is_full.store(slots.len() >= self.max && !slots.iter().any(|slot| slot.is_free), Ordering::Relaxed);
    }
}

/// One worker's way from names to their places: a look-up without a lock.
#[derive(Debug, Default)]
pub(crate) struct NamePlaces {
    version: u64,
    names: Vec<Option<Arc<str>>>,
    /// The places of the names, by their hash.
    table: HashTable<u16>,
    hasher: DefaultHashBuilder,
}

impl NamePlaces {
    /// The place of a name that is known. One that is not becomes so if there is room for it and `may_learn` agrees. `last`
    /// is looked at first.
    #[inline]
    pub(crate) fn place(
        &mut self,
        names: &NameTable,
        name: &str,
        last: Option<u16>,
        may_learn: impl FnOnce() -> bool,
    ) -> Option<u16> {
        self.meet(names);
        let is_last = |place: &u16| self.names.get(usize::from(*place)).is_some_and(|it| it.as_deref() == Some(name));
        if let Some(last) = last.filter(is_last) {
            return Some(last);
        }
        if let Some(place) = self.known(name) {
            return Some(place);
        }
        if names.is_full.load(Ordering::Relaxed) || !may_learn() {
            return None;
        }
        names.add(name);
        self.meet(names);
        self.known(name)
    }

    fn known(&self, name: &str) -> Option<u16> {
        let is_it = |place: &u16| self.names.get(usize::from(*place)).is_some_and(|it| it.as_deref() == Some(name));
        self.table.find(self.hasher.hash_one(name), is_it).copied()
    }

    /// Takes in what has changed since.
    #[inline]
    fn meet(&mut self, names: &NameTable) {
        if names.version.load(Ordering::Acquire) != self.version {
            self.take_in(names);
        }
    }

    #[cold]
    fn take_in(&mut self, names: &NameTable) {
        let slots = names.slots();
        let Self { version, names: mine, table, hasher } = self;
        mine.resize(slots.len(), None);
        let changed = (0_u16..).zip(&*slots).filter(|(_, slot)| slot.changed > *version);
        for (place, slot) in changed {
            let Some(own) = mine.get_mut(usize::from(place)) else { continue };
            let earlier = std::mem::replace(own, slot.name.clone());
            if let Some(earlier) = earlier
                && let Ok(entry) = table.find_entry(hasher.hash_one(&*earlier), |other| *other == place)
            {
                entry.remove();
            }
            let name_at = |place: &u16| mine.get(usize::from(*place)).and_then(Option::as_deref);
            let hash = |place: &u16| hasher.hash_one(name_at(place).unwrap_or_default());
            if slot.name.is_some() {
                table.insert_unique(hash(&place), place, hash);
            }
        }
        *version = names.version.load(Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(worker: &mut NamePlaces, names: &NameTable, name: &str) -> Option<u16> {
        worker.place(names, name, None, || true)
    }

    #[test]
    fn a_name_has_one_place_for_all_workers() {
        let names = NameTable::with_room(2);
        let mut workers = [NamePlaces::default(), NamePlaces::default()];
        for worker in &mut workers {
            assert_eq!(worker.place(&names, "never", None, || false), None);
            assert_eq!(place(worker, &names, "one"), Some(0));
            assert_eq!(worker.place(&names, "two", Some(0), || true), Some(1));
            assert_eq!(place(worker, &names, "three"), None, "there is no room");
            assert_eq!(worker.place(&names, "one", Some(9), || false), Some(0));
        }
        assert_eq!([0, 1, 2].map(|place| names.name(place)), [Some("one".into()), Some("two".into()), None]);
    }

    #[test]
    fn a_place_that_nothing_uses_gets_another_name_after_a_while() {
        let names = NameTable::with_room(2);
        let mut workers = [NamePlaces::default(), NamePlaces::default()];
        let start = Instant::now();
        let look = |minutes: u32, used: &[u16]| {
            names.give_up(start + minutes * UNUSED, |place| used.contains(&place));
        };
        for worker in &mut workers {
            assert_eq!(["one", "two", "three"].map(|name| place(worker, &names, name)), [Some(0), Some(1), None]);
        }
        look(0, &[1]);
        assert_eq!(place(&mut workers[0], &names, "one"), Some(0), "not for long enough");
        look(1, &[1]);
        assert_eq!(names.name(0), None);
        for worker in &mut workers {
            // Not even its own name, as somebody may still use it.
            assert_eq!(["one", "two", "three"].map(|name| place(worker, &names, name)), [None, Some(1), None]);
        }
        // Somebody was about to.
        look(2, &[0, 1]);
        look(3, &[1]);
        assert_eq!(place(&mut workers[0], &names, "three"), None);
        look(4, &[1]);
        assert_eq!(place(&mut workers[0], &names, "three"), Some(0));
        for worker in &mut workers {
            assert_eq!(["one", "two", "three"].map(|name| place(worker, &names, name)), [None, Some(1), Some(0)]);
        }
        assert_eq!(names.name(0).as_deref(), Some("three"));
    }

    #[test]
    fn names_that_come_and_go_find_a_place() {
        let names = NameTable::with_room(10);
        let mut workers = [NamePlaces::default(), NamePlaces::default()];
        let start = Instant::now();
        for number in 0..1_000_u32 {
            let name = format!("name-{number}");
            for worker in &mut workers {
                let place = place(worker, &names, &name).expect("there is room");
                assert_eq!(names.name(place).as_deref(), Some(&*name));
            }
            let mine = workers[0].known(&name).expect("it was found");
            names.give_up(start + number * UNUSED, |place| place == mine);
        }
        assert!(names.is_short() && workers.iter().all(|worker| worker.table.len() <= 10));
    }
}
