//! Offsets that groups commit within transactions, until these end.
//!
//! The coordinator of the group is told of the offset and that of the transaction of the end: over another connection, which
//! is another worker's as often as not. So they are kept for the whole agent. One that does not see that other connection
//! would wait for ever; so offsets are held only for producers whose transactions were seen to end, or to be begun, and as
//! long as that goes on: coordinators move to other brokers.

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashbrown::hash_table::OccupiedEntry;
use hashbrown::{DefaultHashBuilder, HashTable};

/// How many producers are known. The offsets of others count before their transactions end. Whoever comes takes the place of
/// the one that holds nothing and has stood still for the longest.
const MAX_PRODUCERS: usize = 1024;

/// How many offsets are held, for all producers. Those beyond count before their transactions end. A producer never holds
/// more than are left for all others.
const MAX_HELD: usize = 8192;

/// For how many offsets a producer keeps memory between two of its transactions.
const KEPT_OFFSETS: usize = 64;

/// The longest id of a producer that is told from others, in bytes: a longer one may have been cut.
const MAX_ID_BYTES: usize = 200;

/// How long a producer is known whose transactions neither begin nor end: no broker leaves one open for longer where nothing
/// else is configured (`transaction.max.timeout.ms`).
const KEPT: Duration = Duration::from_mins(15);

/// After how long a producer that commits more, and has ended nothing, is taken for one whose ends are not seen: as long as
/// a transaction may be open where the producer has nothing else configured (`transaction.timeout.ms`).
const OPEN: Duration = Duration::from_mins(1);

/// The transactions of the whole agent.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    hasher: DefaultHashBuilder,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    producers: HashTable<Producer>,
    /// How many offsets they hold together.
    held: usize,
    /// How often transactions have begun or ended.
    turns: u64,
}

/// A transaction as an exchange names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    /// The namespace of the brokers.
    pub(crate) cluster: &'a Arc<str>,
    pub(crate) transactional_id: &'a str,
    /// The producer's number and its epoch: whoever has another one begins anew, and what was open before is aborted.
    pub(crate) producer: (i64, i16),
}

/// An offset that a group has committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The places of their names.
    pub(crate) group: u16,
    pub(crate) topic: u16,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

#[derive(Debug)]
struct Producer {
    hash: u64,
    cluster: Arc<str>,
    transactional_id: Box<str>,
    /// The number and the epoch of whose the offsets are.
    incarnation: (i64, i16),
    offsets: Vec<Held>,
    /// Which of all turns was its last one; and what that was when it was last looked at, and since when.
    turned: u64,
    seen: Option<(u64, Instant)>,
    /// Since when offsets were seen to be held for the same end; and whether that is for as long as [`OPEN`].
    holds_since: Option<Instant>,
    is_late: bool,
}

impl Producer {
    /// Takes up an offset, in the place of the last one for this partition. Returns whether there was a place.
    fn hold(&mut self, told: Held, next: &mut usize, may_grow: bool) -> bool {
        let whose = |held: &Held| (held.group, held.topic, held.partition);
        // They are told in the same order each time, as a rule.
        let is_next = self.offsets.get(*next).is_some_and(|held| whose(held) == whose(&told));
        let at = if is_next { Some(*next) } else { self.offsets.iter().position(|held| whose(held) == whose(&told)) };
        if let Some(held) = at.and_then(|at| self.offsets.get_mut(at)) {
            *held = told;
        } else if may_grow {
            self.offsets.push(told);
        } else {
            return false;
        }
        *next = at.unwrap_or(self.offsets.len()).saturating_add(1);
        true
    }

    /// Whether what it held must have ended by now, as a commit of this one tells, and nobody saw it.
    fn has_missed_end(&self, named: &Named<'_>) -> bool {
        // With some clients each end raises the epoch, and with all of them whoever begins anew.
        self.is_late || (self.incarnation != named.producer && !self.offsets.is_empty())
    }

    /// Ages it. Returns whether it is to be kept.
    fn look(&mut self, now: Instant) -> bool {
        if !self.offsets.is_empty() {
            let since = *self.holds_since.get_or_insert(now);
            self.is_late = now.saturating_duration_since(since) >= OPEN;
        }
        match self.seen {
            Some((turned, since)) if turned == self.turned => now.saturating_duration_since(since) < KEPT,
            _ => {
                self.seen = Some((self.turned, now));
                true
            }
        }
    }
}

impl Transactions {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hash(&self, named: &Named<'_>) -> u64 {
        self.hasher.hash_one((&**named.cluster, named.transactional_id))
    }

    /// Holds offsets until their transaction ends. Calls `counts` with those that nothing is waited for.
    pub(crate) fn hold(&self, named: &Named<'_>, told: impl Iterator<Item = Held>, mut counts: impl FnMut(Held)) {
        let mut known = self.known();
        let Known { producers, held, .. } = &mut *known;
        let Ok(mut found) = producers.find_entry(self.hash(named), |producer| producer.is(named)) else {
            drop(known);
            return told.for_each(counts);
        };
        if found.get().has_missed_end(named) {
            let (gone, _) = found.remove();
            *held -= gone.offsets.len();
            drop(known);
            // The same one has ended one transaction after the other; what another one held may have been aborted.
            if gone.incarnation == named.producer {
                gone.offsets.into_iter().for_each(&mut counts);
            }
            return told.for_each(counts);
        }
        let producer = found.get_mut();
        producer.incarnation = named.producer;
        let mut next = 0;
        for offset in told {
            let mine = producer.offsets.len();
            let may_grow = mine < MAX_HELD.saturating_sub(*held);
            if !producer.hold(offset, &mut next, may_grow) {
                counts(offset);
            }
            *held += producer.offsets.len() - mine;
        }
    }

    /// A producer begins anew, or ends a transaction. What this held is in `offsets` afterwards, and nothing else.
    pub(crate) fn turn(&self, named: &Named<'_>, offsets: &mut Vec<Held>) {
        offsets.clear();
        let mut known = self.known();
        let Known { producers, held, turns } = &mut *known;
        *turns += 1;
        let hash = self.hash(named);
        let Some(producer) = producers.find_mut(hash, |producer| producer.is(named)) else {
            if (1..=MAX_ID_BYTES).contains(&named.transactional_id.len()) && make_room(producers) {
                producers.insert_unique(hash, Producer::new(hash, named, *turns), |producer| producer.hash);
            }
            return;
        };
        producer.turned = *turns;
        (producer.holds_since, producer.is_late) = (None, false);
        *held -= producer.offsets.len();
        // Neither list is made anew with each transaction, unless they are long.
        offsets.shrink_to(KEPT_OFFSETS);
        std::mem::swap(&mut producer.offsets, offsets);
        if producer.incarnation != named.producer {
            offsets.clear();
        }
    }

    /// Forgets producers whose transactions must be over by now, by a clock that says it is `now`.
    pub(crate) fn expire(&self, now: Instant) {
        let mut known = self.known();
        let Known { producers, held, .. } = &mut *known;
        producers.retain(|producer| {
            let is_kept = producer.look(now);
            *held -= if is_kept { 0 } else { producer.offsets.len() };
            is_kept
        });
    }

    /// Calls `visit` with all that is held.
    pub(super) fn for_each(&self, visit: impl FnMut(&Held)) {
        self.known().producers.iter().flat_map(|producer| &producer.offsets).for_each(visit);
    }
}

/// Makes room for one more. Returns whether there is some.
fn make_room(producers: &mut HashTable<Producer>) -> bool {
    if producers.len() < MAX_PRODUCERS {
        return true;
    }
    let idle = producers.iter().filter(|producer| producer.offsets.is_empty()).min_by_key(|producer| producer.turned);
    let Some((hash, turned)) = idle.map(|producer| (producer.hash, producer.turned)) else { return false };
    producers.find_entry(hash, |producer| producer.turned == turned).map(OccupiedEntry::remove).is_ok()
}

impl Producer {
    fn new(hash: u64, named: &Named<'_>, turned: u64) -> Self {
        let (cluster, transactional_id) = (Arc::clone(named.cluster), named.transactional_id.into());
        let incarnation = named.producer;
        Self {
            hash,
            cluster,
            transactional_id,
            incarnation,
            offsets: Vec::new(),
            turned,
            seen: None,
            holds_since: None,
            is_late: false,
        }
    }

    fn is(&self, named: &Named<'_>) -> bool {
        (&*self.cluster, &*self.transactional_id) == (&**named.cluster, named.transactional_id)
    }
}

#[cfg(test)]
mod tests;
