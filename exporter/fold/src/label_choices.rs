//! Which labels a metric shows.

use std::collections::BTreeMap;

use crate::names::{self, Metric, label};

/// Which labels the metrics of exchanges show, where that is not all of them. Series that only differ by labels that
/// are not shown are added up; and what no metric shows does not make series in the store, either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelChoices {
    hidden: BTreeMap<&'static str, Vec<&'static str>>,
}

impl LabelChoices {
    /// Hides these labels of a metric.
    pub fn exclude<S: AsRef<str>>(&mut self, metric: &str, labels: &[S]) -> Result<(), LabelChoiceError> {
        let metric = metric_of(metric)?;
        for label in labels {
            let label = label_of(metric, label.as_ref())?;
            self.hide(metric, label);
        }
        Ok(())
    }

    /// Hides all labels of a metric but these.
    pub fn include<S: AsRef<str>>(&mut self, metric: &str, labels: &[S]) -> Result<(), LabelChoiceError> {
        let metric = metric_of(metric)?;
        let shown = labels.iter().map(|label| label_of(metric, label.as_ref())).collect::<Result<Vec<_>, _>>()?;
        for label in labels_of(metric).filter(|label| !shown.contains(label)) {
            self.hide(metric, label);
        }
        Ok(())
    }

    fn hide(&mut self, metric: &Metric, label: &'static str) {
        self.hidden.entry(metric.name).or_default().push(label);
    }

    /// Whether a metric shows a label.
    pub(crate) fn shows(&self, metric: &Metric, label: &str) -> bool {
        !self.hidden.get(metric.name).is_some_and(|hidden| hidden.contains(&label))
    }
}

/// A metric whose labels come from exchanges.
fn metric_of(name: &str) -> Result<&'static Metric, LabelChoiceError> {
    let known = || names::ALL.into_iter().chain(names::CHOSEN).filter(|metric| is_of_exchanges(metric));
    known().find(|metric| metric.name == name).ok_or_else(|| LabelChoiceError::Metric {
        name: name.to_owned(),
        known: known().map(|metric| metric.name).collect(),
    })
}

fn is_of_exchanges(metric: &Metric) -> bool {
    metric.labels.contains(&label::OTEL_METRIC_OVERFLOW)
}

/// The labels that can be chosen: what overflowed is always marked.
fn labels_of(metric: &'static Metric) -> impl Iterator<Item = &'static str> {
    metric.labels.iter().copied().filter(|label| *label != label::OTEL_METRIC_OVERFLOW)
}

fn label_of(metric: &'static Metric, name: &str) -> Result<&'static str, LabelChoiceError> {
    labels_of(metric).find(|label| *label == name).ok_or_else(|| LabelChoiceError::Label {
        metric: metric.name,
        label: name.to_owned(),
        known: labels_of(metric).collect(),
    })
}

/// Why a choice of labels was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelChoiceError {
    /// There is no such metric, or its labels can't be chosen.
    #[error("{name:?} has no labels that can be chosen; those that have are {}", known.join(", "))]
    Metric {
        /// Its name.
        name: String,
        /// The metrics whose labels can be chosen.
        known: Vec<&'static str>,
    },
    /// The metric has no such label.
    #[error("{metric} has no label {label:?}; it has {}", known.join(", "))]
    Label {
        /// The metric.
        metric: &'static str,
        /// The label.
        label: String,
        /// The labels of the metric that can be chosen.
        known: Vec<&'static str>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_hidden_by_name_or_by_being_left_out() {
        let mut choices = LabelChoices::default();
        choices.exclude("http_server_request_duration_seconds", &["source_workload"]).unwrap();
        choices.include("rpc_server_call_duration_seconds", &["rpc_method", "error_type"]).unwrap();
        let http = &names::HTTP_SERVER_REQUEST_DURATION;
        assert!(!choices.shows(http, "source_workload") && choices.shows(http, "source_namespace"));
        let rpc = &names::RPC_SERVER_CALL_DURATION;
        assert!(choices.shows(rpc, "rpc_method") && !choices.shows(rpc, "server_port"));
        assert!(choices.shows(rpc, "otel_metric_overflow"));
        assert!(choices.shows(&names::HTTP_CLIENT_REQUEST_DURATION, "source_workload"));
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let mut choices = LabelChoices::default();
        let told = choices.exclude("flowfold_bytes_total", &["side"]).unwrap_err().to_string();
        assert!(
            told.starts_with("\"flowfold_bytes_total\" has no labels that can be chosen; those that have are http_")
        );
        let told = choices.include("traces_service_graph_request_total", &["namespace"]).unwrap_err().to_string();
        let expected = "traces_service_graph_request_total has no label \"namespace\"; \
                        it has client, server, connection_type";
        assert_eq!(told, expected);
    }
}
