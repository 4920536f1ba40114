//! The README tells every metric that is exported, and none besides.

use std::fs;

use flowfold_e2e::binary::repository;
use flowfold_fold::names::{self, Kind, Metric};

use crate::{Test, anywhere};

pub(crate) const TESTS: &[Test] =
    &[anywhere("names_in_readme::the_metric_table_is_the_list_of_names", the_metric_table_is_the_list_of_names)];

fn the_metric_table_is_the_list_of_names() {
    let page = fs::read_to_string(repository().join("README.md")).expect("README.md is there");
    let told: Vec<&str> = page.lines().filter(|line| is_metric(line)).collect();
    let exported: Vec<String> = names::ALL.into_iter().chain(names::CHOSEN).map(row).collect();
    assert!(
        told == exported,
        "README's table of metrics has to be\n{}\nand is\n{}",
        exported.join("\n"),
        told.join("\n")
    );
}

fn is_metric(line: &str) -> bool {
    let starts = [
        "| `dns_",
        "| `flowfold_",
        "| `grpc_",
        "| `http_",
        "| `hubble_",
        "| `kafka_",
        "| `messaging_",
        "| `process_",
        "| `rpc_",
        "| `target_info`",
        "| `traces_",
    ];
    starts.iter().any(|start| line.starts_with(start))
}

/// Name, kind, labels and help as a row of the table.
fn row(metric: &Metric) -> String {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Info => "info",
        Kind::Histogram(_) => "histogram",
    };
    let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
    let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
    format!("| `{}` | {kind} | {labels} | {} |", metric.name, metric.help)
}
