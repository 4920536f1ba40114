//! The names of topics whose ids were seen.
//!
//! Newer versions of Produce and Fetch name topics by their ids alone. What the ids stand for is said in answers to
//! Metadata, which a client gets on another connection as a rule, and often from another broker: so all workers share what
//! they learn. An id is a random UUID that is never used twice, so no cluster can mean another's topic by accident.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use flowfold_wire::kafka::TopicId;

/// How many names are known at once. When there are more, all are forgotten: clients ask for them again every few
/// minutes, and what a broker may fill this with is bounded so.
const MAX_NAMES: usize = 16_384;

/// The id that stands for none.
const NONE: TopicId = [0; 16];

type Names = HashMap<TopicId, Arc<str>>;

/// What all workers know of the ids of Kafka's topics. Each clone is the same.
#[derive(Clone, Debug, Default)]
pub struct TopicNames(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Grows with each change.
    generation: AtomicU64,
    names: Mutex<Names>,
}

/// What one worker knows: a copy, so that it takes the lock when something new is to be learnt, and for nothing else.
#[derive(Debug)]
pub(crate) struct Topics {
    shared: TopicNames,
    copy: RefCell<Names>,
    generation: Cell<u64>,
}

impl Topics {
    pub(crate) fn new(shared: TopicNames) -> Self {
        Self { shared, copy: RefCell::default(), generation: Cell::new(0) }
    }

    /// Learns the name of an id.
    pub(crate) fn learn(&self, id: TopicId, name: &str) {
        if id == NONE || self.copy.borrow().get(&id).is_some_and(|known| **known == *name) {
            return;
        }
        let known = &self.shared.0;
        let mut names = known.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MAX_NAMES {
            names.clear();
            self.copy.borrow_mut().clear();
        }
        let name: Arc<str> = name.into();
        names.insert(id, Arc::clone(&name));
        known.generation.fetch_add(1, Ordering::Release);
        drop(names);
        let mut copy = self.copy.borrow_mut();
        if copy.len() >= MAX_NAMES {
            copy.clear();
        }
        copy.insert(id, name);
    }

    /// Shows the name of an id, if it is known.
    pub(crate) fn look_up<T>(&self, id: TopicId, show: impl FnOnce(&str) -> T) -> Option<T> {
        if let Some(name) = self.copy.borrow().get(&id) {
            return Some(show(name));
        }
        let known = &self.shared.0;
        let generation = known.generation.load(Ordering::Acquire);
        if generation == self.generation.replace(generation) {
            return None;
        }
        self.copy.borrow_mut().clone_from(&known.names.lock().unwrap_or_else(PoisonError::into_inner));
        self.copy.borrow().get(&id).map(|name| show(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(topics: &Topics, id: u8) -> Option<String> {
        topics.look_up([id; 16], str::to_owned)
    }

    #[test]
    fn workers_learn_from_each_other() {
        let shared = TopicNames::default();
        let (one, other) = (Topics::new(shared.clone()), Topics::new(shared));
        assert_eq!(name(&other, 1), None);
        one.learn([1; 16], "orders");
        one.learn([2; 16], "payments");
        one.learn(NONE, "none");
        assert_eq!(name(&other, 2).as_deref(), Some("payments"));
        assert_eq!(name(&other, 1).as_deref(), Some("orders"));
        assert_eq!((name(&other, 0), name(&other, 3)), (None, None));
        other.learn([3; 16], "carts");
        assert_eq!(name(&one, 3).as_deref(), Some("carts"));
        assert_eq!(name(&one, 1).as_deref(), Some("orders"));
    }

    #[test]
    fn so_many_names_are_known_at_once() {
        let topics = Topics::new(TopicNames::default());
        let id = |number: usize| u128::try_from(number + 1).expect("small").to_be_bytes();
        for number in 0..3 * MAX_NAMES {
            topics.learn(id(number), "topic");
            assert!(topics.copy.borrow().len() <= MAX_NAMES);
        }
        assert!(topics.shared.0.names.lock().expect("no panic").len() <= MAX_NAMES);
        assert!(topics.look_up(id(3 * MAX_NAMES - 1), |_| ()).is_some());
    }
}
