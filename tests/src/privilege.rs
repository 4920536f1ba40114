//! Whether steering can be tested here at all.

use std::env;
use std::process::Command;

use crate::binary;

/// What a machine without privilege lacks, in words, or nothing.
///
/// The agent itself is asked: it tries to make a map and to load each program, and user ids tell nothing about that.
pub fn missing() -> Option<String> {
    for command in [["unshare", "--net", "true"], ["nsenter", "--version", ""], ["bpftool", "version", ""]] {
        let arguments = command[1..].iter().filter(|argument| !argument.is_empty());
        match Command::new(command[0]).args(arguments).output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => return Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => return Some(format!("{}: {error}", command[0])),
        }
    }
    let check = Command::new(binary::flowfold())
        .args(["check", "--visibility", "<Ingress/9080/TCP/HTTP>"])
        .output()
        .expect("the agent starts");
    let said =
        || String::from_utf8_lossy(&check.stderr).trim().to_owned() + String::from_utf8_lossy(&check.stdout).trim();
    (!check.status.success()).then(said)
}

/// CI must not pass by skipping.
pub fn is_required() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty())
}
