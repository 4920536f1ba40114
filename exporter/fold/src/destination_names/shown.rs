//! Which names are label values.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hashbrown::HashSet;

use super::OTHER_NAME;

/// How long it takes until it is looked again for names that nobody shows any more.
const LOOK: Duration = Duration::from_secs(1);

/// The names that are label values, at most so many at once. One that neither a series nor anything on the way to one holds
/// any more makes room for another.
#[derive(Debug)]
pub(super) struct ShownNames {
    max: usize,
    names: RwLock<Names>,
    other: Arc<str>,
}

#[derive(Debug, Default)]
struct Names {
    held: HashSet<Arc<str>>,
    /// When it was last looked for some that nobody holds.
    looked: Option<Instant>,
}

impl ShownNames {
    pub(super) fn new(max: usize) -> Self {
        Self { max, names: RwLock::default(), other: OTHER_NAME.into() }
    }

    /// The value for this name: itself, or what stands for those beyond. Whoever shows it holds on to it.
    pub(super) fn shown(&self, name: &str, now: Instant) -> Arc<str> {
        let has_just_looked =
            |names: &Names| names.looked.is_some_and(|looked| now.saturating_duration_since(looked) < LOOK);
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = names.held.get(name) {
            return Arc::clone(held);
        }
        if names.held.len() >= self.max && has_just_looked(&names) {
            return Arc::clone(&self.other);
        }
        drop(names);
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if names.held.len() >= self.max && !has_just_looked(&names) {
            names.looked = Some(now);
            names.held.retain(|held| Arc::strong_count(held) > 1);
        }
        if let Some(held) = names.held.get(name) {
            return Arc::clone(held);
        }
        if names.held.len() >= self.max {
            return Arc::clone(&self.other);
        }
        let held: Arc<str> = name.into();
        names.held.insert(Arc::clone(&held));
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_so_many_are_one_until_others_are_let_go() {
        let names = ShownNames::new(2);
        let start = Instant::now();
        let (one, two) = (names.shown("one.test", start), names.shown("two.test", start));
        assert_eq!((&*one, &*two), ("one.test", "two.test"));
        assert_eq!(&*names.shown("three.test", start), OTHER_NAME);
        drop(one);
        assert_eq!(&*names.shown("three.test", start + LOOK / 2), OTHER_NAME, "it was looked for room just now");
        assert_eq!(&*names.shown("two.test", start + LOOK), "two.test");
        let three = names.shown("three.test", start + LOOK);
        assert_eq!(&*three, "three.test");
        assert_eq!(&*names.shown("one.test", start + 2 * LOOK), OTHER_NAME);
        assert!(Arc::ptr_eq(&two, &names.shown("two.test", start + 3 * LOOK)));
        assert_eq!(&*ShownNames::new(0).shown("one.test", start), OTHER_NAME);
    }
}
