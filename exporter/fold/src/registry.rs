//! Which label sets exist, over all workers, and how many there may be.
//!
//! A worker asks here only for a label set that it has not met yet. A scrape copies a few handles at a time and reads
//! the cells after it has let go of the lock, so it holds up a worker for microseconds, and only one that meets a new
//! label set.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::labels::{ExchangeFamily, ExchangeLabels, Registered, Vocabulary};
use crate::series::Series;

/// How many label sets a reader copies at a time.
const BATCH: usize = 64;

/// The label sets of the store and all their series.
#[derive(Debug)]
pub(crate) struct Registry {
    max_series: usize,
    vocabulary: Arc<Vocabulary>,
    hasher: DefaultHashBuilder,
    known: Mutex<Known>,
    /// How many label sets each family has made.
    created: [AtomicU64; ExchangeFamily::ALL.len()],
}

#[derive(Debug)]
struct Known {
    /// The places in `sets` of all but the overflow series, by the hash of their labels.
    table: HashTable<usize>,
    /// The label sets, each at its place. The first are the overflow series, in the order of their families.
    sets: Vec<LabelSet>,
}

/// A label set, with a series for each worker that has met it.
#[derive(Debug)]
struct LabelSet {
    registered: Arc<Registered>,
    series: Vec<Arc<Series>>,
}

impl LabelSet {
    fn new(registered: Registered) -> Self {
        Self { registered: Arc::new(registered), series: Vec::with_capacity(1) }
    }

    /// One more worker's series.
    fn add_series(&mut self) -> Arc<Series> {
        let series = Arc::new(Series::new(Arc::clone(&self.registered)));
        self.series.push(Arc::clone(&series));
        series
    }
}

impl Registry {
    pub(crate) fn new(max_series: usize, vocabulary: Arc<Vocabulary>) -> Self {
        let since = SystemTime::now();
        let overflow = ExchangeFamily::ALL.map(|family| {
            let labels = ExchangeLabels::overflow(family);
            LabelSet::new(Registered { hash: 0, labels, since, vocabulary: Arc::clone(&vocabulary) })
        });
        Self {
            max_series,
            vocabulary,
            hasher: DefaultHashBuilder::default(),
            known: Mutex::new(Known { table: HashTable::default(), sets: overflow.into() }),
            created: Default::default(),
        }
    }

    /// The hash under which a label set is kept, here and in the workers' own tables.
    pub(crate) fn hash(&self, labels: &ExchangeLabels) -> u64 {
        self.hasher.hash_one(labels)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A series of this label set for a worker that has none. The label set is made where no worker has made it yet.
    /// Where there are `max_series` already, there is none for it.
    pub(crate) fn new_series(&self, hash: u64, labels: ExchangeLabels) -> Option<Arc<Series>> {
        let mut known = self.known();
        let Known { table, sets } = &mut *known;
        let found = table.find(hash, |place| sets.get(*place).is_some_and(|set| set.registered.labels == labels));
        if let Some(place) = found.copied() {
            return sets.get_mut(place).map(LabelSet::add_series);
        }
        if table.len() >= self.max_series {
            return None;
        }
        let id = sets.len();
        let family = labels.family as usize;
        let vocabulary = Arc::clone(&self.vocabulary);
        let mut set = LabelSet::new(Registered { hash, labels, since: SystemTime::now(), vocabulary });
        let series = set.add_series();
        sets.push(set);
        table.insert_unique(hash, id, |place| sets.get(*place).map_or(0, |set| set.registered.hash));
        self.created[family].fetch_add(1, Ordering::Relaxed);
        Some(series)
    }

    /// A series of a family's overflow for a worker that has none.
    pub(crate) fn new_overflow_series(&self, family: ExchangeFamily) -> Arc<Series> {
        self.known().sets[family as usize].add_series()
    }

    /// Calls `visit` with each label set that has series.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&Arc<Registered>, &[Arc<Series>])) {
        let mut sets: Vec<(Arc<Registered>, usize)> = Vec::with_capacity(BATCH);
        let mut series: Vec<Arc<Series>> = Vec::with_capacity(BATCH);
        for start in (0..).step_by(BATCH) {
            let known = self.known();
            let Some(next) = known.sets.get(start..) else { return };
            for set in next.iter().take(BATCH) {
                sets.push((Arc::clone(&set.registered), set.series.len()));
                series.extend(set.series.iter().cloned());
            }
            let is_last = next.len() <= BATCH;
            drop(known);
            let mut rest = &*series;
            for (registered, count) in sets.drain(..) {
                let (its, others) = rest.split_at(count);
                rest = others;
                if !its.is_empty() {
                    visit(&registered, its);
                }
            }
            series.clear();
            if is_last {
                return;
            }
        }
    }

    /// How many label sets a family has made.
    pub(crate) fn created(&self, family: ExchangeFamily) -> u64 {
        self.created[family as usize].load(Ordering::Relaxed)
    }

    /// How many label sets a family has, the overflow series aside.
    pub(crate) fn live(&self, family: ExchangeFamily) -> u64 {
        // None is given up yet, so all that were made are live.
        self.created(family)
    }
}
