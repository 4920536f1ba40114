//! Ends positions that brokers say there are no more.

use std::hash::BuildHasher;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use flowfold_flow::Workload;
use hashbrown::HashMap;

use super::known::BATCH;
use super::{Positions, Sought, Whose};

/// How many groups may be deleted between two looks at the positions. Those beyond end as others do that have stopped.
const MAX_DELETED: usize = 1024;

/// A group that was deleted. Its positions are many, and a worker has no time to go through all there are: whoever looks at
/// the positions next takes them out.
#[derive(Debug)]
pub(super) struct Deleted {
    group: u16,
    /// Of its cluster.
    broker: Arc<Workload>,
    /// What the group writes after it was made anew is of this era, or of a later one.
    era: u32,
}

impl Positions {
    /// There are no such positions any more.
    pub(crate) fn end<'a>(&self, ended: impl Iterator<Item = Sought<'a>>) {
        let mut ended = ended.peekable();
        // A client may ask for many that there never were: it takes the lock for several at a time, as others do.
        while ended.peek().is_some() {
            let mut known = self.known();
            for sought in ended.by_ref().take(BATCH) {
                known.end(self.hasher.hash_one(sought.identity()), &sought);
            }
            self.count.store(known.len(), Ordering::Relaxed);
        }
    }

    /// A group has been deleted, with all that it had committed.
    pub(crate) fn end_group(&self, group: u16, broker: &Arc<Workload>) {
        let mut deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        let era = self.era.fetch_add(1, Ordering::Relaxed) + 1;
        let is_it = |other: &&mut Deleted| other.group == group && other.broker.namespace == broker.namespace;
        if let Some(again) = deleted.iter_mut().find(is_it) {
            again.era = era;
        } else if deleted.len() < MAX_DELETED {
            deleted.push(Deleted { group, broker: Arc::clone(broker), era });
        }
    }

    /// Takes out what groups had committed that were deleted since.
    pub(crate) fn settle(&self) {
        let deleted = std::mem::take(&mut *self.deleted.lock().unwrap_or_else(PoisonError::into_inner));
        if deleted.is_empty() {
            return;
        }
        let eras: HashMap<_, _> =
            deleted.iter().map(|gone| ((gone.group, &*gone.broker.namespace), gone.era)).collect();
        self.give_up(|_, tracked| {
            let position = &*tracked.position;
            let Whose::Group(group) = position.whose else { return false };
            let era = eras.get(&(group, &*position.broker.namespace));
            era.is_some_and(|era| position.era.load(Ordering::Relaxed) < *era)
        });
    }
}
