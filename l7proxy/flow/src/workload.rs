//! Who a side of a connection is.

use std::fmt;
use std::sync::Arc;

/// The name under which a side of a connection is reported.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Workload {
    /// The workload's own name: from the configuration, a systemd unit, a container id, a command name or an IP address.
    pub name: Arc<str>,
    /// The namespace that the configuration gave, else empty.
    pub namespace: Arc<str>,
    /// Further labels that the configuration gave, sorted by name.
    pub labels: Arc<[(Arc<str>, Arc<str>)]>,
}

impl Workload {
    /// A workload of which only the name is known.
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), namespace: "".into(), labels: Arc::from([]) }
    }

    /// The workload of a peer about which nothing may be told.
    pub fn unknown() -> Self {
        Self::named("unknown")
    }
}

impl fmt::Debug for Workload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(out, "{}", self.name)
        } else {
            write!(out, "{}/{}", self.namespace, self.name)
        }
    }
}
