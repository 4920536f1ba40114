//! Names that are learned up to a number, each with a small integer that stands for it.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use hashbrown::{DefaultHashBuilder, HashTable};

/// Names that became known, at most so many. Known names stay known, each at its place, which begin at 1.
pub(crate) struct LearnedNames {
    /// Each is written once, and read without a lock. As long as there may be names.
    names: Box<[OnceLock<Box<str>>]>,
    /// How many are known.
    known: AtomicUsize,
    /// Whoever adds a name holds it.
    adding: Mutex<()>,
}

impl fmt::Debug for LearnedNames {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the places that are still free.
        out.debug_list().entries(self.names()).finish()
    }
}

impl Clone for LearnedNames {
    /// A table of its own, which knows what this one knows.
    fn clone(&self) -> Self {
        let clone = Self::with_room(self.max());
        for name in self.names() {
            clone.add(name);
        }
        clone
    }
}

impl LearnedNames {
    pub(crate) fn with_room(room: usize) -> Self {
        let names = std::iter::repeat_with(OnceLock::new).take(room).collect();
        Self { names, known: AtomicUsize::new(0), adding: Mutex::default() }
    }

    /// How many names are known.
    pub(crate) fn len(&self) -> usize {
        self.known.load(Ordering::Acquire)
    }

    /// The most names that may be known.
    pub(crate) fn max(&self) -> usize {
        self.names.len()
    }

    /// The known names in the order of their places.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map_while(|name| name.get().map(|name| &**name))
    }

    /// The name at a place.
    #[inline]
    pub(crate) fn name(&self, place: u16) -> Option<&str> {
        let position = usize::from(place).checked_sub(1)?;
        self.names.get(position)?.get().map(|name| &**name)
    }

    /// Makes a name known, if there is room and it is not known yet.
    pub(crate) fn add(&self, name: &str) {
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.known.load(Ordering::Relaxed);
        // It happens once per name, so looking at all of them is cheap enough.
        if self.names().any(|earlier| earlier == name) {
            return;
        }
        if self.names.get(known).is_some_and(|place| place.set(name.into()).is_ok()) {
            self.known.store(known + 1, Ordering::Release);
        }
    }
}

/// One worker's way from a name to its place: a look-up without a lock.
#[derive(Debug, Default)]
pub(crate) struct LearnedPlaces {
    /// The places of the known names, by their hash.
    table: HashTable<u16>,
    hasher: DefaultHashBuilder,
    /// How many known names are in `table`.
    met: usize,
}

impl LearnedPlaces {
    /// The place of a name that is known. One that is not becomes so if there is room for it and `may_learn` agrees.
    pub(crate) fn place(&mut self, names: &LearnedNames, name: &[u8], may_learn: impl FnOnce() -> bool) -> Option<u16> {
        self.meet(names);
        if let Some(place) = self.known(names, name) {
            return Some(place);
        }
        if self.met >= names.max() || !may_learn() {
            return None;
        }
        names.add(std::str::from_utf8(name).ok()?);
        self.meet(names);
        self.known(names, name)
    }

    fn known(&self, names: &LearnedNames, name: &[u8]) -> Option<u16> {
        let is_it = |place: &u16| names.name(*place).is_some_and(|known| known.as_bytes() == name);
        self.table.find(self.hasher.hash_one(name), is_it).copied()
    }

    /// Takes in what has become known since.
    fn meet(&mut self, names: &LearnedNames) {
        let known = names.len();
        while self.met < known {
            self.met += 1;
            let Ok(place) = u16::try_from(self.met) else { return };
            let hash_of = |place: &u16| self.hasher.hash_one(names.name(*place).unwrap_or_default().as_bytes());
            self.table.insert_unique(hash_of(&place), place, hash_of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_place_for_all_workers() {
        let names = LearnedNames::with_room(2);
        let mut workers = [LearnedPlaces::default(), LearnedPlaces::default()];
        for worker in &mut workers {
            assert_eq!(worker.place(&names, b"never", || false), None);
            assert_eq!(worker.place(&names, b"one", || true), Some(1));
            assert_eq!(worker.place(&names, b"two", || true), Some(2));
            assert_eq!(worker.place(&names, b"three", || true), None, "there is no room");
            assert_eq!(worker.place(&names, b"one", || false), Some(1));
            assert_eq!(worker.place(&names, b"\xff", || true), None);
        }
        assert_eq!(names.clone().names().collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!((names.name(0), names.name(3)), (None, None));
    }
}
