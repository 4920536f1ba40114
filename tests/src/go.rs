//! Peers that are written in Go. They take minutes to build, so each is built once and kept outside of the work tree.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::binary;

/// Why they cannot all be had on this machine, in words, or nothing.
pub fn missing() -> Option<String> {
    let output = build(&["--check"]);
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// The program of a directory of `tests/go`, built where it is not there yet.
pub fn program(name: &str) -> PathBuf {
    let output = build(&[name]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} cannot be built: {said}");
    let path = String::from_utf8(output.stdout).expect("a path of ours");
    Path::new(path.trim_end()).to_path_buf()
}

fn build(arguments: &[&str]) -> Output {
    let script = binary::repository().join("tests/go/build");
    let mut command = Command::new(&script);
    command.args(arguments).stdin(Stdio::null());
    command.output().unwrap_or_else(|error| panic!("{}: {error}", script.display()))
}
