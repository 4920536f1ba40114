//! A virtual environment with the Python packages that judge our output or are our peers, kept outside of the work tree.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The reference parser of the Prometheus project, the reference implementation of gRPC, a library for HTTP/2, and a client
/// of Kafka that is no other's child.
const PACKAGES: [&str; 4] = ["prometheus-client==0.26.0", "grpcio==1.85.3", "h2==4.4.1", "kafka-python==2.3.3"];

/// Its interpreter. The packages are installed by the first run.
pub fn interpreter() -> PathBuf {
    let venv = cache().join("venv");
    let python = venv.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    }
    let has_all = Command::new(&python).args(["-c", "import grpc, h2, kafka, prometheus_client"]).output();
    if !has_all.is_ok_and(|output| output.status.success()) {
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES));
    }
    python
}

fn cache() -> PathBuf {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || Path::new(&env::var_os("HOME").expect("there is a home")).join(".cache");
    base.unwrap_or_else(home).join("flowfold")
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
