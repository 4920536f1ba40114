//! curl, asked to tell what it sent and got.

use std::net::SocketAddr;

use crate::account::Account;
use crate::peers::Kind;
use crate::process::Launch;

const REPORT: &str = "%{method} %{http_code} %{size_request} %{size_header} %{size_download} %{http_version}\\n";

/// The version of HTTP that curl is told to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1
    Http1,
    /// HTTP/2 from the first byte.
    Http2,
    /// HTTP/1.1 that asks for an upgrade to HTTP/2.
    Upgrade,
}

/// Makes requests of one kind over HTTP/1.1, `times` over one connection, and counts them.
///
/// The kind has no content: versions of curl disagree about whether `size_request` holds it.
pub fn load(curl: Launch, server: SocketAddr, kind: Kind, times: usize) -> Account {
    load_by(Version::Http1, curl, server, kind, times)
}

/// The same over a version of HTTP. Of HTTP/2, the bytes are those that HTTP/1.1 would have taken.
///
/// With prior knowledge a connection takes one request: curl 7.88 fails at a second one, whoever is the server.
pub fn load_by(version: Version, curl: Launch, server: SocketAddr, kind: Kind, times: usize) -> Account {
    let (flag, spoken) = match version {
        Version::Http1 => ("--http1.1", "1.1"),
        Version::Http2 => ("--http2-prior-knowledge", "2"),
        Version::Upgrade => ("--http2", "2"),
    };
    let curl = curl.arg(flag);
    let mut command = curl.args(["--silent", "--show-error", "--max-time", "60", "--write-out", REPORT]);
    command = match kind.method {
        "HEAD" => command.arg("--head"),
        method => command.args(["--request", method]),
    };
    assert!(kind.body.is_empty() && (version != Version::Http2 || times == 1), "{kind:?} {version:?}");
    for _ in 0..times {
        command = command.args(["--output", "/dev/null"]).arg(format!("http://{server}{}", kind.path));
    }
    let mut account = Account::default();
    for line in command.stdout().lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| -> u64 { fields[at].parse().unwrap_or_else(|_| panic!("curl said {line}")) };
        assert_eq!(fields[5], spoken, "{version:?}: {line}");
        account.answer(fields[0], u16::try_from(number(1)).expect("a status"), 1);
        account.sent += number(2);
        account.received += number(3) + number(4);
    }
    account
}
