//! What `/routes` answers: the patterns of paths that were learned, for `flowfold routes suggest` and for scripts.

use std::net::SocketAddr;

use flowfold_fold::{Fold, LearnedTemplate};
use serde::{Deserialize, Serialize};

/// The patterns of paths that an agent has learned, as JSON tells them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedRoutes {
    /// How many there may be for each service (`max_url_templates`); 0: the agent learns none.
    pub max_url_templates: usize,
    /// The patterns, sorted by service.
    pub routes: Vec<LearnedRoute>,
}

/// A pattern of paths, in the form of a route template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedRoute {
    /// The namespace of the server's workload; empty where it has none.
    pub namespace: String,
    /// The server's workload.
    pub workload: String,
    /// The address at which the server was asked when the pattern was learned.
    pub server: SocketAddr,
    /// The template, such as `/orders/{id}`.
    pub template: String,
}

impl LearnedRoutes {
    /// What this store has learned by now.
    pub fn of(fold: &Fold) -> Self {
        let route = |learned: LearnedTemplate| {
            let LearnedTemplate { namespace, workload, server, template } = learned;
            LearnedRoute { namespace, workload, server, template }
        };
        let routes = fold.learned_templates().into_iter().map(route).collect();
        Self { max_url_templates: fold.max_url_templates(), routes }
    }
}
