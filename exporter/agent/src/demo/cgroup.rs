//! The cgroup of the demo, which goes even if the demo is killed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::child::{Child, Role};
use crate::error::AgentError;

/// How long the last processes of the cgroup may take to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// A cgroup below the root of the cgroup2 tree, with one for each of the shop's processes in it.
#[derive(Debug)]
pub(super) struct ShopCgroup {
    directory: PathBuf,
    /// The path within the tree.
    path: String,
    /// Removes the cgroup when this process is gone, or lets go of it.
    _janitor: Child,
}

impl ShopCgroup {
    /// Makes it. Where the tree cannot be written, steering by cgroup is what is missing.
    pub(super) fn create(mount: &Path) -> Result<Self, AgentError> {
        let name = format!("flowfold-demo-{}", std::process::id());
        let directory = mount.join(&name);
        // First somebody who cleans up, then what is to be cleaned up.
        let janitor = Child::start(Role::Janitor, Some(&directory))?;
        match fs::create_dir(&directory) {
            Ok(()) => Ok(Self { directory, path: format!("/{name}"), _janitor: janitor }),
            Err(error) => Err(AgentError::Missing(format!(
                "no cgroup can be made in {}: {error}\nfix: run as root, with the cgroup2 tree mounted writable",
                mount.display()
            ))),
        }
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
