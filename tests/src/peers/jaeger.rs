//! A Jaeger that receives spans, and tells what it has made of them.

use std::net::SocketAddr;

use serde_json::Value;

use crate::eventually::eventually;
use crate::process::Process;
use crate::world::World;
use crate::{go, http};

/// Where it takes OTLP by gRPC.
pub const GRPC: &str = "127.0.0.1:4317";

/// Where it takes OTLP by HTTP.
pub const HTTP: &str = "127.0.0.1:4318";

const QUERY: &str = "127.0.0.1:16686";

/// Jaeger in one process, which keeps everything in memory.
#[derive(Debug)]
pub struct Jaeger<'a> {
    world: &'a World,
    query: SocketAddr,
    _process: Process,
}

/// A span as Jaeger tells it.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its id in hexadecimal.
    pub id: String,
    /// The id of its parent, where it has one in its own trace.
    pub parent: Option<String>,
    /// The name.
    pub name: String,
    /// `service.name` of its resource.
    pub service: String,
    tags: Value,
}

impl Span {
    /// The text of a tag; that of a number or a truth value is its JSON.
    pub fn tag(&self, name: &str) -> Option<String> {
        let tag = self.tags.as_array()?.iter().find(|tag| tag["key"] == name)?;
        Some(tag["value"].as_str().map_or_else(|| tag["value"].to_string(), str::to_owned))
    }
}

impl<'a> Jaeger<'a> {
    /// Starts it on the world's host and waits until it answers.
    pub fn start(world: &'a World) -> Self {
        let flags = [
            ("collector.otlp.grpc.host-port", GRPC),
            ("collector.otlp.http.host-port", HTTP),
            ("query.http-server.host-port", QUERY),
        ];
        let flags = flags.map(|(name, address)| format!("--{name}={address}"));
        let process = world.beside(go::program("jaeger")).args(flags).start(world.directory(), "jaeger");
        let query = QUERY.parse().expect("a socket address");
        let started = Self { world, query, _process: process };
        eventually("Jaeger to answer", || started.get("/api/services").filter(|answer| answer.status == 200));
        started
    }

    fn get(&self, path: &str) -> Option<http::Answer> {
        self.world.host.run(|| http::get(self.query, path)).ok()
    }

    /// Hands it spans in OTLP's JSON, as other programs than the agent would.
    pub fn tell(&self, spans: &Value) {
        let url = format!("http://{HTTP}/v1/traces");
        let curl = self.world.beside("curl").args(["--silent", "--fail", "--json", &spans.to_string(), &url]);
        curl.stdout();
    }

    /// The spans of a trace that it has so far.
    pub fn trace(&self, id: &str) -> Vec<Span> {
        let Some(answer) = self.get(&format!("/api/traces/{id}")).filter(|answer| answer.status == 200) else {
            return Vec::new();
        };
        let answer: Value = serde_json::from_slice(&answer.body).expect("Jaeger answers in JSON");
        let trace = &answer["data"][0];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let read = |span: &Value| {
            let references = span["references"].as_array();
            let is_parent = |one: &&Value| one["refType"] == "CHILD_OF" && one["traceID"] == id;
            Span {
                id: text(&span["spanID"]),
                parent: references.and_then(|all| all.iter().find(is_parent)).map(|one| text(&one["spanID"])),
                name: text(&span["operationName"]),
                service: text(&trace["processes"][text(&span["processID"])]["serviceName"]),
                tags: span["tags"].clone(),
            }
        };
        trace["spans"].as_array().into_iter().flatten().map(read).collect()
    }
}
