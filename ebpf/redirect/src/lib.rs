//! Loads and attaches the eBPF programs, and looks up what they recorded and copied.
//!
//! Synchronous, no runtime. The way of use: [`Listeners::open`] on a thread inside the namespace, then
//! [`Redirect::attach`] on the same thread, [`Redirect::beat`] a few times per second from anywhere, and a clone of
//! [`Redirect::lookups`] per worker.

mod address;
mod attach;
mod bpf;
mod capabilities;
mod cgroup;
mod clock;
mod datagrams;
mod error;
mod listeners;
mod lookups;
mod namespace;
mod object;
mod owner;
mod plan;
mod probe;
mod ring;
mod stats;

pub use attach::Redirect;
pub use capabilities::{CAPABILITIES, Capability, Phase};
pub use cgroup::cgroup2_mount;
pub use datagrams::{Datagram, DatagramEvent, DatagramTap, Taken};
pub use error::RedirectError;
pub use listeners::{Listeners, WorkerListeners};
pub use lookups::{ClientProcess, EgressOrigin, Lookups};
pub use owner::{Owner, owners};
pub use plan::{Direction, Plan};
pub use probe::{Answer, Probe, Requirement, probe};
pub use stats::{ProgramStatus, SteeringStats};
