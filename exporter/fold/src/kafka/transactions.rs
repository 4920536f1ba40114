//! Offsets that groups commit within transactions, until these end.
//!
//! The coordinator of the group is told of the offset and that of the transaction of the end: over another connection, which
//! is another worker's as often as not. So they are kept for the whole agent. One that does not see that other connection
//! would wait for ever; so offsets are held only for producers whose transactions were seen to end, or to be begun, and as
//! long as that goes on: coordinators move to other brokers.
//!
//! Few exchanges are about transactions, so these take a lock: of the part that their producer is in, where two workers
//! seldom meet.

mod held;
mod producer;

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flowfold_flow::KafkaCluster;
use hashbrown::hash_table::OccupiedEntry;
use hashbrown::{DefaultHashBuilder, HashTable};

pub(crate) use held::{Held, HeldOffsets};
use producer::Producer;

/// How many producers are known. The offsets of others count before their transactions end. Whoever comes takes the place of
/// the one of its part that holds nothing and has stood still for the longest.
const MAX_PRODUCERS: usize = 1024;

/// How many offsets are held, for all producers. Those beyond count before their transactions end. A producer never holds
/// more than are left for all others.
const MAX_HELD: usize = 8192;

/// In how many parts the producers are, each with a lock of its own.
const PARTS: usize = 16;

/// The longest id of a producer that is told from others, in bytes: a longer one may have been cut.
const MAX_ID_BYTES: usize = 200;

/// The transactions of the whole agent.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    hasher: DefaultHashBuilder,
    parts: [Mutex<Known>; PARTS],
    /// How many producers are known in all parts.
    producers: AtomicUsize,
    /// How many offsets they hold together.
    held: AtomicUsize,
}

/// The producers of a part.
#[derive(Debug, Default)]
struct Known {
    producers: HashTable<Producer>,
    /// How often transactions have begun or ended.
    turns: u64,
}

/// A transaction as an exchange names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    /// The namespace of the brokers, in which their cluster is told from others.
    pub(crate) namespace: &'a Arc<str>,
    pub(crate) cluster: &'a KafkaCluster,
    pub(crate) transactional_id: &'a str,
    /// The producer's number and its epoch: whoever has another one begins anew, and what was open before is aborted.
    pub(crate) producer: (i64, i16),
}

impl Transactions {
    fn hash(&self, named: &Named<'_>) -> u64 {
        self.hasher.hash_one((&**named.namespace, named.cluster.key(), named.transactional_id))
    }

    /// The part that producers with this hash are in.
    fn part(&self, hash: u64) -> &Mutex<Known> {
        // Tables make use of the lowest bits, and of the highest ones.
        let [.., fifth, _, _, _] = hash.to_le_bytes();
        &self.parts[usize::from(fifth) % PARTS]
    }

    fn known(&self, hash: u64) -> MutexGuard<'_, Known> {
        self.part(hash).lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All parts, one after the other.
    fn each_known(&self) -> impl Iterator<Item = MutexGuard<'_, Known>> {
        self.parts.iter().map(|part| part.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Holds offsets until their transaction ends. Calls `counts` with those that nothing is waited for.
    pub(crate) fn hold(&self, named: &Named<'_>, told: impl Iterator<Item = Held>, mut counts: impl FnMut(Held)) {
        let hash = self.hash(named);
        let mut known = self.known(hash);
        let Ok(mut found) = known.producers.find_entry(hash, |producer| producer.is(named)) else {
            drop(known);
            return told.for_each(counts);
        };
        if found.get().has_missed_end(named) {
            let (mut gone, _) = found.remove();
            drop(known);
            self.is_gone(&gone);
            // The same one has ended one transaction after the other; what another one held may have been aborted.
            if gone.incarnation == named.producer {
                gone.offsets.drain().for_each(&mut counts);
            }
            return told.for_each(counts);
        }
        let producer = found.get_mut();
        producer.incarnation = named.producer;
        for offset in told {
            if !producer.offsets.hold(offset, |mine| self.has_room(mine)) {
                counts(offset);
            }
        }
    }

    /// A producer begins anew, or ends a transaction. What this held is in `offsets` afterwards, and nothing else. `timeout` is
    /// how long its transactions may be open from now on, where it says so.
    pub(crate) fn turn(&self, named: &Named<'_>, timeout: Option<Duration>, offsets: &mut HeldOffsets) {
        // Neither list is made anew with each transaction, unless they are long.
        offsets.empty();
        let hash = self.hash(named);
        let mut known = self.known(hash);
        let Known { producers, turns } = &mut *known;
        *turns += 1;
        let Some(producer) = producers.find_mut(hash, |producer| producer.is(named)) else {
            if (1..=MAX_ID_BYTES).contains(&named.transactional_id.len()) && self.make_room(producers) {
                let producer = Producer::new(hash, named, timeout, *turns);
                producers.insert_unique(hash, producer, |producer| producer.hash);
            }
            return;
        };
        producer.turn(*turns, timeout);
        self.held.fetch_sub(producer.offsets.len(), Ordering::Relaxed);
        std::mem::swap(&mut producer.offsets, offsets);
        let is_another = producer.incarnation != named.producer;
        drop(known);
        if is_another {
            offsets.empty();
        }
    }

    /// Forgets producers whose transactions must be over by now, by a clock that says it is `now`.
    pub(crate) fn expire(&self, now: Instant) {
        for mut known in self.each_known() {
            known.producers.retain(|producer| {
                let is_kept = producer.look(now);
                if !is_kept {
                    self.is_gone(producer);
                }
                is_kept
            });
        }
    }

    /// Calls `visit` with all that is held.
    pub(super) fn for_each(&self, mut visit: impl FnMut(Held)) {
        for known in self.each_known() {
            known.producers.iter().flat_map(|producer| producer.offsets.iter()).for_each(&mut visit);
        }
    }

    /// Whether a producer that holds so many offsets may hold another one, for which it has a place then.
    fn has_room(&self, mine: usize) -> bool {
        let more = |held: usize| (mine < MAX_HELD.saturating_sub(held)).then_some(held + 1);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Makes room for one more among those of a part. Returns whether there is some.
    fn make_room(&self, producers: &mut HashTable<Producer>) -> bool {
        let more = |known: usize| (known < MAX_PRODUCERS).then_some(known + 1);
        if self.producers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok() {
            return true;
        }
        let idle =
            producers.iter().filter(|producer| producer.offsets.is_empty()).min_by_key(|producer| producer.turned);
        let Some((hash, turned)) = idle.map(|producer| (producer.hash, producer.turned)) else { return false };
        producers.find_entry(hash, |producer| producer.turned == turned).map(OccupiedEntry::remove).is_ok()
    }

    /// This one is not known any more.
    fn is_gone(&self, producer: &Producer) {
        self.held.fetch_sub(producer.offsets.len(), Ordering::Relaxed);
        self.producers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
