//! The agent: configuration, identity of workloads, composition of the layers, command line.
#![forbid(unsafe_code)]

pub mod capabilities;
pub mod check;
pub mod cli;
pub mod compose;
pub mod config;
pub mod demo;
pub mod error;
pub mod identity;
pub mod limits;
pub mod logging;
pub mod netns;
pub mod priority;
pub mod routes;
pub mod run;
pub mod service_manager;
pub mod shutdown;
mod socket_table;
mod stdout;
