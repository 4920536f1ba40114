//! Which names are label values.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use flowfold_flow::Workload;
use hashbrown::{HashMap, HashSet};

use super::OTHER_NAME;

/// How long it takes until it is looked again for names that nobody shows any more.
const LOOK: Duration = Duration::from_secs(1);

/// How often this holds a name that it shows.
const OWN: usize = 2;

/// The names that are label values, at most so many at once. One that neither a series nor anything on the way to one holds
/// any more makes room for another. Where there is no room, a workload with more than its share gives one up for a workload
/// with less.
#[derive(Debug)]
pub(super) struct ShownNames {
    max: usize,
    names: RwLock<Names>,
    other: Arc<str>,
}

#[derive(Debug, Default)]
struct Names {
    /// Whether each has been asked for since it was last considered to be given up.
    held: HashMap<Arc<str>, AtomicBool>,
    /// The names that each workload was the first to ask for, in the order in which they may have to go.
    of: HashMap<Arc<Workload>, VecDeque<Arc<str>>>,
    /// Those that had to go, until their series have.
    given_up: HashSet<Arc<str>>,
    /// When it was last looked for some that nobody holds.
    looked: Option<Instant>,
}

impl ShownNames {
    pub(super) fn new(max: usize) -> Self {
        Self { max, names: RwLock::default(), other: OTHER_NAME.into() }
    }

    /// The value for a name that a workload asked for: itself, or what stands for those beyond. Whoever shows it holds on
    /// to it.
    pub(super) fn shown(&self, client: &Arc<Workload>, name: &str, now: Instant) -> Arc<str> {
        let has_just_looked =
            |names: &Names| names.looked.is_some_and(|looked| now.saturating_duration_since(looked) < LOOK);
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = names.held(name) {
            return held;
        }
        if names.held.len() >= self.max && has_just_looked(&names) && !names.may_ask_for_room(client, self.max) {
            return Arc::clone(&self.other);
        }
        drop(names);
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = names.held(name) {
            return held;
        }
        if names.held.len() >= self.max && !has_just_looked(&names) {
            names.looked = Some(now);
            names.let_go();
        }
        if names.held.len() < self.max || names.make_room(client, self.max) {
            return names.add(client, name);
        }
        Arc::clone(&self.other)
    }

    /// The names that have to go since this was last asked, whose series are to go, too.
    pub(super) fn take_given_up(&self) -> HashSet<Arc<str>> {
        if self.names.read().unwrap_or_else(PoisonError::into_inner).given_up.is_empty() {
            return HashSet::new();
        }
        std::mem::take(&mut self.names.write().unwrap_or_else(PoisonError::into_inner).given_up)
    }
}

impl Names {
    fn held(&self, name: &str) -> Option<Arc<str>> {
        let (held, is_used) = self.held.get_key_value(name)?;
        // A write would take the line from the other workers each time.
        if !is_used.load(Ordering::Relaxed) {
            is_used.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(held))
    }

    /// An equal share of all names for each workload that has any, and for this one.
    fn share(&self, client: &Workload, max: usize) -> usize {
        let workloads = self.of.len() + usize::from(!self.of.contains_key(client));
        (max / workloads).max(1)
    }

    /// Whether a workload has less than its share, and others can have more than theirs: where as many as there are names have
    /// one each, nobody has. The series of names that were given up are still shown, so that there is an end to it until they
    /// are gone.
    fn may_ask_for_room(&self, client: &Workload, max: usize) -> bool {
        if self.of.len() >= max && !self.of.contains_key(client) {
            return false;
        }
        let own = self.of.get(client).map_or(0, VecDeque::len);
        own < self.share(client, max).min(max) && self.given_up.len() < max
    }

    /// Adds a name, for which there is room.
    fn add(&mut self, client: &Arc<Workload>, name: &str) -> Arc<str> {
        // What still has series by it is the same name again.
        let name = self.given_up.take(name).unwrap_or_else(|| name.into());
        self.held.insert(Arc::clone(&name), AtomicBool::new(false));
        self.of.entry(Arc::clone(client)).or_default().push_back(Arc::clone(&name));
        name
    }

    /// Forgets the names that nobody holds.
    fn let_go(&mut self) {
        self.held.retain(|name, _| Arc::strong_count(name) > OWN);
        self.of.retain(|_, names| {
            names.retain(|name| self.held.contains_key(name));
            !names.is_empty()
        });
    }

    /// Gives up a name that has not been asked for lately, of the workload that has most, for one that has less than its
    /// share. Whether there is room then.
    fn make_room(&mut self, client: &Workload, max: usize) -> bool {
        if !self.may_ask_for_room(client, max) {
            return false;
        }
        let share = self.share(client, max);
        let most = self.of.values_mut().max_by_key(|names| names.len());
        let Some(names) = most.filter(|names| names.len() > share) else { return false };
        // Those that were asked for are passed over, each once.
        for _ in 0..names.len() {
            let is_used = |name| self.held.get_mut(name).is_some_and(|is_used| std::mem::take(is_used.get_mut()));
            if !names.front().is_some_and(is_used) {
                break;
            }
            names.rotate_left(1);
        }
        let Some(name) = names.pop_front() else { return false };
        self.held.remove(&name);
        self.given_up.insert(name);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(name: &str) -> Arc<Workload> {
        Arc::new(Workload::named(name))
    }

    #[test]
    fn names_beyond_so_many_are_one_until_others_are_let_go() {
        let names = ShownNames::new(2);
        let (web, start) = (workload("web"), Instant::now());
        let (one, two) = (names.shown(&web, "one.test", start), names.shown(&web, "two.test", start));
        assert_eq!((&*one, &*two), ("one.test", "two.test"));
        assert_eq!(&*names.shown(&web, "three.test", start), OTHER_NAME);
        drop(one);
        assert_eq!(&*names.shown(&web, "three.test", start + LOOK / 2), OTHER_NAME, "it was looked for room just now");
        assert_eq!(&*names.shown(&web, "two.test", start + LOOK), "two.test");
        let three = names.shown(&web, "three.test", start + LOOK);
        assert_eq!(&*three, "three.test");
        assert_eq!(&*names.shown(&web, "one.test", start + 2 * LOOK), OTHER_NAME);
        assert!(Arc::ptr_eq(&two, &names.shown(&web, "two.test", start + 3 * LOOK)));
        assert_eq!(&*ShownNames::new(0).shown(&web, "one.test", start), OTHER_NAME);
        assert!(names.take_given_up().is_empty(), "there is one workload alone");
    }

    #[test]
    fn a_workload_with_less_than_its_share_gets_a_name_of_who_has_most() {
        let names = ShownNames::new(4);
        let ([web, evil, other], now) = (["web", "evil", "other"].map(workload), Instant::now());
        let mut shown = Vec::new();
        let mut ask = |client: &Arc<Workload>, name: &str| {
            let value = names.shown(client, name, now);
            shown.push(Arc::clone(&value));
            *value == *name
        };
        assert_eq!(["e1", "e2", "e3", "e4", "e5"].map(|name| ask(&evil, name)), [true, true, true, true, false]);
        assert!(ask(&web, "e1"), "whoever asks for it");
        assert!(ask(&web, "w1"));
        assert!(!ask(&evil, "e2"), "e1 was asked for again, so that this was the first to go");
        assert!(ask(&web, "w2"));
        assert_eq!(
            ["e1", "e3", "e4", "w3"].map(|name| ask(&web, name)),
            [true, false, true, false],
            "each has its share"
        );
        assert_eq!(["e1", "e4", "e5"].map(|name| ask(&evil, name)), [true, true, false]);
        let given_up = names.take_given_up();
        assert_eq!(given_up.len(), 2);
        assert!(["e2", "e3"].iter().all(|name| given_up.contains(*name)));
        assert!(ask(&other, "o1") && !ask(&other, "o2"), "a share is one by now");
        assert_eq!(names.take_given_up().len(), 1);
    }

    #[test]
    fn more_workloads_than_names_have_one_each_as_long_as_there_are_any() {
        let names = ShownNames::new(2);
        let now = Instant::now();
        let shown: Vec<_> = ["a", "b", "c"].map(|name| names.shown(&workload(name), name, now)).into();
        assert_eq!(shown.iter().map(|name| &**name).collect::<Vec<_>>(), ["a", "b", OTHER_NAME]);
    }

    #[test]
    fn a_name_that_is_asked_for_again_before_its_series_are_gone_stays() {
        let names = ShownNames::new(2);
        let ([web, evil], now) = (["web", "evil"].map(workload), Instant::now());
        let one = names.shown(&evil, "one", now);
        let _two = names.shown(&evil, "two", now);
        assert_eq!(&*names.shown(&web, "three", now), "three");
        // Nobody holds it: there is room again.
        assert!(Arc::ptr_eq(&one, &names.shown(&web, "one", now + LOOK)));
        assert!(names.take_given_up().is_empty());
    }

    #[test]
    fn what_is_given_up_at_once_is_bounded() {
        let names = ShownNames::new(2);
        let now = Instant::now();
        let mut shown = Vec::new();
        for round in 0..10 {
            let at = now + LOOK * round;
            let mut ask = |client: &str, name: String| shown.push(names.shown(&workload(client), &name, at));
            ask("evil", format!("x{round}"));
            ask("evil", format!("y{round}"));
            // It shows nothing by its name, so that there is room again.
            drop(names.shown(&workload("web"), &format!("w{round}"), at));
        }
        assert_eq!(names.take_given_up().len(), 2);
    }
}
