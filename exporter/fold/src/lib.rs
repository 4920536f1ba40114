//! Folds finished exchanges into labelled counters and histograms.
//!
//! A [`Fold`] is the store of the whole agent. Each worker of the proxy holds a [`Shard`] of it, to which it alone
//! writes; a scrape reads a [`Snapshot`] in which the shards are summed up. No call of the data path locks, queues or
//! allocates once the series it needs is known to the connection.
#![forbid(unsafe_code)]

pub mod names;

mod buckets;
mod budget;
mod cell;
mod collect;
mod destination_names;
mod dns;
mod fold;
mod health;
mod hubble;
mod kafka;
mod label_choices;
mod labels;
mod learned;
mod methods;
mod options;
mod preview;
mod registry;
mod router;
mod routes;
mod rpc_methods;
mod series;
mod shard;
mod snapshot;
mod url_templates;
mod views;
mod worker;

pub use buckets::Buckets;
pub use destination_names::{DestinationNameLimits, MAX_MAX_DESTINATION_ADDRESSES, MAX_MAX_DESTINATION_NAMES};
pub use dns::{DnsLimits, MAX_MAX_DNS_NAMES};
pub use fold::Fold;
pub use health::{Health, NotObserved, SteeredDirection};
pub use hubble::{HubbleError, HubbleMetric};
pub use kafka::{
    KafkaLimits, MAX_MAX_KAFKA_CLIENT_IDS, MAX_MAX_KAFKA_GROUPS, MAX_MAX_KAFKA_PARTITIONS, MAX_MAX_KAFKA_TOPICS,
    messaging_operation,
};
pub use label_choices::{LabelChoiceError, LabelChoices};
pub use labels::Labels;
pub use methods::{MAX_METHODS, Methods, MethodsError};
pub use options::{BuildInfo, DEFAULT_MAX_BYTES, DEFAULT_MAX_SERIES, DEFAULT_SERIES_TTL, FoldOptions};
pub use preview::FamilyPreview;
pub use router::{MAX_ALL_ROUTES, WorkloadRoutes};
pub use routes::{MAX_ROUTES, RouteError, RouteTable};
pub use rpc_methods::{DEFAULT_MAX_RPC_METHODS, MAX_MAX_RPC_METHODS, RpcMethods, RpcMethodsError};
pub use shard::{Connection, Shard};
pub use snapshot::{
    BucketExemplar, Detail, Exemplar, Exponential, Family, HistogramPoint, Histograms, Number, Points, Scalar, Snapshot,
};
pub use url_templates::LearnedTemplate;
pub use views::View;
