//! The names of topics whose ids were seen.
//!
//! Newer versions of Produce and Fetch name topics by their ids alone. What the ids stand for is said in answers to
//! Metadata, which a client gets on another connection as a rule, and often from another broker: so all workers share what
//! they learn. An id is a random UUID that is never used twice, so no cluster can mean another's topic by accident.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use flowfold_wire::kafka::TopicId;

/// How many names are known at once. When there are more, all are forgotten: clients ask for them again every few
/// minutes, and what a broker may fill this with is bounded so.
const MAX_NAMES: usize = 16_384;

/// The id that stands for none.
const NONE: TopicId = [0; 16];

type Names = HashMap<TopicId, Arc<str>>;

/// What all workers know of the ids of Kafka's topics. Each clone is the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct TopicNames(Arc<RwLock<Names>>);

/// What one worker knows: what it has needed so far, so that it takes the lock for what is new to it and for nothing else.
#[derive(Debug)]
pub(crate) struct Topics {
    shared: TopicNames,
    copy: RefCell<Names>,
}

impl Topics {
    pub(crate) fn new(shared: TopicNames) -> Self {
        Self { shared, copy: RefCell::default() }
    }

    /// Learns the name of an id. The first one stays: an id never gets another name.
    pub(crate) fn learn(&self, id: TopicId, name: &str) {
        if id == NONE || self.copy.borrow().contains_key(&id) {
            return;
        }
        let mut names = self.shared.0.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MAX_NAMES && !names.contains_key(&id) {
            names.clear();
        }
        let name = Arc::clone(names.entry(id).or_insert_with(|| name.into()));
        drop(names);
        self.keep(id, name);
    }

    /// Shows the name of an id, if it is known.
    pub(crate) fn look_up<T>(&self, id: TopicId, show: impl FnOnce(&str) -> T) -> Option<T> {
        if let Some(name) = self.copy.borrow().get(&id) {
            return Some(show(name));
        }
        let name = Arc::clone(self.shared.0.read().unwrap_or_else(PoisonError::into_inner).get(&id)?);
        let shown = show(&name);
        self.keep(id, name);
        Some(shown)
    }

    fn keep(&self, id: TopicId, name: Arc<str>) {
        let mut copy = self.copy.borrow_mut();
        if copy.len() >= MAX_NAMES {
            copy.clear();
        }
        copy.insert(id, name);
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
    fn an_id_keeps_its_first_name() {
        let shared = TopicNames::default();
        let (one, other) = (Topics::new(shared.clone()), Topics::new(shared));
        one.learn([1; 16], "orders");
        one.learn([1; 16], "forged");
        other.learn([1; 16], "forged");
        assert_eq!((name(&one, 1).as_deref(), name(&other, 1).as_deref()), (Some("orders"), Some("orders")));
    }

    #[test]
    fn so_many_names_are_known_at_once() {
        let topics = Topics::new(TopicNames::default());
        let id = |number: usize| u128::try_from(number + 1).expect("small").to_be_bytes();
        for number in 0..3 * MAX_NAMES {
            topics.learn(id(number), "topic");
            assert!(topics.copy.borrow().len() <= MAX_NAMES);
        }
        assert!(topics.shared.0.read().expect("no panic").len() <= MAX_NAMES);
        assert!(topics.look_up(id(3 * MAX_NAMES - 1), |_| ()).is_some());
    }
}
