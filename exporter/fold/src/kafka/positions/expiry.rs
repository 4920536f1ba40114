//! Gives up positions that nothing has been heard of for a while.

use std::cmp::Reverse;
use std::hash::BuildHasher;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hashbrown::{HashMap, HashSet};

use super::known::{Known, Tracked};
use super::{Positions, Whose};

/// How long the offset of a group is kept that commits no more, while its partition lives on: as long as Kafka itself keeps
/// it where nothing else is configured (`offsets.retention.minutes`).
const GROUP_KEPT: Duration = Duration::from_hours(7 * 24);

impl Positions {
    /// Gives up those that have not been written for as long as `ttl`, by a clock that says it is `now`. A group that has
    /// stopped is behind all the more: it keeps its place while the partition is written or read, unless places run short for
    /// those that are alive.
    pub(crate) fn expire(&self, now: Instant, ttl: Duration) {
        self.settle();
        for (mut known, places) in self.walk() {
            known.at(places).for_each(|tracked| tracked.look(now));
        }
        let is_short = self.len() > self.max - self.max / 10;
        let kept = if is_short { ttl } else { GROUP_KEPT };
        let is_over = |known: &Known, tracked: &Tracked| {
            let idle = tracked.still_idle(now);
            let is_kept = |whose| matches!(whose, Whose::Group(_)) && idle < kept;
            idle >= ttl && !(is_kept(tracked.position.whose) && self.is_alive(known, tracked, (now, ttl)))
        };
        self.give_up(is_over);
    }

    /// Whether the partition of a position is written or read, as far as was seen in the last `ttl`.
    fn is_alive(&self, known: &Known, tracked: &Tracked, (now, ttl): (Instant, Duration)) -> bool {
        let brokers = tracked.position.of_brokers();
        let hash = self.hasher.hash_one(brokers.identity());
        known.find(hash, &brokers).is_some_and(|brokers| brokers.idle(now) < ttl)
    }

    /// The groups that have committed something, each with the time since it last did; those that stopped first in front.
    pub(crate) fn groups(&self, now: Instant) -> Vec<(u16, Duration)> {
        let mut groups = HashMap::<_, Duration>::default();
        for (mut known, places) in self.walk() {
            for tracked in known.at(places) {
                let Whose::Group(group) = tracked.position.whose else { continue };
                let idle = tracked.still_idle(now);
                groups.entry(group).and_modify(|least| *least = idle.min(*least)).or_insert(idle);
            }
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_unstable_by_key(|(group, idle)| (Reverse(*idle), *group));
        groups
    }

    /// Gives up what these groups have committed, but for what was written in the last `ttl`.
    pub(crate) fn give_up_groups(&self, groups: &HashSet<u16>, (now, ttl): (Instant, Duration)) {
        let is_one = |whose| matches!(whose, Whose::Group(group) if groups.contains(&group));
        self.give_up(|_, tracked| is_one(tracked.position.whose) && tracked.still_idle(now) >= ttl);
    }

    /// Gives up those that `is_over` says are.
    pub(super) fn give_up(&self, is_over: impl Fn(&Known, &Tracked) -> bool) {
        for (mut known, places) in self.walk() {
            known.give_up(places, &is_over);
            self.count.store(known.len(), Ordering::Relaxed);
        }
    }
}
