//! The scrape, read by promtool (Debian package prometheus), which also knows the rules for names.

use std::io::Write;
use std::process::{Command, Stdio};

use flowfold_expose::{Format, encode};

use crate::store::filled;

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn promtool_has_nothing_to_say() {
    let check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut check = match check {
        Ok(check) => check,
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: promtool cannot be started ({error}); the Debian package prometheus has it");
            return;
        }
        Err(error) => panic!("promtool cannot be started: {error}"),
    };
    let mut text = Vec::new();
    encode(&filled().snapshot(), Format::Text004, &mut text);
    check.stdin.take().unwrap().write_all(&text).unwrap();
    let output = check.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(output.status.success() && said.is_empty(), "{said}");
}
