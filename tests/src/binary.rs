//! The binaries under test.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

static FLOWFOLD: LazyLock<PathBuf> = LazyLock::new(|| {
    let given = env::var_os("FLOWFOLD_BIN").map(PathBuf::from);
    given.unwrap_or_else(build)
});

/// The agent: what `FLOWFOLD_BIN` names, else the release binary, built when it is first asked for.
pub fn flowfold() -> &'static Path {
    &FLOWFOLD
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the tests are a directory of the repository").to_path_buf()
}

fn build() -> PathBuf {
    let root = repository();
    let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--package", "flowfold"])
        .current_dir(&root)
        .status()
        .expect("cargo starts");
    assert!(built.success(), "the agent does not build");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |given| root.join(given));
    target.join("release/flowfold")
}
