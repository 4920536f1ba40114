//! How far brokers, groups and consumers are in each partition.
//!
//! The high watermark of a partition comes over one connection and the offset that a group commits over another, often
//! of another worker; so these are kept for the whole agent. A worker finds what it has met once by itself, and writes it
//! without a lock.

use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use flowfold_flow::Workload;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::MAX_MAX_KAFKA_PARTITIONS;

/// Whose position in a partition it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Whose {
    /// The brokers': what follows the last record that consumers may see.
    Brokers,
    /// What a group has committed. The number is the place of its name.
    Group(u16),
    /// What a workload has asked for in its last Fetch.
    Fetcher,
}

/// A position that is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sought<'a> {
    pub(crate) whose: Whose,
    /// The place of its name.
    pub(crate) topic: u16,
    pub(crate) partition: i32,
    /// Brokers of one namespace are taken for one cluster.
    pub(crate) broker: &'a Arc<Workload>,
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
    pub(super) client: Option<Arc<Workload>>,
    offset: AtomicI64,
    /// Another number after each write, so that an idle one can be told.
    writes: AtomicU32,
    /// It was given up: whoever finds it looks for another.
    retired: AtomicBool,
}

/// The parts that tell two positions apart.
type Identity<'a> = (Whose, u16, i32, &'a str, Option<(&'a str, &'a str)>);

impl<'a> Sought<'a> {
    fn client(&self) -> Option<&'a Arc<Workload>> {
        (self.whose == Whose::Fetcher).then_some(self.client)
    }

    fn identity(&self) -> Identity<'a> {
        let client = self.client().map(|client| (&*client.name, &*client.namespace));
        (self.whose, self.topic, self.partition, &self.broker.namespace, client)
    }
}

impl Position {
    fn new(hash: u64, sought: &Sought<'_>) -> Self {
        Self {
            hash,
            whose: sought.whose,
            topic: sought.topic,
            partition: sought.partition,
            broker: Arc::clone(sought.broker),
            client: sought.client().map(Arc::clone),
            offset: AtomicI64::new(0),
            writes: AtomicU32::new(0),
            retired: AtomicBool::new(false),
        }
    }

    fn is(&self, sought: &Sought<'_>) -> bool {
        let client = self.client.as_ref().map(|client| (&*client.name, &*client.namespace));
        (self.whose, self.topic, self.partition, &*self.broker.namespace, client) == sought.identity()
    }

    pub(super) fn offset(&self) -> i64 {
        self.offset.load(Ordering::Relaxed)
    }

    fn set(&self, offset: i64) {
        self.offset.store(offset, Ordering::Relaxed);
        // A lost update of two workers still leaves another number than before.
        self.writes.store(self.writes.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }
}

/// The positions of the whole agent.
#[derive(Debug)]
pub(crate) struct Positions {
    max: usize,
    hasher: DefaultHashBuilder,
    known: Mutex<HashTable<Tracked>>,
    /// How many are known.
    count: AtomicUsize,
    /// How often there was no room for one.
    turned_away: AtomicU64,
}

#[derive(Debug)]
struct Tracked {
    position: Arc<Position>,
    /// How often it had been written when it was last looked at, and since when.
    seen: Option<(u32, Instant)>,
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
        }
    }

    fn known(&self) -> MutexGuard<'_, HashTable<Tracked>> {
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
        self.known().iter().map(|tracked| Arc::clone(&tracked.position)).collect()
    }

    /// A position, made where there is room for it.
    fn find_or_create(&self, hash: u64, sought: &Sought<'_>) -> Option<Arc<Position>> {
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
        if let Some(tracked) = known.find(hash, |tracked| tracked.position.is(sought)) {
            return Some(Arc::clone(&tracked.position));
        }
        if known.len() >= self.max {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let position = Arc::new(Position::new(hash, sought));
        let tracked = Tracked { position: Arc::clone(&position), seen: None };
        known.insert_unique(hash, tracked, |tracked| tracked.position.hash);
        self.count.store(known.len(), Ordering::Relaxed);
        Some(position)
    }

    /// Gives up those that have not been written for as long as `ttl`, by a clock that says it is `now`.
    pub(crate) fn expire(&self, now: Instant, ttl: Duration) {
        let mut known = self.known();
        known.retain(|tracked| {
            let writes = tracked.position.writes.load(Ordering::Relaxed);
            match tracked.seen {
                Some((seen, since)) if seen == writes => {
                    let is_idle = now.saturating_duration_since(since) >= ttl;
                    tracked.position.retired.store(is_idle, Ordering::Relaxed);
                    !is_idle
                }
                _ => {
                    tracked.seen = Some((writes, now));
                    true
                }
            }
        });
        self.count.store(known.len(), Ordering::Relaxed);
    }
}

/// The positions that a worker has met.
#[derive(Debug, Default)]
pub(crate) struct KnownPositions(HashTable<Arc<Position>>);

impl KnownPositions {
    /// Writes down a position, if there is room for it.
    pub(crate) fn set(&mut self, positions: &Positions, sought: &Sought<'_>, offset: i64) {
        let hash = positions.hasher.hash_one(sought.identity());
        if let Some(position) = self.0.find(hash, |position| position.is(sought) && !is_retired(position)) {
            position.set(offset);
            return;
        }
        let Some(position) = positions.find_or_create(hash, sought) else { return };
        position.set(offset);
        // What was given up goes before the table would have to grow for it.
        if self.0.len() == self.0.capacity() {
            self.0.retain(|position| !is_retired(position));
        }
        self.0.insert_unique(hash, position, |position| position.hash);
    }
}

fn is_retired(position: &Arc<Position>) -> bool {
    position.retired.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_mins(1);

    fn workload(name: &str, namespace: &str) -> Arc<Workload> {
        Arc::new(Workload { namespace: namespace.into(), ..Workload::named(name) })
    }

    #[test]
    fn workers_share_what_they_know() {
        let positions = Positions::new(10);
        let (broker, client) = (workload("kafka-0", "kafka"), workload("web", "shop"));
        let sought = Sought { whose: Whose::Brokers, topic: 3, partition: 0, broker: &broker, client: &client };
        let mut workers = [KnownPositions::default(), KnownPositions::default()];
        workers[0].set(&positions, &sought, 7);
        let other = workload("kafka-1", "kafka");
        workers[1].set(&positions, &Sought { broker: &other, ..sought }, 9);
        assert_eq!(positions.all().iter().map(|position| position.offset()).collect::<Vec<_>>(), [9]);
        // Another cluster, another group, another client: others.
        let elsewhere = workload("kafka-0", "staging");
        workers[0].set(&positions, &Sought { broker: &elsewhere, ..sought }, 1);
        workers[0].set(&positions, &Sought { whose: Whose::Group(3), ..sought }, 1);
        workers[0].set(&positions, &Sought { whose: Whose::Group(4), client: &other, ..sought }, 1);
        workers[0].set(&positions, &Sought { whose: Whose::Group(4), ..sought }, 1);
        workers[0].set(&positions, &Sought { whose: Whose::Fetcher, ..sought }, 1);
        workers[0].set(&positions, &Sought { whose: Whose::Fetcher, client: &other, ..sought }, 1);
        assert_eq!(positions.len(), 6);
    }

    #[test]
    fn there_are_no_more_than_asked_for() {
        let positions = Positions::new(2);
        let broker = workload("kafka-0", "");
        let mut worker = KnownPositions::default();
        for partition in 0..5 {
            let sought = Sought { whose: Whose::Brokers, topic: 3, partition, broker: &broker, client: &broker };
            worker.set(&positions, &sought, 1);
        }
        assert_eq!((positions.len(), positions.turned_away()), (2, 3));
        // One that is known to another worker is found nevertheless.
        let first = Sought { whose: Whose::Brokers, topic: 3, partition: 0, broker: &broker, client: &broker };
        KnownPositions::default().set(&positions, &first, 5);
        assert!(positions.all().iter().any(|position| position.offset() == 5));
    }

    #[test]
    fn an_idle_one_is_given_up_and_may_return() {
        let positions = Positions::new(1);
        let broker = workload("kafka-0", "");
        let mut worker = KnownPositions::default();
        let of = |partition| Sought { whose: Whose::Brokers, topic: 3, partition, broker: &broker, client: &broker };
        let start = Instant::now();
        worker.set(&positions, &of(0), 1);
        positions.expire(start, TTL);
        worker.set(&positions, &of(0), 1);
        positions.expire(start + TTL, TTL);
        assert_eq!(positions.len(), 1, "it was written, if with the same offset");
        positions.expire(start + 2 * TTL, TTL);
        assert_eq!(positions.len(), 0);
        worker.set(&positions, &of(1), 1);
        worker.set(&positions, &of(0), 1);
        assert_eq!((positions.len(), positions.turned_away()), (1, 1));
        positions.expire(start + 3 * TTL, TTL);
        positions.expire(start + 4 * TTL, TTL);
        worker.set(&positions, &of(0), 4);
        assert_eq!(positions.all()[0].offset(), 4);
        assert!(worker.0.len() <= 3);
    }
}
