//! gRPC peers in Python: both ends of the reference implementation, and a server made by hand with an HTTP/2 library.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;

use crate::binary::repository;
use crate::eventually::until;
use crate::process::{Launch, Process};
use crate::python;
use crate::world::World;

/// What one end of some calls has seen of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// How many calls of a method ended with a status.
    pub ended: BTreeMap<(String, String), u64>,
    /// Messages of the clients, by method.
    pub from_client: BTreeMap<String, u64>,
    /// Messages of the servers, by method.
    pub from_server: BTreeMap<String, u64>,
}

impl Calls {
    /// All calls.
    pub fn total(&self) -> u64 {
        self.ended.values().sum()
    }

    /// Counts the end of a call.
    pub fn end(&mut self, method: &str, status: &str) {
        *self.ended.entry((method.to_owned(), status.to_owned())).or_default() += 1;
    }

    /// Counts the messages of a call.
    pub fn messages(&mut self, method: &str, from_client: u64, from_server: u64) {
        *self.from_client.entry(method.to_owned()).or_default() += from_client;
        *self.from_server.entry(method.to_owned()).or_default() += from_server;
    }

    /// Reads what the Python peers write.
    pub fn from_json(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let number = |value: &Value| value.as_u64().expect("a count");
        let rows = value["ended"].as_array().into_iter().flatten();
        let messages = |side: &str| {
            let counts = value[side].as_object().into_iter().flatten();
            counts.map(|(method, count)| (method.clone(), number(count))).collect()
        };
        Self {
            ended: rows.map(|row| ((text(&row[0]), text(&row[1])), number(&row[2]))).collect(),
            from_client: messages("from_client"),
            from_server: messages("from_server"),
        }
    }
}

/// A Python server that runs, and says at its end what it has seen.
#[derive(Debug)]
pub struct Server {
    process: Process,
}

impl Server {
    /// Starts one of the scripts beside this file at its place, and waits until it listens.
    pub fn start(world: &World, place: impl FnOnce(PathBuf) -> Launch, script: &str, address: SocketAddr) -> Self {
        let mut process = python_script(place, script).arg(address.to_string()).start(world.directory(), script);
        until("a Python server to listen", || {
            assert!(process.ended().is_none(), "{script} ended:\n{}", process.stderr());
            process.stdout().starts_with("ready\n")
        });
        Self { process }
    }

    /// Ends it, and returns what it has seen.
    pub fn stop(mut self) -> Calls {
        let status = self.process.terminate();
        let said = self.process.stdout();
        assert!(status.success(), "{status}: {}", self.process.stderr());
        Calls::from_json(said.lines().nth(1).expect("it tells what it has seen"))
    }
}

/// Runs one of the client scripts beside this file to its end, and returns what it has seen.
pub fn client(place: impl FnOnce(PathBuf) -> Launch, script: &str, server: SocketAddr, rounds: u64) -> Calls {
    let said = python_script(place, script).args([server.to_string(), rounds.to_string()]).stdout();
    Calls::from_json(said.trim())
}

fn python_script(place: impl FnOnce(PathBuf) -> Launch, script: &str) -> Launch {
    let path = repository().join("tests/src/peers/rpc").join(format!("{script}.py"));
    // no compiled files in the work tree
    place(python::interpreter()).arg("-B").arg(path)
}
