//! How far brokers, groups and consumers are in each partition.
//!
//! The high watermark of a partition comes over one connection and the offset that a group commits over another, often
//! of another worker; so these are kept for the whole agent. A worker finds what it has met once by itself, and writes it
//! without a lock.

mod deletion;
mod expiry;
mod known;

use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use flowfold_flow::{KafkaCluster, Workload};
use hashbrown::{DefaultHashBuilder, HashTable};

use super::MAX_MAX_KAFKA_PARTITIONS;
use deletion::Deleted;
use known::Known;

/// After how many ends of a log in a row that are lower than what is known these are believed: the topic was made anew, or
/// its end was lost with a broker. Answers to several producers may come in another order than their records, but not
/// that many.
const LOWER_ENDS: u32 = 64;

/// Whose position in a partition it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Whose {
    /// The brokers': what follows the last record that consumers may see.
    Brokers,
    /// What a group has committed. The number is the place of its name.
    Group(u16),
    /// What a workload has been given by its last Fetch.
    Fetcher,
}

/// What is told of a position.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    /// This is it.
    At(i64),
    /// It is there or beyond, unless something was lost.
    Beyond(i64),
}

impl Told {
    /// The offset that is told.
    pub(crate) const fn offset(self) -> i64 {
        match self {
            Self::At(offset) | Self::Beyond(offset) => offset,
        }
    }
}

/// A position that is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sought<'a> {
    pub(crate) whose: Whose,
    /// The place of its name.
    pub(crate) topic: u16,
    pub(crate) partition: i32,
    /// Clusters are told apart within the namespace of their brokers.
    pub(crate) broker: &'a Arc<Workload>,
    pub(crate) cluster: &'a KafkaCluster,
    /// Counts with [`Whose::Fetcher`] alone.
    pub(crate) client: &'a Arc<Workload>,
}

/// A position in a partition.
#[derive(Debug)]
pub(crate) struct Position {
    hash: u64,
    pub(super) whose: Whose,
    pub(super) topic: u16,
    pub(super) partition: i32,
    pub(super) broker: Arc<Workload>,
    pub(super) cluster: KafkaCluster,
    pub(super) client: Option<Arc<Workload>>,
    offset: AtomicI64,
    /// How many in a row were told that are lower.
    lower: AtomicU32,
    /// How many groups had been deleted before it was written last.
    era: AtomicU32,
    /// Another number after each write, so that an idle one can be told.
    writes: AtomicU32,
    /// It was given up: whoever finds it looks for another.
    retired: AtomicBool,
}

/// The parts that tell two positions apart.
type Identity<'a> = (Whose, u16, i32, (&'a str, &'a str), Option<(&'a str, &'a str)>);

impl<'a> Sought<'a> {
    fn client(&self) -> Option<&'a Arc<Workload>> {
        (self.whose == Whose::Fetcher).then_some(self.client)
    }

    fn identity(&self) -> Identity<'a> {
        let client = self.client().map(|client| (&*client.name, &*client.namespace));
        (self.whose, self.topic, self.partition, (&self.broker.namespace, self.cluster.key()), client)
    }
}

impl Position {
    fn new(hash: u64, sought: &Sought<'_>, told: Told, era: u32) -> Self {
        Self {
            hash,
            whose: sought.whose,
            topic: sought.topic,
            partition: sought.partition,
            broker: Arc::clone(sought.broker),
            cluster: sought.cluster.clone(),
            client: sought.client().map(Arc::clone),
            offset: AtomicI64::new(told.offset()),
            lower: AtomicU32::new(0),
            era: AtomicU32::new(era),
            writes: AtomicU32::new(0),
            retired: AtomicBool::new(false),
        }
    }

    fn is(&self, sought: &Sought<'_>) -> bool {
        let client = self.client.as_ref().map(|client| (&*client.name, &*client.namespace));
        (self.whose, self.topic, self.partition, self.cluster(), client) == sought.identity()
    }

    /// The cluster, with the namespace in which it is told from others.
    pub(super) fn cluster(&self) -> (&str, &str) {
        (&self.broker.namespace, self.cluster.key())
    }

    pub(super) fn offset(&self) -> i64 {
        self.offset.load(Ordering::Relaxed)
    }

    /// The broker's position in the same partition.
    fn of_brokers(&self) -> Sought<'_> {
        let Self { topic, partition, broker, cluster, .. } = self;
        Sought { whose: Whose::Brokers, topic: *topic, partition: *partition, broker, cluster, client: broker }
    }

    /// Writes down what is told. Returns whether it is kept: otherwise this was given up, and it belongs to another position.
    #[must_use]
    fn tell(&self, told: Told, era: u32) -> bool {
        let lower = match told {
            Told::At(offset) => {
                self.offset.store(offset, Ordering::Relaxed);
                0
            }
            Told::Beyond(offset) => {
                let last = self.offset.fetch_max(offset, Ordering::Relaxed);
                let lower = if offset < last { self.lower.load(Ordering::Relaxed) + 1 } else { 0 };
                if lower == LOWER_ENDS {
                    self.offset.store(offset, Ordering::Relaxed);
                }
                lower % LOWER_ENDS
            }
        };
        self.lower.store(lower, Ordering::Relaxed);
        // A worker that began before a group was deleted may write after one that began later.
        if self.era.load(Ordering::Relaxed) < era {
            self.era.fetch_max(era, Ordering::Relaxed);
        }
        // A lost update of two workers still leaves another number than before.
        self.writes.store(self.writes.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        // Either this sees that it was given up, or whoever gives it up sees all that was written: see `retire`.
        fence(Ordering::SeqCst);
        !self.is_retired()
    }

    /// Gives it up, if it still `is_over` for one who sees what all have written that took it for one that is kept. Returns
    /// whether it is given up.
    fn retire(&self, is_over: impl FnOnce() -> bool) -> bool {
        self.retired.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let is_over = is_over();
        if !is_over {
            self.retired.store(false, Ordering::Relaxed);
        }
        is_over
    }

    fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }
}

/// The positions of the whole agent.
#[derive(Debug)]
pub(crate) struct Positions {
    max: usize,
    hasher: DefaultHashBuilder,
    known: Mutex<Known>,
    /// How many are known.
    count: AtomicUsize,
    /// How often there was no room for one.
    turned_away: AtomicU64,
    /// How many groups have been deleted.
    era: AtomicU32,
    /// Those whose positions are still to be taken out.
    deleted: Mutex<Deleted>,
}

impl Positions {
    /// Room for so many, and at most [`MAX_MAX_KAFKA_PARTITIONS`].
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max: max.min(MAX_MAX_KAFKA_PARTITIONS),
            hasher: DefaultHashBuilder::default(),
            known: Mutex::default(),
            count: AtomicUsize::new(0),
            turned_away: AtomicU64::new(0),
            era: AtomicU32::new(0),
            deleted: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// All positions.
    pub(super) fn all(&self) -> Vec<Arc<Position>> {
        let mut all = Vec::with_capacity(self.len());
        for (mut known, places) in self.walk() {
            all.extend(known.at(places).map(|tracked| Arc::clone(&tracked.position)));
        }
        // One that went while this was walking may have come again, at another place.
        all.retain(|position| !position.is_retired());
        all
    }

    /// A position, made where there is room for it.
    fn find_or_create(&self, hash: u64, sought: &Sought<'_>, told: Told, era: u32) -> Option<Arc<Position>> {
        // When there is no more room, this is asked by each exchange that names a partition beyond: then it waits for
        // nobody.
        let mut known = if self.len() < self.max {
            self.known()
        } else {
            match self.known.try_lock() {
                Ok(known) => known,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return None,
            }
        };
        if let Some(tracked) = known.find(hash, sought) {
            return Some(Arc::clone(&tracked.position));
        }
        if known.len() >= self.max {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let position = Arc::new(Position::new(hash, sought, told, era));
        known.add(Arc::clone(&position));
        self.count.store(known.len(), Ordering::Relaxed);
        Some(position)
    }
}

/// The positions that a worker has met.
#[derive(Debug, Default)]
pub(crate) struct KnownPositions(HashTable<Arc<Position>>);

impl KnownPositions {
    /// Writes down what is told of a position, if there is room for it.
    pub(crate) fn tell(&mut self, positions: &Positions, sought: &Sought<'_>, told: Told) {
        let hash = positions.hasher.hash_one(sought.identity());
        let era = positions.era.load(Ordering::Relaxed);
        let known = self.0.find(hash, |position| position.is(sought) && !position.is_retired());
        if known.is_some_and(|position| position.tell(told, era)) {
            return;
        }
        let position = loop {
            let Some(position) = positions.find_or_create(hash, sought, told, era) else { return };
            // Otherwise it went since it was found.
            if position.tell(told, era) {
                break position;
            }
        };
        // What was given up goes before the table would have to grow for it.
        if self.0.len() == self.0.capacity() {
            self.0.retain(|position| !position.is_retired());
            // Where that were few, the next ones find room without another look at all the others.
            self.0.reserve(self.0.len() / 8 + 1, |position| position.hash);
        }
        self.0.insert_unique(hash, position, |position| position.hash);
    }
}

#[cfg(test)]
mod tests;
