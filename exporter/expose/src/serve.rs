//! The HTTP server for scrapers and probes.

use std::future::Future;
use std::sync::Arc;

use flowfold_fold::Fold;
use tokio::net::TcpListener;

use crate::Readiness;

/// What the server answers from: `/metrics`, `/healthz`, `/readyz` and a landing page at `/`.
#[derive(Debug)]
pub struct Endpoints {
    fold: Arc<Fold>,
    readiness: Readiness,
}

impl Endpoints {
    /// Endpoints over this store and these conditions of readiness.
    pub fn new(fold: Arc<Fold>, readiness: Readiness) -> Arc<Self> {
        Arc::new(Self { fold, readiness })
    }

    /// The store that `/metrics` shows.
    pub fn fold(&self) -> &Arc<Fold> {
        &self.fold
    }

    /// The conditions that `/readyz` shows.
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }
}

/// Serves until `shutdown` is done, then lets the answers under way finish for a short while. To be run on a
/// current-thread runtime of its own, or on any other.
pub async fn serve(listener: TcpListener, endpoints: Arc<Endpoints>, shutdown: impl Future<Output = ()>) {
    shutdown.await;
    drop((listener, endpoints));
}
