//! The store of the whole agent.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::collect::Sources;
use crate::destination_names::DestinationNames;
use crate::dns::DnsNames;
use crate::kafka::{KafkaNames, Positions, Transactions, UsedNames};
use crate::labels::{ExchangeFamily, Vocabulary};
use crate::registry::{Registry, Retired};
use crate::router::Router;
use crate::url_templates::UrlTemplates;
use crate::views::{Residues, Rows, tells_both_sides};
use crate::worker::WorkerCells;
use crate::{BuildInfo, Detail, FoldOptions, Health, LearnedTemplate, Shard, Snapshot, View};

/// The store of the whole agent: shards for the workers, snapshots for the scrapes.
#[derive(Debug)]
pub struct Fold {
    vocabulary: Arc<Vocabulary>,
    registry: Registry,
    positions: Positions,
    transactions: Transactions,
    /// What a snapshot shows of the registry.
    rows: Rows,
    /// What has expired. Whoever reads the store or gives something up holds it, so that an exchange is never on its way
    /// from one place to another while it is counted.
    expired: Mutex<Expired>,
    health: Health,
    build: BuildInfo,
    started: SystemTime,
    /// The cells of every worker there ever was: what a worker has counted stays counted.
    workers: Mutex<Vec<Arc<WorkerCells>>>,
}

#[derive(Debug, Default)]
struct Expired {
    retired: Retired,
    residues: Residues,
}

impl Fold {
    /// An empty store.
    pub fn new(options: FoldOptions) -> Arc<Self> {
        let rows = Rows::new(&options.views, &options.hubble, &options.labels);
        let shows_queries = shows_queries(&options);
        let vocabulary = Arc::new(Vocabulary {
            methods: options.methods,
            routes: Router::new(options.routes, options.workload_routes),
            rpc_methods: options.rpc_methods,
            url_templates: UrlTemplates::new(options.max_url_templates),
            kafka: KafkaNames::new(&options.kafka),
            dns: DnsNames::new(&options.dns, shows_queries),
            destination_names: DestinationNames::new(&options.destination_names),
            tells_both_sides: tells_both_sides(&options.views),
            counts_connections: rows.shows(ExchangeFamily::Connection),
            uses: rows.uses(),
        });
        Arc::new(Self {
            registry: Registry::new(options.max_series, options.max_bytes, options.series_ttl, Arc::clone(&vocabulary)),
            positions: Positions::new(options.kafka.max_partitions),
            transactions: Transactions::default(),
            vocabulary,
            rows,
            expired: Mutex::default(),
            health: Health::default(),
            build: options.build,
            started: SystemTime::now(),
            workers: Mutex::default(),
        })
    }

    /// A new shard, for one worker thread. What it has counted stays in the store after it is dropped.
    pub fn shard(self: &Arc<Self>) -> Shard {
        let cells = Arc::new(WorkerCells::default());
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&cells));
        Shard::new(Arc::clone(self), Arc::clone(&self.vocabulary), cells, self.registry.new_worker())
    }

    /// What the agent sets about itself.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Which build of the agent this is.
    pub fn build(&self) -> &BuildInfo {
        &self.build
    }

    /// The store's numbers at this moment, summed over the shards. It waits for no worker, and none waits for it.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot_with(Detail::ALL)
    }

    /// The same, with no more than a format needs.
    pub fn snapshot_with(&self, detail: Detail) -> Snapshot {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut expired = self.expired.lock().unwrap_or_else(PoisonError::into_inner);
        let Expired { retired, residues } = &mut *expired;
        Sources {
            workers: &workers,
            registry: &self.registry,
            positions: &self.positions,
            vocabulary: &self.vocabulary,
            rows: &self.rows,
            retired,
            residues,
            health: &self.health,
            build: &self.build,
            started: self.started,
            detail,
        }
        .snapshot()
    }

    /// The patterns of paths that were learned, sorted by service: templates to be looked at, and to be configured.
    pub fn learned_templates(&self) -> Vec<LearnedTemplate> {
        let mut learned: Vec<_> = self.vocabulary.url_templates.learned().cloned().collect();
        learned.sort_unstable();
        learned
    }

    /// How many of them there may be for each service; 0 where none are learned.
    pub fn max_url_templates(&self) -> usize {
        self.vocabulary.url_templates.max_per_service()
    }

    /// Gives up the series that have had no exchange for [`FoldOptions::series_ttl`], by a clock that says it is `now`, and
    /// those of names that had to make room, and frees what nobody uses any more. To be called every now and then, by any thread: a series that is seen idle for
    /// the first time begins to age then. It waits for no worker, and holds one up no longer than a snapshot does.
    pub fn expire(&self, now: Instant) {
        let mut expired = self.expired.lock().unwrap_or_else(PoisonError::into_inner);
        let Expired { retired, residues } = &mut *expired;
        let given_up = self.vocabulary.destination_names.take_given_up();
        let count = self.registry.expire(now, &given_up, retired);
        residues.add(&self.rows, retired.last(count), &self.registry);
        self.transactions.expire(now);
        if let Some(ttl) = self.registry.ttl() {
            self.positions.expire(now, ttl);
            self.forget_names((now, ttl), residues);
        }
        self.vocabulary.destination_names.expire(now);
    }

    /// Gives up the names of Kafka that nothing is told by any more, where places for others may run short.
    fn forget_names(&self, (now, ttl): (Instant, Duration), residues: &Residues) {
        let names = &self.vocabulary.kafka;
        if !names.are_short() {
            return;
        }
        let mut used = UsedNames::default();
        residues.for_each_shown(&self.rows, |field, key| {
            used.add(field, key);
        });
        // What was given up is told by no name any more: whoever still has it looks for another before it counts.
        self.registry.for_each(|set, _| used.add_all(&set.labels));
        used.add_held(&self.transactions);
        // The lag of a group that has stopped is no reason to tell nothing of one that is alive.
        let in_the_way = names.groups_in_the_way(&used, &self.positions.groups(now), ttl);
        if !in_the_way.is_empty() {
            self.positions.give_up_groups(&in_the_way, (now, ttl));
        }
        used.add_positions(&self.positions);
        names.give_up(now, &used);
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn positions(&self) -> &Positions {
        &self.positions
    }

    pub(crate) fn transactions(&self) -> &Transactions {
        &self.transactions
    }
}

/// Whether the view of Hubble is to show the names that are looked up.
fn shows_queries(options: &FoldOptions) -> bool {
    options.views.contains(&View::Hubble) && options.hubble.iter().any(|metric| metric.dns.query)
}
