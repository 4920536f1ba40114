//! What runs of the tests leave behind: nothing, and this is how it is known.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{cgroup, netns};

/// Removes namespaces and cgroups of runs that were killed before they could.
pub fn sweep() {
    for name in names_in(Path::new(netns::DIRECTORY)) {
        if is_of_a_dead_run(&name) {
            netns::remove(&name);
        }
    }
    let mount = cgroup::mount();
    for name in names_in(&mount) {
        if is_of_a_dead_run(&name) {
            cgroup::remove(&mount.join(name));
        }
    }
}

fn is_of_a_dead_run(name: &str) -> bool {
    let maker = name.strip_prefix(netns::PREFIX).and_then(|rest| rest.split('-').next());
    maker.is_some_and(|pid| !Path::new("/proc").join(pid).exists())
}

/// Everything of the host that the agent or the tests could leave something in, each thing by a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory(BTreeSet<String>);

impl Inventory {
    /// Takes stock now.
    pub fn take() -> Self {
        let mut things = BTreeSet::new();
        for kind in ["prog", "link", "map"] {
            things.extend(bpf_objects(kind));
        }
        things.extend(names_in(Path::new(netns::DIRECTORY)).into_iter().map(|name| format!("namespace {name}")));
        things.extend(cgroups(&cgroup::mount()));
        things.extend(processes());
        Self(things)
    }

    /// What is there now and was not there before.
    pub fn added_since(&self, before: &Self) -> Vec<String> {
        self.0.difference(&before.0).cloned().collect()
    }
}

fn bpf_objects(kind: &str) -> Vec<String> {
    let output = Command::new("bpftool").args(["--json", kind, "show"]).output().expect("bpftool is installed");
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let describe = |object: &Value| format!("bpf {kind} {} {} {}", object["id"], object["type"], object["name"]);
    listed.as_array().into_iter().flatten().map(describe).collect()
}

fn cgroups(directory: &Path) -> Vec<String> {
    names_in(directory)
        .into_iter()
        .map(|name| directory.join(name))
        .filter(|path| path.is_dir())
        .flat_map(|path| cgroups(&path).into_iter().chain([format!("cgroup {}", path.display())]).collect::<Vec<_>>())
        .collect()
}

/// Our programs and the peers that tests start, by process id.
fn processes() -> Vec<String> {
    const OURS: [&str; 8] = ["flowfold", "peer", "nginx", "nghttpx", "wrk", "h2load", "prometheus", "curl"];
    names_in(Path::new("/proc"))
        .into_iter()
        .filter_map(|pid| {
            let name = fs::read_to_string(Path::new("/proc").join(&pid).join("comm")).ok()?;
            OURS.contains(&name.trim_end()).then(|| format!("process {pid} {}", name.trim_end()))
        })
        .collect()
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
