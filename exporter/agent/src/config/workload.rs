//! One entry of the workloads table.

use std::num::NonZeroU16;
use std::sync::Arc;

use flowfold_flow::Workload;
use ipnet::IpNet;

/// A workload and what tells it. An entry matches a side of a connection when every criterion that it has does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadEntry {
    /// What a matching side is reported as.
    pub workload: Arc<Workload>,
    /// The side's address is in one of these; empty: whatever the address.
    pub networks: Vec<IpNet>,
    /// The side is a server on one of these ports; empty: whatever the port, client or server.
    pub ports: Vec<NonZeroU16>,
    /// The side is a local process whose cgroup is one of these or below it; empty: whatever the cgroup. Paths begin
    /// at the root of the cgroup2 tree, as in `/proc/PID/cgroup` behind `0::`, and have no slash at the end.
    pub cgroups: Vec<String>,
}
