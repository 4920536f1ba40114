//! What a fold is told at its start.

use crate::{Methods, RouteTable, RpcMethods, View};

/// The ceiling of exchange series where the configuration names none.
pub const DEFAULT_MAX_SERIES: usize = 20_000;

/// What a fold is told at its start.
#[derive(Clone, Debug)]
pub struct FoldOptions {
    /// The templates that become `http_route`.
    pub routes: RouteTable,
    /// The methods that are reported by name.
    pub methods: Methods,
    /// The gRPC methods that are reported by name.
    pub rpc_methods: RpcMethods,
    /// The naming schemes under which exchanges are shown.
    pub views: Vec<View>,
    /// The most label sets that exchanges may make, over all families and workers. A label set that several workers
    /// see counts once. Exchanges with a label set beyond it go to the overflow series of their family.
    pub max_series: usize,
    /// What `flowfold_build_info` says.
    pub build: BuildInfo,
}

impl Default for FoldOptions {
    fn default() -> Self {
        Self {
            routes: RouteTable::default(),
            methods: Methods::default(),
            rpc_methods: RpcMethods::default(),
            views: vec![View::OpenTelemetry],
            max_series: DEFAULT_MAX_SERIES,
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
