//! The cgroup of the demo, which goes even if the demo is killed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::Pid;

use super::child::{Child, Role};
use crate::error::{AgentError, whole};

/// What the names of the demos' cgroups begin with; the number of the demo's process follows.
const PREFIX: &str = "flowfold-demo-";

/// How long the last processes of the cgroup may take to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// A cgroup below the root of the cgroup2 tree, with one for each of the shop's processes in it.
#[derive(Debug)]
pub(super) struct ShopCgroup {
    directory: PathBuf,
    /// The path within the tree.
    path: String,
    /// Removes the cgroup when this process is gone, or lets go of it.
    janitor: Child,
}

impl ShopCgroup {
    /// Makes it. Where the tree cannot be written, steering by cgroup is what is missing.
    pub(super) fn create(mount: &Path) -> Result<Self, AgentError> {
        remove_stale(mount);
        let name = format!("{PREFIX}{}", std::process::id());
        let directory = mount.join(&name);
        // First somebody who cleans up, then what is to be cleaned up.
        let janitor = Child::start(Role::Janitor, Some(&directory))?;
        match fs::create_dir(&directory) {
            Ok(()) => Ok(Self { directory, path: format!("/{name}"), janitor }),
            Err(error) => Err(AgentError::Missing(format!(
                "no cgroup can be made in {}: {error}\nfix: run as root, with the cgroup2 tree mounted writable",
                mount.display()
            ))),
        }
    }

    /// The process that removes it.
    pub(super) fn janitor(&mut self) -> &mut Child {
        &mut self.janitor
    }

    /// Its directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its path, as /proc/PID/cgroup shows it.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Makes a cgroup in it.
    pub(super) fn child(&self, name: &str) -> Result<PathBuf, AgentError> {
        let directory = self.directory.join(name);
        fs::create_dir(&directory)
            .map_err(AgentError::system(format!("cannot make the cgroup {}", directory.display())))?;
        Ok(directory)
    }
}

impl Drop for ShopCgroup {
    fn drop(&mut self) {
        self.janitor.end();
        // Nothing is left to do, unless somebody has killed the janitor. Where the privilege for it has been dropped, the
        // next demo does it.
        if let Err(error) = remove(&self.directory) {
            tracing::warn!("{}", whole(&error));
        }
    }
}

/// Removes what demos left behind that were killed together with their janitors: cgroups without processes whose demo is
/// gone. It is a favour, so what cannot be removed stays.
fn remove_stale(mount: &Path) {
    for entry in fs::read_dir(mount).into_iter().flatten().flatten() {
        if entry.file_name().to_str().and_then(demo_of).is_some_and(is_gone) && is_empty(&entry.path()) {
            match remove_now(&entry.path()) {
                Ok(()) => tracing::info!("removed {}, which an earlier demo had left", entry.path().display()),
                Err(error) => tracing::debug!(%error, "{} stays", entry.path().display()),
            }
        }
    }
}

/// The process of the demo whose cgroup has this name.
fn demo_of(name: &str) -> Option<Pid> {
    let digits = name.strip_prefix(PREFIX)?;
    digits.parse().ok().filter(|pid| *pid > 0).and_then(Pid::from_raw)
}

/// The number of this very process is that of an earlier one here, as its own cgroup is not made yet.
fn is_gone(demo: Pid) -> bool {
    demo == rustix::process::getpid() || rustix::process::test_kill_process(demo) == Err(Errno::SRCH)
}

/// Are there no processes in it, nor in those in it? (Documentation/admin-guide/cgroup-v2.rst, cgroup.events)
fn is_empty(cgroup: &Path) -> bool {
    fs::read_to_string(cgroup.join("cgroup.events")).is_ok_and(|text| text.lines().any(|line| line == "populated 0"))
}

/// Removes a cgroup and those in it, once their processes are gone.
pub(super) fn remove(directory: &Path) -> Result<(), AgentError> {
    let start = Instant::now();
    loop {
        match remove_now(directory) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && start.elapsed() < PATIENCE => {
                // Kills what is left in it. Kernels before 5.14 have no such file; there, processes end by themselves.
                drop(fs::write(directory.join("cgroup.kill"), "1"));
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => {
                return removed
                    .map_err(AgentError::system(format!("cannot remove the cgroup {}", directory.display())));
            }
        }
    }
}

fn remove_now(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir(entry.path())?;
        }
    }
    fs::remove_dir(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cgroups_of_demos_are_looked_at() {
        let own = rustix::process::getpid();
        assert_eq!(demo_of(&format!("{PREFIX}{own}")), Some(own));
        for name in ["flowfold-demo-", "flowfold-demo-0", "flowfold-demo--1", "flowfold-demo-1x", "system.slice", "1"] {
            assert_eq!(demo_of(name), None, "{name}");
        }
    }

    #[test]
    fn a_demo_that_runs_is_not_gone() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let demo = Pid::from_child(&child);
        assert!(!is_gone(demo));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_gone(demo));
    }
}
