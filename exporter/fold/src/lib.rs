//! Folds finished exchanges into labelled counters and histograms.
//!
//! A [`Fold`] is the store of the whole agent. Each worker of the proxy holds a [`Shard`] of it, to which it alone
//! writes; a scrape reads a [`Snapshot`] in which the shards are summed up. No call of the data path locks, queues or
//! allocates once the series it needs is known.
#![forbid(unsafe_code)]

mod fold;
mod health;
mod methods;
mod options;
mod routes;
mod shard;
mod snapshot;

pub use fold::Fold;
pub use health::{Health, NotObserved, SteeredDirection};
pub use methods::Methods;
pub use options::{BuildInfo, DEFAULT_MAX_SERIES, FoldOptions};
pub use routes::{MAX_ROUTES, RouteError, RouteTable};
pub use shard::{Connection, Shard};
pub use snapshot::Snapshot;
