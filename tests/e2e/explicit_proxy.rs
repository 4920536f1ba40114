//! `flowfold proxy`: the same proxy for everybody, without eBPF.

use std::net::{SocketAddr, TcpListener};
use std::thread;

use flowfold_e2e::eventually::until;
use flowfold_e2e::http;
use flowfold_e2e::process::{Launch, Process};
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::streams::{Suite, play_client, play_server};
use flowfold_e2e::{binary, eventually::PATIENCE};

use crate::{Test, anywhere};

pub(crate) const TESTS: &[Test] = &[anywhere("explicit_proxy::bytes_are_exact", bytes_are_exact)];

const SUITE: Suite = Suite::any(31);
const CASES: u64 = 100;

fn bytes_are_exact() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let upstream = listener.local_addr().expect("it is bound");
    let (listen, metrics) = (free_address(), free_address());
    let addresses = [("--listen", listen), ("--upstream", upstream), ("--metrics", metrics)];
    let mut command = Launch::new(binary::flowfold()).arg("proxy");
    for (flag, address) in addresses {
        command = command.arg(flag).arg(address.to_string());
    }
    let mut proxy = command.start(directory.path(), "proxy");
    until("the proxy to be ready", || is_ready(&mut proxy, metrics));

    let in_order = SUITE.numbers(CASES, false);
    thread::scope(|scope| {
        scope.spawn(|| play_server(&listener, SUITE, &in_order));
        play_client(listen, SUITE, &in_order);
    });
    let (mut sent, mut received) = (0, 0);
    for number in &in_order {
        let (client, server) = SUITE.case(*number).bytes();
        sent += client;
        received += server;
    }
    until("every byte to be counted", || {
        let scrape = Scrape::parse(&http::get(metrics, "/metrics").expect("the proxy answers").text());
        let of = |side| scrape.count("flowfold_bytes_total", &[("side", side)]);
        (of("client_to_server"), of("server_to_client")) == (sent, received)
    });
    proxy.signal(rustix::process::Signal::TERM);
    let status = proxy.wait(PATIENCE);
    assert!(status.success(), "{status}: {}", proxy.stderr());
}

fn is_ready(proxy: &mut Process, metrics: SocketAddr) -> bool {
    assert!(proxy.ended().is_none(), "the proxy ended:\n{}", proxy.stderr());
    http::get(metrics, "/readyz").is_ok_and(|answer| answer.status == 200)
}

/// An address that was free a moment ago.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}
