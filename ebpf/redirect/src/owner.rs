//! Who steers what on this host.

use std::io;
use std::time::SystemTime;

/// A live agent, as its own record tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its process id (in its own pid namespace).
    pub pid: u32,
    /// Inode number of the network namespace that it steers.
    pub netns: u64,
    /// Local ports whose incoming connections it steers.
    pub ingress: Vec<u16>,
    /// Destination ports whose outgoing connections it steers.
    pub egress: Vec<u16>,
    /// Since when.
    pub since: SystemTime,
    /// What it says about itself.
    pub description: String,
}

/// All live agents of this host. Needs `CAP_SYS_ADMIN`.
pub fn owners() -> io::Result<Vec<Owner>> {
    Ok(Vec::new())
}
