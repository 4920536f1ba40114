//! What a service manager hears from the agent, played by a socket (`sd_notify(3)`).

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use flowfold_e2e::binary;
use flowfold_e2e::eventually::PATIENCE;
use flowfold_e2e::process::{Launch, Process};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{Test, anywhere};

pub(crate) const TESTS: &[Test] = &[
    anywhere("service_manager::hears_of_start_life_and_end", hears_of_start_life_and_end),
    anywhere("service_manager::that_does_not_read_holds_up_nothing", that_does_not_read_holds_up_nothing),
];

/// How long the manager is asked to wait: the drain timeout and fifteen seconds.
const EXTENSION: &str = "EXTEND_TIMEOUT_USEC=75000000";

/// A service manager, and the agent that it has started.
struct Managed {
    directory: TempDir,
    manager: UnixDatagram,
    agent: Process,
    listen: String,
}

impl Managed {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let manager = UnixDatagram::bind(Self::socket(&directory)).expect("a socket");
        manager.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let listen = free_address().to_string();
        let agent = Launch::new("env")
            .arg(format!("NOTIFY_SOCKET={}", Self::socket(&directory).display()))
            .arg(format!("WATCHDOG_USEC={}", Duration::from_millis(400).as_micros()))
            .arg(binary::flowfold())
            .args(["proxy", "--listen", &listen, "--upstream", "127.0.0.1:9", "--drain-timeout", "60s"])
            .args(["--metrics", &free_address().to_string()])
            .start(directory.path(), "proxy");
        Self { directory, manager, agent, listen }
    }

    fn socket(directory: &TempDir) -> PathBuf {
        directory.path().join("notify")
    }

    fn hear(&self) -> String {
        let mut message = [0; 4096];
        let size = self.manager.recv(&mut message).expect("the agent says something");
        String::from_utf8_lossy(&message[..size]).into_owned()
    }

    fn ends_well(&mut self) {
        let status = self.agent.wait(PATIENCE);
        assert!(status.success(), "{status}: {}", self.agent.stderr());
    }
}

fn hears_of_start_life_and_end() {
    let mut managed = Managed::start();
    let (ready, listen) = (managed.hear(), &managed.listen);
    assert!(ready.starts_with(&format!("READY=1\nSTATUS=relaying {listen} to ")), "{ready}");
    assert_eq!([managed.hear(), managed.hear()], ["WATCHDOG=1\n", "WATCHDOG=1\n"]);
    managed.agent.signal(Signal::TERM);
    let hear = || managed.hear();
    let end = std::iter::repeat_with(hear).find(|message| message != "WATCHDOG=1\n").expect("it says more");
    assert_eq!(end.lines().collect::<Vec<_>>(), ["STOPPING=1", "STATUS=draining", EXTENSION]);
    managed.ends_well();
}

fn that_does_not_read_holds_up_nothing() {
    let mut managed = Managed::start();
    assert!(managed.hear().starts_with("READY=1\n"));
    let other = UnixDatagram::unbound().expect("a socket");
    other.set_nonblocking(true).expect("a socket");
    let full = (0..100_000).find_map(|_| other.send_to(b"X=1\n", Managed::socket(&managed.directory)).err());
    assert_eq!(full.expect("the socket has no room").kind(), ErrorKind::WouldBlock);
    managed.agent.signal(Signal::TERM);
    managed.ends_well();
}

/// An address that was free a moment ago.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free")
}
