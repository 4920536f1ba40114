//! Which label sets exist, over all workers, and how many there may be.
//!
//! A worker asks here only for a label set that it has not met yet; a scrape never does. So the lock is held for one
//! table look-up at a time, and a scrape cannot make a worker wait.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::labels::{ExchangeFamily, ExchangeLabels, Registered, Vocabulary};

/// The label sets of the store.
#[derive(Debug)]
pub(crate) struct Registry {
    max_series: usize,
    vocabulary: Arc<Vocabulary>,
    hasher: DefaultHashBuilder,
    table: Mutex<HashTable<Arc<Registered>>>,
    overflow: [Arc<Registered>; ExchangeFamily::ALL.len()],
    /// How many label sets each family has made.
    created: [AtomicU64; ExchangeFamily::ALL.len()],
}

impl Registry {
    pub(crate) fn new(max_series: usize, vocabulary: Arc<Vocabulary>) -> Self {
        let since = SystemTime::now();
        let overflow = ExchangeFamily::ALL.map(|family| {
            let labels = ExchangeLabels::Overflow(family);
            Arc::new(Registered { id: family as usize, hash: 0, labels, since, vocabulary: Arc::clone(&vocabulary) })
        });
        Self {
            max_series,
            vocabulary,
            hasher: DefaultHashBuilder::default(),
            table: Mutex::default(),
            overflow,
            created: Default::default(),
        }
    }

    /// The hash under which a label set is kept, here and in the workers' own tables.
    pub(crate) fn hash(&self, labels: &ExchangeLabels) -> u64 {
        self.hasher.hash_one(labels)
    }

    /// The label set, made where no worker has made it yet. Where there are `max_series` already, that of the overflow
    /// series instead.
    pub(crate) fn find_or_create(&self, hash: u64, labels: ExchangeLabels) -> Arc<Registered> {
        let family = labels.family() as usize;
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = table.find(hash, |known| known.labels == labels) {
            return Arc::clone(known);
        }
        if table.len() >= self.max_series {
            return Arc::clone(&self.overflow[family]);
        }
        let id = self.overflow.len() + table.len();
        let vocabulary = Arc::clone(&self.vocabulary);
        let registered = Arc::new(Registered { id, hash, labels, since: SystemTime::now(), vocabulary });
        table.insert_unique(hash, Arc::clone(&registered), |known| known.hash);
        self.created[family].fetch_add(1, Ordering::Relaxed);
        registered
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
