//! What the end-to-end tests stand on: namespaces, cgroups, processes, real peers, and exact accounts of what they did.
//!
//! A [`world::World`] is a host of its own: a network namespace with a cgroup, and a client in a second namespace over a
//! veth pair. Whatever is made here goes when its value is dropped, also where a test panics; what a killed run left is
//! removed by the next one ([`leftovers`]).

#![forbid(unsafe_code)]
#![expect(clippy::missing_panics_doc, reason = "a test harness reports by panicking")]
#![expect(clippy::format_collect, reason = "short texts, made once per test")]

pub mod account;
pub mod agent;
pub mod binary;
pub mod cgroup;
pub mod dashboards;
pub mod eventually;
pub mod go;
pub mod http;
pub mod leftovers;
pub mod netns;
pub mod peers;
pub mod privilege;
pub mod process;
pub mod promql;
pub mod python;
pub mod rules;
pub mod scrape;
pub mod streams;
pub mod world;
