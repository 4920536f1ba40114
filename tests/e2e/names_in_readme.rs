//! The README tells every metric that is exported, and none besides.

use std::collections::BTreeSet;
use std::fs;

use flowfold_e2e::binary::repository;
use flowfold_fold::names::{self, Kind};

use crate::{Test, anywhere};

pub(crate) const TESTS: &[Test] =
    &[anywhere("names_in_readme::the_metric_table_is_the_list_of_names", the_metric_table_is_the_list_of_names)];

fn the_metric_table_is_the_list_of_names() {
    let page = fs::read_to_string(repository().join("README.md")).expect("README.md is there");
    let told: BTreeSet<(String, String)> = page.lines().filter_map(row).collect();
    let exported: BTreeSet<(String, String)> =
        names::ALL.iter().map(|metric| (metric.name.to_owned(), kind(metric.kind).to_owned())).collect();
    let missing: Vec<_> = exported.difference(&told).collect();
    let invented: Vec<_> = told.difference(&exported).collect();
    assert!(missing.is_empty() && invented.is_empty(), "README lacks {missing:?}\nand has too much {invented:?}");
}

/// Name and kind of a row such as ``| `name` | counter | … |``.
fn row(line: &str) -> Option<(String, String)> {
    let mut cells = line.trim().strip_prefix('|')?.split('|').map(str::trim);
    let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
    let prefixes = ["flowfold_", "http_", "process_"];
    let is_metric = prefixes.iter().any(|prefix| name.starts_with(prefix));
    let kind = cells.next()?.trim_matches('`').to_ascii_lowercase();
    is_metric.then(|| (name.to_owned(), kind))
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Info => "info",
        Kind::Histogram(_) => "histogram",
    }
}
