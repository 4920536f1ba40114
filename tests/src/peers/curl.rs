//! curl, asked to tell what it sent and got.

use std::net::SocketAddr;

use crate::account::Account;
use crate::peers::Kind;
use crate::process::Launch;

const REPORT: &str = "%{method} %{http_code} %{size_request} %{size_header} %{size_download}\\n";

/// Makes requests of one kind, `times` over one connection, and counts them.
///
/// The kind has no content: versions of curl disagree about whether `size_request` holds it.
pub fn load(curl: Launch, server: SocketAddr, kind: Kind, times: usize) -> Account {
    let mut command = curl.args(["--silent", "--show-error", "--max-time", "60", "--write-out", REPORT]);
    command = match kind.method {
        "HEAD" => command.arg("--head"),
        method => command.args(["--request", method]),
    };
    assert!(kind.body.is_empty(), "{kind:?}");
    for _ in 0..times {
        command = command.args(["--output", "/dev/null"]).arg(format!("http://{server}{}", kind.path));
    }
    let mut account = Account::default();
    for line in command.stdout().lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| -> u64 { fields[at].parse().unwrap_or_else(|_| panic!("curl said {line}")) };
        account.answer(fields[0], u16::try_from(number(1)).expect("a status"), 1);
        account.sent += number(2);
        account.received += number(3) + number(4);
    }
    account
}
