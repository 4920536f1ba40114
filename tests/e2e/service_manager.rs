//! What a service manager hears from the agent, played by a socket (`sd_notify(3)`).

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use flowfold_e2e::binary;
use flowfold_e2e::eventually::PATIENCE;
use flowfold_e2e::process::Launch;
use rustix::process::Signal;

use crate::{Test, anywhere};

pub(crate) const TESTS: &[Test] =
    &[anywhere("service_manager::hears_of_start_life_and_end", hears_of_start_life_and_end)];

/// How long the manager is asked to wait: the drain timeout and fifteen seconds.
const EXTENSION: &str = "EXTEND_TIMEOUT_USEC=75000000";

fn hears_of_start_life_and_end() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let hear = || {
        let mut message = [0; 4096];
        let size = manager.recv(&mut message).expect("the agent says something");
        String::from_utf8_lossy(&message[..size]).into_owned()
    };
    let listen = free_address().to_string();
    let mut agent = Launch::new("env")
        .arg(format!("NOTIFY_SOCKET={}", path.display()))
        .arg(format!("WATCHDOG_USEC={}", Duration::from_millis(400).as_micros()))
        .arg(binary::flowfold())
        .args(["proxy", "--listen", &listen, "--upstream", "127.0.0.1:9", "--drain-timeout", "60s"])
        .args(["--metrics", &free_address().to_string()])
        .start(directory.path(), "proxy");

    let ready = hear();
    assert!(ready.starts_with(&format!("READY=1\nSTATUS=relaying {listen} to ")), "{ready}");
    assert_eq!([hear(), hear()], ["WATCHDOG=1\n", "WATCHDOG=1\n"]);
    agent.signal(Signal::TERM);
    let end = std::iter::repeat_with(hear).find(|message| message != "WATCHDOG=1\n").expect("it says more");
    assert_eq!(end.lines().collect::<Vec<_>>(), ["STOPPING=1", "STATUS=draining", EXTENSION]);
    let status = agent.wait(PATIENCE);
    assert!(status.success(), "{status}: {}", agent.stderr());
}

/// An address that was free a moment ago.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free")
}
