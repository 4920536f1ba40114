//! Ends positions that brokers say there are no more.

use std::hash::BuildHasher;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use flowfold_flow::{KafkaCluster, Workload};
use hashbrown::HashMap;

use super::known::BATCH;
use super::{Positions, Sought, Whose};
use crate::kafka::MAX_MAX_KAFKA_GROUPS;

/// How many groups that were deleted wait for a look at the positions: all that one cluster can have.
const MAX_DELETED: usize = MAX_MAX_KAFKA_GROUPS;

/// Groups that were deleted, with their cluster: what one writes after it was made anew is of this era, or of a later one.
///
/// The positions of a group are many, and a worker has no time to go through all there are: whoever looks at the positions
/// next takes them out.
pub(super) type Deleted = HashMap<(u16, Arc<str>, Box<str>), u32>;

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
    pub(crate) fn end_group(&self, group: u16, broker: &Arc<Workload>, cluster: &KafkaCluster) {
        let mut deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        let era = self.era.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        deleted.insert((group, Arc::clone(&broker.namespace), cluster.key().into()), era);
        let is_full = deleted.len() >= MAX_DELETED;
        drop(deleted);
        // Several clusters have lost thousands of them since the last look: one look more is little for each of these.
        if is_full {
            self.settle();
        }
    }

    /// Takes out what groups had committed that were deleted since.
    pub(crate) fn settle(&self) {
        let deleted = std::mem::take(&mut *self.deleted.lock().unwrap_or_else(PoisonError::into_inner));
        if deleted.is_empty() {
            return;
        }
        let eras: HashMap<_, _> = deleted
            .iter()
            .map(|((group, namespace, cluster), era)| ((*group, (&**namespace, &**cluster)), *era))
            .collect();
        self.give_up(|_, tracked| {
            let position = &*tracked.position;
            let Whose::Group(group) = position.whose else { return false };
            let era = eras.get(&(group, position.cluster()));
            era.is_some_and(|era| position.era.load(Ordering::Relaxed) < *era)
        });
    }
}
