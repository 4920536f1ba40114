//! The import table of ARCHITECTURE.md, held against what cargo says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use flowfold_e2e::binary::repository;
use serde_json::Value;

use crate::{Test, anywhere};

pub(crate) const TESTS: &[Test] =
    &[anywhere("layers::crates_use_what_the_table_allows", crates_use_what_the_table_allows)];

/// These words of the table's last column are crates; the others are matters of the code.
const FOREIGN: [&str; 2] = ["aya", "tokio"];

/// These are no part of the product, so the table says nothing of them.
const BESIDE: [&str; 1] = ["flowfold-e2e"];

/// What is compiled for the kernel has a workspace of its own.
const PROGRAMS: &str = "ebpf/programs/Cargo.toml";

/// A line of the table.
#[derive(Debug)]
struct Row {
    directory: String,
    may_use: String,
    must_never_see: String,
}

fn crates_use_what_the_table_allows() {
    let root = repository();
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let rows = table(&page);
    assert!(rows.len() >= 9, "the import table is in ARCHITECTURE.md: {rows:?}");
    let mut packages = packages(&root, "Cargo.toml");
    packages.extend(self::packages(&root, PROGRAMS));
    let mut wrong = Vec::new();
    for (name, package) in &packages {
        let Some(row) = rows.get(name) else {
            wrong.extend((!BESIDE.contains(&name.as_str())).then(|| format!("{name} is not in the table")));
            continue;
        };
        if package.directory != row.directory {
            wrong.push(format!("{name} is in {}, not in {}", package.directory, row.directory));
        }
        let allowed = allowed(row, &rows);
        let ours = package.uses.iter().filter(|used| packages.contains_key(*used));
        for used in ours.filter(|used| !allowed.contains(*used)) {
            wrong.push(format!("{name} must not use {used}"));
        }
        // what follows a semicolon is a remark
        let never = row.must_never_see.split(';').next().unwrap_or_default();
        let refused = FOREIGN.iter().filter(|foreign| words(never).any(|word| word == **foreign));
        for foreign in refused.filter(|foreign| package.uses.contains(**foreign)) {
            wrong.push(format!("{name} must never see {foreign}"));
        }
    }
    for name in rows.keys().filter(|name| !packages.contains_key(*name)) {
        wrong.push(format!("{name} is in the table and not in the repository"));
    }
    let only_loader: Vec<&String> =
        packages.iter().filter(|(_, package)| package.uses.contains("aya")).map(|(name, _)| name).collect();
    assert_eq!(only_loader, ["flowfold-redirect"], "one crate alone uses aya");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rows of the table by crate. Its columns: crate, directory, what it may use of ours, what it must never see.
fn table(page: &str) -> BTreeMap<String, Row> {
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
    };
    page.lines()
        .filter(|line| line.trim_start().starts_with('|'))
        .map(cells)
        .filter(|cells| cells.len() == 4 && cells[0].starts_with("flowfold"))
        .map(|mut cells| {
            let row = Row { must_never_see: cells.remove(3), may_use: cells.remove(2), directory: cells.remove(1) };
            (cells.remove(0), row)
        })
        .collect()
}

/// The crates that a row names: by their names without our prefix, or all but some.
fn allowed(row: &Row, rows: &BTreeMap<String, Row>) -> BTreeSet<String> {
    let full = |word: &str| format!("flowfold-{word}");
    match row.may_use.strip_prefix("all of the above") {
        Some(exceptions) => {
            let excepted: Vec<String> = words(exceptions).map(full).collect();
            rows.keys().filter(|name| !excepted.contains(name)).cloned().collect()
        }
        None => words(&row.may_use).map(full).filter(|name| rows.contains_key(name)).collect(),
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', ';']).filter(|word| !word.is_empty())
}

/// A crate of the workspace: where it is, and every crate that its library or binary is built with.
struct Package {
    directory: String,
    uses: BTreeSet<String>,
}

fn packages(root: &std::path::Path, manifest: &str) -> BTreeMap<String, Package> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path", manifest])
        .current_dir(root)
        .output()
        .expect("cargo starts");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            let manifest = text(&package["manifest_path"]);
            let directory = std::path::Path::new(&manifest).parent().and_then(|parent| parent.strip_prefix(root).ok());
            let directory = directory.map_or_else(|| manifest.clone(), |path| path.display().to_string());
            // what tests use is no import of the crate
            let normal = |dependency: &&Value| dependency["kind"] != "dev";
            let dependencies = list(&package["dependencies"]);
            let uses = dependencies.iter().filter(normal).map(|dependency| text(&dependency["name"])).collect();
            (text(&package["name"]), Package { directory, uses })
        })
        .collect()
}
