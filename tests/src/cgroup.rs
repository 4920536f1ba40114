//! Control groups of the tests' own, in the unified hierarchy.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use crate::eventually::until;
use crate::netns::unique_name;

/// Where the unified hierarchy is mounted, from the mount table: not every machine has it at `/sys/fs/cgroup`.
pub fn mount() -> PathBuf {
    let table = fs::read_to_string("/proc/self/mountinfo").expect("the mount table can be read");
    mount_in(&table).expect("a cgroup2 file system is mounted")
}

fn mount_in(table: &str) -> Option<PathBuf> {
    table.lines().find_map(|line| {
        // proc_pid_mountinfo(5): the mount point is the fifth field, the type the first after the dash
        let (place, kind) = line.split_once(" - ")?;
        (kind.split(' ').next()? == "cgroup2").then(|| PathBuf::from(place.split(' ').nth(4).unwrap_or_default()))
    })
}

/// A child cgroup. On drop its processes are ended and it is removed.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes an empty cgroup right under the mount.
    pub fn new() -> Self {
        let path = mount().join(unique_name());
        fs::create_dir(&path).expect("a cgroup can be made");
        Self { path }
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Default for Cgroup {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Ends the processes of a cgroup of ours, waits until they are gone, and removes it.
pub fn remove(path: &Path) {
    let killed = fs::write(path.join("cgroup.kill"), "1");
    until("a cgroup to empty", || {
        fs::read_to_string(path.join("cgroup.events")).map_or(true, |events| events.contains("populated 0"))
    });
    // A test may have made cgroups inside.
    for child in fs::read_dir(path).into_iter().flatten().flatten().filter(|child| child.path().is_dir()) {
        remove(&child.path());
    }
    let removed = fs::remove_dir(path);
    assert!(removed.is_ok() || thread::panicking(), "{}: {removed:?} after {killed:?}", path.display());
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::mount_in;

    #[test]
    fn finds_the_mount_on_hosts_with_both_hierarchies() {
        let table = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
                     41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:4 - cgroup2 cgroup2 rw\n";
        assert_eq!(mount_in(table), Some(PathBuf::from("/sys/fs/cgroup/unified")));
        assert_eq!(mount_in("22 1 0:20 / /proc rw - proc proc rw\n"), None);
    }
}
