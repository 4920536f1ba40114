//! What is known of a producer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowfold_flow::KafkaCluster;

use super::{HeldOffsets, Named};

/// How long a producer is known whose transactions neither begin nor end; and how long it holds offsets, unless it has said
/// that its transactions may be open for longer: no broker leaves one open for longer where nothing else is configured
/// (`transaction.max.timeout.ms`).
pub(super) const KEPT: Duration = Duration::from_mins(15);

/// After how long a producer that commits more, and has ended nothing, is taken for one whose ends are not seen, unless it
/// has said that its transactions may be open for longer: as long as they may where it has nothing else configured
/// (`transaction.timeout.ms`).
const OPEN: Duration = Duration::from_mins(1);

/// The longest time for which offsets are held, however long a producer says that its transactions may be open.
const LONGEST: Duration = Duration::from_hours(24);

#[derive(Debug)]
pub(super) struct Producer {
    pub(super) hash: u64,
    namespace: Arc<str>,
    cluster: KafkaCluster,
    transactional_id: Box<str>,
    /// The number and the epoch of whose the offsets are.
    pub(super) incarnation: (i64, i16),
    pub(super) offsets: HeldOffsets,
    /// How long its transactions may be open, as it said when it began; 0 where that was not seen.
    timeout: Duration,
    /// Which of all turns was its last one; and what that was when it was last looked at, and since when.
    pub(super) turned: u64,
    seen: Option<(u64, Instant)>,
    /// Since when offsets were seen to be held for the same end; and whether it is overdue.
    holds_since: Option<Instant>,
    is_late: bool,
}

impl Producer {
    pub(super) fn new(hash: u64, named: &Named<'_>, timeout: Option<Duration>, turned: u64) -> Self {
        let mut new = Self {
            hash,
            namespace: Arc::clone(named.namespace),
            cluster: named.cluster.clone(),
            transactional_id: named.transactional_id.into(),
            incarnation: named.producer,
            offsets: HeldOffsets::default(),
            timeout: Duration::ZERO,
            turned,
            seen: None,
            holds_since: None,
            is_late: false,
        };
        new.turn(turned, timeout);
        new
    }

    pub(super) fn is(&self, named: &Named<'_>) -> bool {
        (&self.namespace, &self.cluster, &*self.transactional_id)
            == (named.namespace, named.cluster, named.transactional_id)
    }

    /// It begins anew, or ends a transaction.
    pub(super) fn turn(&mut self, turned: u64, timeout: Option<Duration>) {
        self.turned = turned;
        (self.holds_since, self.is_late) = (None, false);
        self.timeout = timeout.map_or(self.timeout, |timeout| timeout.min(LONGEST));
    }

    /// Whether what it held must have ended by now, as a commit of this one tells, and nobody saw it.
    pub(super) fn has_missed_end(&self, named: &Named<'_>) -> bool {
        // With some clients each end raises the epoch, and with all of them whoever begins anew.
        self.is_late || (self.incarnation != named.producer && !self.offsets.is_empty())
    }

    /// Ages it. Returns whether it is to be kept.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        if !self.offsets.is_empty() {
            let open = now.saturating_duration_since(*self.holds_since.get_or_insert(now));
            self.is_late = open >= self.timeout.max(OPEN);
            return open < self.timeout.max(KEPT);
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
