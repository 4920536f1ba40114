//! Which label sets exist, over all workers, and how many there may be.
//!
//! A worker asks here only for a label set that it has not met yet. A scrape copies a few handles at a time and reads
//! the cells after it has let go of the lock, so it holds up a worker for microseconds, and only one that meets a new
//! label set.

mod expiry;

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, SystemTime};

use hashbrown::{DefaultHashBuilder, HashTable};

pub(crate) use expiry::{Retired, RetiredSet};

use crate::budget::Budget;
use crate::labels::{ExchangeFamily, ExchangeLabels, Registered, Vocabulary};
use crate::series::Series;

/// How many label sets are looked at under the lock at a time.
const BATCH: usize = 64;

/// The label sets of the store and all their series.
#[derive(Debug)]
pub(crate) struct Registry {
    max_series: usize,
    /// How long a label set may be without an exchange; absent: for ever.
    ttl: Option<Duration>,
    budget: Budget,
    vocabulary: Arc<Vocabulary>,
    hasher: DefaultHashBuilder,
    known: Mutex<Known>,
    /// Another number whenever label sets have been given up, so that what holds handles looks for them anew.
    generation: AtomicU32,
    families: [FamilyCounts; ExchangeFamily::ALL.len()],
}

#[derive(Debug)]
struct Known {
    /// The places in `sets`, by the hash of their labels.
    table: HashTable<usize>,
    /// The label sets but the overflow series, each at its place.
    sets: Vec<Option<LabelSet>>,
    /// The overflow series of each family.
    overflow: [LabelSet; ExchangeFamily::ALL.len()],
    /// The places that are free again.
    free: Vec<usize>,
    /// The ways to the workers, to tell them what to forget.
    workers: Vec<mpsc::Sender<Arc<Series>>>,
}

/// A label set, with a series for each worker that has met it.
#[derive(Debug)]
struct LabelSet {
    registered: Arc<Registered>,
    series: Vec<Arc<Series>>,
    idle: expiry::Idle,
}

#[derive(Debug, Default)]
struct FamilyCounts {
    created: AtomicU64,
    expired: AtomicU64,
    expired_exchanges: AtomicU64,
}

/// What a worker needs to ask for series.
#[derive(Debug)]
pub(crate) struct Ticket {
    worker: usize,
    /// The worker's series that were given up.
    pub(crate) retired: mpsc::Receiver<Arc<Series>>,
}

impl LabelSet {
    /// One more worker's series.
    fn add_series(&mut self, worker: usize) -> Arc<Series> {
        let series = Arc::new(Series::new(Arc::clone(&self.registered), worker));
        self.series.push(Arc::clone(&series));
        series
    }
}

impl Registry {
    pub(crate) fn new(max_series: usize, max_bytes: usize, ttl: Option<Duration>, vocabulary: Arc<Vocabulary>) -> Self {
        let since = SystemTime::now();
        let overflow = ExchangeFamily::ALL.map(|family| {
            let (labels, vocabulary) = (ExchangeLabels::overflow(family), Arc::clone(&vocabulary));
            let registered = Arc::new(Registered { hash: 0, labels, since, vocabulary });
            LabelSet { registered, series: Vec::new(), idle: expiry::Idle::default() }
        });
        let known =
            Known { table: HashTable::default(), sets: Vec::new(), overflow, free: Vec::new(), workers: Vec::new() };
        Self {
            max_series,
            ttl,
            budget: Budget::new(max_bytes),
            vocabulary,
            hasher: DefaultHashBuilder::default(),
            known: Mutex::new(known),
            generation: AtomicU32::new(0),
            families: Default::default(),
        }
    }

    /// The hash under which a label set is kept, here and in the workers' own tables.
    pub(crate) fn hash(&self, labels: &ExchangeLabels) -> u64 {
        self.hasher.hash_one(labels)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more worker.
    pub(crate) fn new_worker(&self) -> Ticket {
        let (tell, retired) = mpsc::channel();
        let mut known = self.known();
        // What may not get lost must find a place, so it is set aside.
        self.budget.take(known.overflow.iter().map(|set| Series::bytes(&set.registered)).sum());
        known.workers.push(tell);
        Ticket { worker: known.workers.len() - 1, retired }
    }

    /// The number that changes whenever label sets have been given up.
    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    pub(crate) fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    pub(crate) fn max_series(&self) -> usize {
        self.max_series
    }

    /// A series of this label set for a worker that has none. The label set is made where no worker has made it yet.
    /// Where that would be too many, or take too much memory, there is none for it.
    pub(crate) fn new_series(&self, ticket: &Ticket, hash: u64, labels: ExchangeLabels) -> Option<Arc<Series>> {
        let mut known = self.known();
        let Known { table, sets, free, .. } = &mut *known;
        let of = |sets: &[Option<LabelSet>], place: usize| sets.get(place).and_then(Option::as_ref).map(LabelSet::hash);
        let is_it = |place: &usize| matches!(sets.get(*place), Some(Some(set)) if set.registered.labels == labels);
        if let Some(place) = table.find(hash, is_it).copied() {
            let set = sets.get_mut(place)?.as_mut()?;
            return self.budget.try_take(Series::bytes(&set.registered)).then(|| set.add_series(ticket.worker));
        }
        if table.len() >= self.max_series {
            return None;
        }
        let family = labels.family as usize;
        let vocabulary = Arc::clone(&self.vocabulary);
        let registered = Arc::new(Registered { hash, labels, since: SystemTime::now(), vocabulary });
        if !self.budget.try_take(bytes_of(&registered) + Series::bytes(&registered)) {
            return None;
        }
        let mut set = LabelSet { registered, series: Vec::with_capacity(1), idle: expiry::Idle::default() };
        let series = set.add_series(ticket.worker);
        let place = free.pop().unwrap_or_else(|| {
            sets.push(None);
            sets.len() - 1
        });
        *sets.get_mut(place)? = Some(set);
        table.insert_unique(hash, place, |place| of(sets, *place).unwrap_or(0));
        self.families[family].created.fetch_add(1, Ordering::Relaxed);
        Some(series)
    }

    /// A series of a family's overflow for a worker that has none.
    pub(crate) fn new_overflow_series(&self, ticket: &Ticket, family: ExchangeFamily) -> Arc<Series> {
        let mut known = self.known();
        known.overflow[family as usize].add_series(ticket.worker)
    }

    /// Calls `visit` with each label set that has series.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&Arc<Registered>, &[Arc<Series>])) {
        let mut batch = Batch::default();
        self.known().overflow.iter().for_each(|set| batch.copy(set));
        batch.visit(&mut visit);
        for start in (0..).step_by(BATCH) {
            let known = self.known();
            let Some(next) = known.sets.get(start..) else { return };
            next.iter().take(BATCH).flatten().for_each(|set| batch.copy(set));
            let is_last = next.len() <= BATCH;
            drop(known);
            batch.visit(&mut visit);
            if is_last {
                return;
            }
        }
    }

    /// How many label sets a family has made.
    pub(crate) fn created(&self, family: ExchangeFamily) -> u64 {
        self.families[family as usize].created.load(Ordering::Relaxed)
    }

    /// How many label sets of a family were given up.
    pub(crate) fn expired(&self, family: ExchangeFamily) -> u64 {
        self.families[family as usize].expired.load(Ordering::Relaxed)
    }

    /// How many label sets a family has, the overflow series aside.
    pub(crate) fn live(&self, family: ExchangeFamily) -> u64 {
        let expired = self.expired(family);
        self.created(family).saturating_sub(expired)
    }
}

impl LabelSet {
    fn hash(&self) -> u64 {
        self.registered.hash
    }
}

/// Handles of label sets and their series.
#[derive(Debug, Default)]
struct Batch {
    /// Each with the number of its series.
    sets: Vec<(Arc<Registered>, usize)>,
    series: Vec<Arc<Series>>,
}

impl Batch {
    fn copy(&mut self, set: &LabelSet) {
        self.sets.push((Arc::clone(&set.registered), set.series.len()));
        self.series.extend(set.series.iter().cloned());
    }

    /// Calls `visit` with each label set that has series, and is empty then.
    fn visit(&mut self, visit: &mut impl FnMut(&Arc<Registered>, &[Arc<Series>])) {
        let mut rest = &*self.series;
        for (registered, count) in self.sets.drain(..) {
            let (its, others) = rest.split_at(count);
            rest = others;
            if !its.is_empty() {
                visit(&registered, its);
            }
        }
        self.series.clear();
    }
}

/// The memory that a label set takes without its series. Workloads' names are shared with connections and other label
/// sets, and counted for each nevertheless: the last one to hold them may be any.
fn bytes_of(registered: &Registered) -> usize {
    let workloads = [&registered.labels.source, &registered.labels.destination];
    let text: usize =
        workloads.into_iter().flatten().map(|workload| workload.name.len() + workload.namespace.len()).sum();
    let text = text + registered.labels.destination_name.as_deref().map_or(0, str::len);
    let place = size_of::<Option<LabelSet>>() + 2 * size_of::<usize>();
    size_of::<Registered>() + place + 2 * Budget::PER_ALLOCATION + text
}
