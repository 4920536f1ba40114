//! What scrapes and pushes show: the store, and what they tell of themselves.

use std::sync::Arc;

use flowfold_fold::names;
use flowfold_fold::{Detail, Fold, Labels, Scalar, Snapshot};

use crate::otlp::Outcomes;
use crate::process;
use crate::scrape::ScrapeStats;

/// What scrapes and pushes show.
#[derive(Debug)]
pub struct Source {
    fold: Arc<Fold>,
    scrapes: ScrapeStats,
    pushed: Outcomes,
    spans: Outcomes,
    /// The labels of `target_info`.
    target: Vec<(&'static str, String)>,
}

impl Source {
    /// A source over this store.
    pub fn new(fold: Arc<Fold>) -> Self {
        Self {
            fold,
            scrapes: ScrapeStats::default(),
            pushed: Outcomes::default(),
            spans: Outcomes::default(),
            target: Vec::new(),
        }
    }

    /// Shows these attributes of a resource, such as `deployment.environment.name`, to scrapers, as labels of
    /// `target_info`. In a label's name, underscores take the place of what Prometheus did not always allow. (Whatever
    /// escaping a scraper prefers: a label whose name depends on who asks cannot be joined on.)
    #[must_use]
    pub fn with_target_info(self, attributes: &[(String, String)]) -> Self {
        let mut target: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in attributes {
            // Labels have names that live as long as the program, and so do these.
            let name: &'static str = label_name(name).leak();
            if !target.iter().any(|(known, _)| *known == name) {
                target.push((name, value.clone()));
            }
        }
        Self { target, ..self }
    }

    /// The store.
    pub fn fold(&self) -> &Arc<Fold> {
        &self.fold
    }

    /// All numbers at this moment, the store's in this detail.
    pub fn snapshot(&self, detail: Detail) -> Snapshot {
        let mut snapshot = self.fold.snapshot_with(detail);
        self.scrapes.add_to(&mut snapshot);
        self.pushed.add_to(&mut snapshot, &names::OTLP_DATA_POINTS);
        self.spans.add_to(&mut snapshot, &names::SPANS);
        if !self.target.is_empty() {
            snapshot.push(&names::TARGET_INFO, vec![Scalar::new(Labels::new(self.target.clone()), 1)]);
        }
        process::add_to(&mut snapshot);
        snapshot
    }

    pub(crate) fn scrapes(&self) -> &ScrapeStats {
        &self.scrapes
    }

    /// What became of data points.
    pub(crate) fn pushed(&self) -> &Outcomes {
        &self.pushed
    }

    /// What became of spans.
    pub(crate) fn spans(&self) -> &Outcomes {
        &self.spans
    }
}

/// The label of an attribute.
fn label_name(attribute: &str) -> String {
    let is_allowed = |character: &char| character.is_ascii_alphanumeric() || *character == '_';
    let mut name: String = attribute.chars().map(|one| if is_allowed(&one) { one } else { '_' }).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    // Names that begin with two underscores are Prometheus' own.
    if name.starts_with("__") { format!("key_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_become_labels() {
        for (attribute, label) in [
            ("service.name", "service_name"),
            ("k8s.pod-uid", "k8s_pod_uid"),
            ("9lives", "_9lives"),
            ("__name__", "key___name__"),
            ("\u{e9}t\u{e9}", "_t_"),
        ] {
            assert_eq!(label_name(attribute), label);
        }
    }
}
