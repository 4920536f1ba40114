//! A file says in its name what it does, and is short enough to do one thing.

use std::fs;
use std::process::Command;

use flowfold_e2e::binary::repository;

use crate::{Test, anywhere};

pub(crate) const TESTS: &[Test] = &[anywhere("file_length::files_are_short", files_are_short)];

/// About 400 is the aim; a file is not split in the middle of a thought for a few lines more.
const MOST_LINES: usize = 450;

const SOURCES: [&str; 8] = ["*.rs", "*.py", "*.lua", "*.go", "tests/run", "tests/bench/run", ".ci/run", "deploy/check"];

fn files_are_short() {
    let root = repository();
    let listed =
        Command::new("git").arg("ls-files").args(SOURCES).current_dir(&root).output().expect("git is installed");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).expect("names in ASCII");
    let length = |name: &str| fs::read_to_string(root.join(name)).map_or(0, |text| text.lines().count());
    let long: Vec<String> = names
        .lines()
        .map(|name| (name, length(name)))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(name, lines)| format!("{name}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "over {MOST_LINES} lines:\n{}", long.join("\n"));
    assert!(names.lines().count() > 50, "git lists our files:\n{names}");
    let vague = names.lines().filter(|name| name.ends_with("/mod.rs") || name.ends_with("/utils.rs"));
    assert_eq!(vague.collect::<Vec<_>>(), Vec::<&str>::new(), "a name tells nothing");
}
