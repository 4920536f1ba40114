//! Gives up label sets that have had no exchange for a while, and those whose name had to make room for another.
//!
//! A worker may be writing to a series at the very moment at which it is given up. So a series that is given up is not
//! thrown away: it is kept aside, and what it holds is counted as expired, until nobody but this list has it any more. An
//! exchange is then in the live series or in the expired ones, and in one of them only; and the worker, which looks for
//! its series anew a moment later, never waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use hashbrown::HashSet;

use super::{BATCH, Known, LabelSet, Registry, bytes_of};
use crate::labels::{ExchangeFamily, Registered};
use crate::series::Series;

/// What was last seen of a label set.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Idle {
    count: u64,
    /// When the count was first seen.
    since: Option<Instant>,
}

/// The label sets that were given up, as long as a worker or a connection may still have them.
#[derive(Debug, Default)]
pub(crate) struct Retired(Vec<RetiredSet>);

/// A label set that was given up.
#[derive(Debug)]
pub(crate) struct RetiredSet {
    pub(crate) registered: Arc<Registered>,
    pub(crate) series: Vec<Arc<Series>>,
}

impl LabelSet {
    /// Whether it is told by one of these names.
    fn has_one_of(&self, names: &HashSet<Arc<str>>) -> bool {
        // An equal name may have come back meanwhile.
        let is_one = |name| names.get(name).is_some_and(|other| Arc::ptr_eq(other, name));
        !names.is_empty() && self.registered.labels.destination_name.as_ref().is_some_and(is_one)
    }

    /// Whether it has had no exchange for as long as `ttl`.
    fn is_idle(&mut self, now: Instant, ttl: std::time::Duration) -> bool {
        let count = self.series.iter().map(|series| series.count()).sum();
        match self.idle.since {
            Some(since) if self.idle.count == count => now.saturating_duration_since(since) >= ttl,
            _ => {
                self.idle = Idle { count, since: Some(now) };
                false
            }
        }
    }
}

impl Known {
    /// Takes out the label set at a place, if this says so.
    fn take_if(&mut self, place: usize, has_to_go: impl FnOnce(&mut LabelSet) -> bool) -> Option<RetiredSet> {
        let set = self.sets.get_mut(place)?.take_if(has_to_go)?;
        if let Ok(entry) = self.table.find_entry(set.registered.hash, |other| *other == place) {
            entry.remove();
        }
        self.free.push(place);
        for series in &set.series {
            series.retire();
            if let Some(worker) = self.workers.get(series.worker()) {
                // An error means that the worker has ended, and has forgotten it with all others.
                worker.send(Arc::clone(series)).ok();
            }
        }
        Some(RetiredSet { registered: set.registered, series: set.series })
    }
}

impl Registry {
    /// Gives up the label sets that are idle at this moment or have one of these names, and adds them to `retired`. Returns
    /// how many were added.
    pub(crate) fn expire(&self, now: Instant, names: &HashSet<Arc<str>>, retired: &mut Retired) -> usize {
        self.settle(retired);
        if self.ttl.is_none() && names.is_empty() {
            return 0;
        }
        let has_to_go = |set: &mut LabelSet| set.has_one_of(names) || self.ttl.is_some_and(|ttl| set.is_idle(now, ttl));
        let before = retired.0.len();
        for start in (0..).step_by(BATCH) {
            let mut known = self.known();
            let end = known.sets.len();
            let idle = (start..end.min(start + BATCH)).filter_map(|place| known.take_if(place, has_to_go));
            retired.0.extend(idle);
            if start + BATCH >= end {
                break;
            }
        }
        let added = retired.0.get(before..).unwrap_or_default();
        for set in added {
            self.families[set.registered.labels.family as usize].expired.fetch_add(1, Ordering::Relaxed);
        }
        if !added.is_empty() {
            self.generation.fetch_add(1, Ordering::Release);
        }
        added.len()
    }

    /// Counts and frees what nobody else has any more.
    fn settle(&self, retired: &mut Retired) {
        retired.0.retain_mut(|set| {
            let counts = &self.families[set.registered.labels.family as usize];
            set.series = std::mem::take(&mut set.series)
                .into_iter()
                .filter_map(|series| match Arc::try_unwrap(series) {
                    Ok(series) => {
                        counts.expired_exchanges.fetch_add(series.count(), Ordering::Relaxed);
                        self.budget.give(Series::bytes(&set.registered) + series.bytes_taken());
                        None
                    }
                    Err(shared) => Some(shared),
                })
                .collect();
            if set.series.is_empty() {
                self.budget.give(bytes_of(&set.registered));
            }
            !set.series.is_empty()
        });
    }

    /// How many exchanges the label sets of each family had that were given up.
    pub(crate) fn expired_exchanges(&self, retired: &Retired) -> [u64; ExchangeFamily::ALL.len()] {
        let mut counts =
            ExchangeFamily::ALL.map(|family| self.families[family as usize].expired_exchanges.load(Ordering::Relaxed));
        for set in &retired.0 {
            let count = &mut counts[set.registered.labels.family as usize];
            *count += set.series.iter().map(|series| series.count()).sum::<u64>();
        }
        counts
    }
}

impl Retired {
    /// The last `count` that were given up.
    pub(crate) fn last(&self, count: usize) -> &[RetiredSet] {
        self.0.get(self.0.len().saturating_sub(count)..).unwrap_or_default()
    }
}
