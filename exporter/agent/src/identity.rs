//! Who is at the ends of a connection.
//!
//! The first of these that tells gives the name: the configured workloads table; of a process of this host its systemd
//! unit, its container id, or its command; the IP address. What takes a scan is learnt by [`Directory::refresh`] on a
//! thread of its own; each worker asks a [`Resolver`], which answers from what it has seen before, or from the last
//! scan.

mod addresses;
mod cgroups;
mod directory;
mod listeners;
mod naming;
mod resolver;
mod table;

use std::sync::Arc;

pub use directory::{Directory, Options};
pub use resolver::{Caller, Resolver};
pub use table::{Side, Table};

/// A process of this host at one end of a connection, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalProcess {
    /// The path of its cgroup, from the root of the cgroup2 tree.
    pub cgroup: Option<Arc<str>>,
    /// The name of its command.
    pub command: Option<Arc<str>>,
}
