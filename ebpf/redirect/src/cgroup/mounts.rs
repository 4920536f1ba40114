//! The mount table, as far as cgroups of version 2 go.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use crate::RedirectError;

const TABLE: &str = "/proc/self/mountinfo";

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// The directory of the file system that is mounted, seen from the root of the cgroup namespace.
    root: PathBuf,
    /// Where.
    pub(super) point: PathBuf,
}

impl Mount {
    /// Where a cgroup, given as `/proc/PID/cgroup` does, is found below this mount.
    pub(super) fn directory_of(&self, cgroup: &Path) -> Option<PathBuf> {
        let outside = |path: &Path| path.components().any(|part| part.as_os_str() == "..");
        if outside(cgroup) || outside(&self.root) {
            return None;
        }
        let below = cgroup.strip_prefix(&self.root).ok()?;
        Some(if below.as_os_str().is_empty() { self.point.clone() } else { self.point.join(below) })
    }
}

/// All mounts of cgroup version 2, in the table's order.
pub(super) fn cgroup2() -> Result<Vec<Mount>, RedirectError> {
    let table = fs::read(TABLE).map_err(|source| RedirectError::File { call: "read", path: TABLE.into(), source })?;
    Ok(table.split(|&byte| byte == b'\n').filter_map(cgroup2_of_line).collect())
}

/// Fields of a line (proc(5)): id, parent, device, root, mount point, options, optional fields, `-`, type, ...
fn cgroup2_of_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let root = fields.nth(3)?;
    let point = fields.next()?;
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    (kind == b"cgroup2").then(|| Mount { root: unescaped(root), point: unescaped(point) })
}

/// The kernel writes space, tab, newline and backslash as a backslash and three octal digits.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        match after {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] if first == b'\\' => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = tail;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(root: &str, point: &str) -> Mount {
        Mount { root: root.into(), point: point.into() }
    }

    #[test]
    fn finds_version_two_among_others() {
        let hybrid = b"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";
        assert_eq!(cgroup2_of_line(hybrid), Some(mount("/", "/sys/fs/cgroup/unified")));
        let shared = b"30 23 0:26 /pod /sys/fs/cgroup ro,nosuid shared:4 master:9 - cgroup2 cgroup rw,nsdelegate";
        assert_eq!(cgroup2_of_line(shared), Some(mount("/pod", "/sys/fs/cgroup")));
        assert_eq!(cgroup2_of_line(b"32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu"), None);
        assert_eq!(cgroup2_of_line(b""), None);
    }

    #[test]
    fn unescapes_paths() {
        assert_eq!(unescaped(br"/a\040b\134c\0"), PathBuf::from(r"/a b\c\0"));
    }

    #[test]
    fn a_cgroup_is_found_below_what_is_mounted() {
        let whole = mount("/", "/cg");
        assert_eq!(whole.directory_of(Path::new("/")), Some("/cg".into()));
        assert_eq!(whole.directory_of(Path::new("/a/b")), Some("/cg/a/b".into()));
        let part = mount("/a", "/cg");
        assert_eq!(part.directory_of(Path::new("/a/b")), Some("/cg/b".into()));
        assert_eq!(part.directory_of(Path::new("/other")), None);
        assert_eq!(whole.directory_of(Path::new("/../other")), None);
    }
}
