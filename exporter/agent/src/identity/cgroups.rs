//! From the id of a cgroup, as the programs report it, to its path.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The most cgroups that are remembered. A host has some hundred.
const MAX_KNOWN: usize = 8_192;

/// The most directories that one walk looks at.
const MAX_WALKED: usize = 32_768;

/// The paths of cgroups by id. The id is the inode number of the cgroup's directory, and is never used again.
#[derive(Debug)]
pub(super) struct Cgroups {
    mount: Option<PathBuf>,
    /// `None` stands for an id that was looked for and not found.
    known: Mutex<HashMap<u64, Option<Arc<str>>>>,
    /// Some id was not found where its process said: the tree must be walked.
    wanted: AtomicBool,
}

impl Cgroups {
    /// Cgroups below this mount point of cgroup version 2; without one, none is ever found.
    pub(super) fn new(mount: Option<PathBuf>) -> Self {
        Self { mount, known: Mutex::default(), wanted: AtomicBool::new(false) }
    }

    /// The path of the cgroup with this id, which the process `pid` is, or was, in. Where it isn't known it costs one
    /// short file of /proc; if that doesn't tell, the next [`Cgroups::refresh`] looks for it.
    pub(super) fn path(&self, id: u64, pid: u32) -> Option<Arc<str>> {
        let mount = self.mount.as_deref()?;
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return known.clone();
        }
        let told = of_process(pid).filter(|path| {
            // In another pid namespace the number may be somebody else's: the directory's inode decides.
            fs::metadata(mount.join(path.trim_start_matches('/'))).is_ok_and(|directory| directory.ino() == id)
        });
        if told.is_none() {
            self.wanted.store(true, Ordering::Release);
        }
        self.learn([(id, told.clone())]);
        told
    }

    /// Walks the tree if an id is wanted. True if that has told the path of one.
    pub(super) fn refresh(&self) -> bool {
        let Some(mount) = self.mount.as_deref() else { return false };
        if !self.wanted.swap(false, Ordering::Acquire) {
            return false;
        }
        let found = walk(mount);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let told = known.iter().any(|(id, path)| path.is_none() && found.contains_key(id));
        drop(known);
        self.learn(found.into_iter().map(|(id, path)| (id, Some(path))));
        told
    }

    fn learn(&self, found: impl IntoIterator<Item = (u64, Option<Arc<str>>)>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, path) in found {
            if known.len() >= MAX_KNOWN && !known.contains_key(&id) {
                // Starting over costs each living cgroup one look-up, and needs no order of use.
                known.clear();
            }
            known.insert(id, path);
        }
    }
}

/// The path of a process' cgroup of version 2, as /proc tells it.
pub(super) fn of_process(pid: u32) -> Option<Arc<str>> {
    path_in(&fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?)
}

/// The path in the text of a /proc/PID/cgroup: the line of hierarchy 0 (cgroups(7)).
fn path_in(text: &str) -> Option<Arc<str>> {
    text.lines().find_map(|line| line.strip_prefix("0::")).map(|path| path.trim_end_matches(" (deleted)").into())
}

fn walk(mount: &Path) -> HashMap<u64, Arc<str>> {
    let mut found = HashMap::new();
    let mut left = vec![(mount.to_path_buf(), String::new())];
    found.extend(fs::metadata(mount).ok().map(|root| (root.ino(), Arc::from("/"))));
    while let Some((directory, path)) = left.pop() {
        // A cgroup may go while it is walked.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) || found.len() >= MAX_WALKED {
                continue;
            }
            let path = format!("{path}/{}", entry.file_name().to_string_lossy());
            found.insert(entry.ino(), path.as_str().into());
            left.push((entry.path(), path));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_hierarchy_0_tells_the_path() {
        let cases = [
            ("0::/system.slice/a.service\n", Some("/system.slice/a.service")),
            ("9:name=systemd:/x\n4:memory:/y\n0::/\n", Some("/")),
            ("0::/gone (deleted)\n", Some("/gone")),
            ("4:memory:/y\n", None),
            ("", None),
        ];
        for (text, path) in cases {
            assert_eq!(path_in(text).as_deref(), path, "{text:?}");
        }
    }

    #[test]
    fn an_id_is_found_by_walking_when_its_process_is_gone() {
        let tree = tempfile::tempdir().unwrap();
        let inner = tree.path().join("shop/reviews");
        fs::create_dir_all(&inner).unwrap();
        let id = fs::metadata(&inner).unwrap().ino();
        let cgroups = Cgroups::new(Some(tree.path().to_owned()));
        // The kernel gives no process the number 0.
        assert_eq!(cgroups.path(id, 0), None);
        assert_eq!(cgroups.path(id, 0), None, "not looked for twice");
        assert!(cgroups.refresh());
        assert_eq!(cgroups.path(id, 0).as_deref(), Some("/shop/reviews"));
        assert!(!cgroups.refresh(), "nothing is wanted any more");
    }

    #[test]
    fn a_number_that_no_cgroup_has_is_remembered_as_such() {
        let tree = tempfile::tempdir().unwrap();
        let cgroups = Cgroups::new(Some(tree.path().to_owned()));
        assert_eq!(cgroups.path(1, 0), None);
        assert!(!cgroups.refresh());
        assert_eq!(cgroups.path(1, 0), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let tree = tempfile::tempdir().unwrap();
        let cgroups = Cgroups::new(Some(tree.path().to_owned()));
        cgroups.learn((0..MAX_KNOWN as u64 + 10).map(|id| (id, None)));
        assert!(cgroups.known.lock().unwrap().len() <= MAX_KNOWN);
    }
}
