//! Cgroups of version 2: the mount, a directory in it, and the process' own.

use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::RedirectError;
use mounts::Mount;

mod mounts;

/// `CGROUP2_SUPER_MAGIC` of linux/magic.h.
const CGROUP2_MAGIC: i64 = 0x6367_7270;

const OWN_CGROUP: &str = "/proc/self/cgroup";

/// The mount point of cgroup version 2, found in the mount table; with several, the first that can be used.
pub fn cgroup2_mount() -> Result<PathBuf, RedirectError> {
    usable_mount().map(|mount| mount.point)
}

/// A cgroup that programs can be attached to.
#[derive(Debug)]
pub(crate) struct Cgroup {
    directory: File,
    pub(crate) path: PathBuf,
    /// Its id, with those of its ancestors up to the root of the mount before it.
    pub(crate) ids: Vec<u64>,
}

impl Cgroup {
    pub(crate) fn open(path: &Path) -> Result<Self, RedirectError> {
        let path = fs::canonicalize(path).map_err(error("open", path))?;
        let directory = File::open(&path).map_err(error("open", &path))?;
        let kind = rustix::fs::fstatfs(&directory).map_err(|errno| error("statfs", &path)(errno.into()))?;
        if kind.f_type != CGROUP2_MAGIC {
            return Err(RedirectError::NotCgroup2 { path });
        }
        let ids = ids(&path)?;
        Ok(Self { directory, path, ids })
    }

    /// The one of this process. None if it lies outside of what is mounted.
    pub(crate) fn own() -> Result<Option<Self>, RedirectError> {
        let Some(path) = own_path()? else { return Ok(None) };
        let mount = usable_mount()?;
        match mount.directory_of(&path) {
            Some(directory) => Self::open(&directory).map(Some),
            None => Ok(None),
        }
    }

    /// Is the directory that was opened still the one under its path?
    pub(crate) fn is_at_its_path(&self) -> bool {
        let now = fs::metadata(&self.path).ok().map(|found| found.ino());
        now.is_some() && now.as_ref() == self.ids.last()
    }

    /// Does this cgroup hold the other one, or is it the same?
    pub(crate) fn holds(&self, other: &Self) -> bool {
        self.ids.last().is_some_and(|id| other.ids.contains(id))
    }
}

impl AsFd for Cgroup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// What the kernel says the cgroup of this process is, relative to the root of its cgroup namespace.
pub(crate) fn own_path() -> Result<Option<PathBuf>, RedirectError> {
    let table = fs::read_to_string(OWN_CGROUP).map_err(error("read", Path::new(OWN_CGROUP)))?;
    Ok(table.lines().find_map(|line| line.strip_prefix("0::")).map(PathBuf::from))
}

fn usable_mount() -> Result<Mount, RedirectError> {
    let mounts = mounts::cgroup2()?;
    let usable = |mount: &&Mount| fs::metadata(mount.point.join("cgroup.procs")).is_ok();
    mounts.iter().find(usable).cloned().ok_or(RedirectError::NoCgroup2)
}

/// A cgroup's id is the inode number of its directory (64-bit kernels since Linux 5.5). Going up ends where the
/// file system does.
fn ids(path: &Path) -> Result<Vec<u64>, RedirectError> {
    let device = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).map_err(error("stat", path));
    let (own_device, own_id) = device(path)?;
    let mut ids = vec![own_id];
    for ancestor in path.ancestors().skip(1) {
        match device(ancestor)? {
            (device, id) if device == own_device => ids.push(id),
            _ => break,
        }
    }
    ids.reverse();
    Ok(ids)
}

fn error(call: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> RedirectError {
    let path = path.to_owned();
    move |source| RedirectError::File { call, path, source }
}
