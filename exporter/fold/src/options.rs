//! What a fold is told at its start.

use std::time::Duration;

use crate::{
    DestinationNameLimits, DnsLimits, HubbleMetric, KafkaLimits, LabelChoices, Methods, RouteTable, RpcMethods, View,
    WorkloadRoutes,
};

/// The ceiling of exchange series where the configuration names none.
pub const DEFAULT_MAX_SERIES: usize = 20_000;

/// The ceiling of the memory of exchange series where the configuration names none: enough for as many series as that
/// on four workers that each meet all of them.
pub const DEFAULT_MAX_BYTES: usize = 128 * 1024 * 1024;

/// How long a series is kept without an exchange where the configuration says nothing.
pub const DEFAULT_SERIES_TTL: Duration = Duration::from_mins(15);

/// What a fold is told at its start.
#[derive(Clone, Debug)]
pub struct FoldOptions {
    /// The templates that become `http_route`.
    pub routes: RouteTable,
    /// The templates that hold for the servers of one workload, before those for all.
    pub workload_routes: Vec<WorkloadRoutes>,
    /// How many patterns of paths are learned for each service, to be shown as `url_template` where no template matches; 0
    /// for none.
    pub max_url_templates: usize,
    /// The methods that are reported by name.
    pub methods: Methods,
    /// The gRPC methods that are reported by name.
    pub rpc_methods: RpcMethods,
    /// How much of Kafka is told by its name.
    pub kafka: KafkaLimits,
    /// How much of the names that are looked up is told.
    pub dns: DnsLimits,
    /// How much is learned of the names of servers that no workload is known of, from the DNS answers of their clients.
    pub destination_names: DestinationNameLimits,
    /// The naming schemes under which exchanges are shown.
    pub views: Vec<View>,
    /// What the view of Hubble shows.
    pub hubble: Vec<HubbleMetric>,
    /// Which labels the metrics show.
    pub labels: LabelChoices,
    /// The most label sets that exchanges may make, over all families and workers. A label set that several workers
    /// see counts once. Exchanges with a label set beyond it go to the overflow series of their family.
    pub max_series: usize,
    /// The most memory that the series of exchanges may take, in bytes: cells, labels and what finds them. Beyond it,
    /// further label sets overflow, too. It is exceeded only by what keeps sums of expired series from falling (little,
    /// unless views are chosen), and by 700 bytes for each series that has counted more than 65,535 exchanges of about the
    /// same duration after it was reached.
    pub max_bytes: usize,
    /// How long a series is kept without an exchange; absent: for ever.
    pub series_ttl: Option<Duration>,
    /// What `flowfold_build_info` says.
    pub build: BuildInfo,
}

impl Default for FoldOptions {
    fn default() -> Self {
        Self {
            routes: RouteTable::default(),
            workload_routes: Vec::new(),
            max_url_templates: 0,
            methods: Methods::default(),
            rpc_methods: RpcMethods::default(),
            kafka: KafkaLimits::default(),
            dns: DnsLimits::default(),
            destination_names: DestinationNameLimits::default(),
            views: vec![View::OpenTelemetry],
            hubble: HubbleMetric::usual(),
            labels: LabelChoices::default(),
            max_series: DEFAULT_MAX_SERIES,
            max_bytes: DEFAULT_MAX_BYTES,
            series_ttl: Some(DEFAULT_SERIES_TTL),
            build: BuildInfo::default(),
        }
    }
}

/// Which build of the agent this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildInfo {
    /// The released version, such as `0.1.0`.
    pub version: String,
    /// The commit it was built from; empty where that is not known.
    pub revision: String,
}

impl Default for BuildInfo {
    fn default() -> Self {
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), revision: String::new() }
    }
}
