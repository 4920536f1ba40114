//! The scrape, read by promtool (Debian package prometheus), which also knows the rules for names.

use std::io::Write;
use std::process::{Command, Stdio};

use flowfold_expose::{Format, encode};

use crate::store::filled;

/// Runs promtool with this standard input. Returns whether it was content, and what it said; nothing where it is not
/// installed, which only fails where `CI` is set.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
pub(crate) fn promtool(arguments: &[&str], stdin: &[u8]) -> Option<(bool, String)> {
    let started = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut started = match started {
        Ok(started) => started,
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: promtool cannot be started ({error}); the Debian package prometheus has it");
            return None;
        }
        Err(error) => panic!("promtool cannot be started: {error}"),
    };
    started.stdin.take().unwrap().write_all(stdin).unwrap();
    let output = started.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    Some((output.status.success(), said))
}

#[test]
fn promtool_has_nothing_to_say() {
    let mut text = Vec::new();
    encode(&filled().snapshot(), Format::Text004, &mut text);
    let Some((is_content, said)) = promtool(&["check", "metrics"], &text) else { return };
    assert!(is_content && said.is_empty(), "{said}");
}
