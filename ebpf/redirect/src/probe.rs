//! What this host has of what steering needs.

use std::fmt;
use std::io;
use std::path::Path;

use flowfold_redirect_abi::{OWNER_MAP, OwnerRecord};

use crate::bpf;
use crate::cgroup::{self, Cgroup};
use crate::namespace::NetworkNamespace;
use crate::object::{Hook, Object};
use crate::{RedirectError, owners};

/// What the programs were written for: `SO_NETNS_COOKIE` and taking entries out of hash maps came with 5.14, the
/// first long-term kernel after it is this one. Older ones are tried all the same.
const OLDEST_KERNEL: (u32, u32) = (5, 15);

/// The file that says the kernel has type information.
const BTF: &str = "/sys/kernel/btf/vmlinux";

/// One thing that steering needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// What it is, a few words.
    pub name: &'static str,
    /// Is it there, or what is wrong and how it is put right.
    pub answer: Answer,
}

/// What the probe found out about one requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is there; the text says which.
    Present(String),
    /// Not needed, told for information.
    Note(String),
    /// The process lacks a privilege.
    MissingPrivilege {
        /// What was tried and what it said.
        found: String,
        /// What to do.
        fix: String,
    },
    /// The kernel or the system lacks something.
    MissingFeature {
        /// What was tried and what it said.
        found: String,
        /// What to do.
        fix: String,
    },
}

/// The answers. `Display` prints one line per requirement, with its fix below when it is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Probe {
    /// In the order they were asked.
    pub requirements: Vec<Requirement>,
}

impl Probe {
    /// Nothing is missing.
    pub fn is_ready(&self) -> bool {
        self.missing().next().is_none()
    }

    /// What is missing, in order.
    pub fn missing(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements
            .iter()
            .filter(|r| matches!(r.answer, Answer::MissingPrivilege { .. } | Answer::MissingFeature { .. }))
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Requirement { name, answer }) in self.requirements.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match answer {
                Answer::Present(found) => write!(f, "ok       {name}: {found}")?,
                Answer::Note(found) => write!(f, "note     {name}: {found}")?,
                Answer::MissingPrivilege { found, fix } | Answer::MissingFeature { found, fix } => {
                    write!(f, "missing  {name}: {found}\n         fix: {fix}")?;
                }
            }
        }
        Ok(())
    }
}

/// Looks for everything steering needs, attaching nothing. `cgroup` is the one that shall be steered; None asks for
/// the mount alone.
pub fn probe(cgroup: Option<&Path>) -> Probe {
    let mut requirements = vec![Requirement { name: "kernel", answer: kernel() }];
    let privilege = privilege();
    let can_create_maps = matches!(privilege, Answer::Present(_));
    requirements.push(Requirement { name: "privilege", answer: privilege });
    if can_create_maps {
        requirements.push(Requirement { name: "programs", answer: programs() });
    }
    requirements.push(Requirement { name: "network namespace", answer: network_namespace() });
    requirements.push(Requirement { name: "cgroup version 2", answer: cgroup2(cgroup) });
    requirements.push(Requirement { name: "kernel type information (BTF)", answer: btf() });
    if can_create_maps {
        requirements.push(Requirement { name: "other agents", answer: other_agents() });
    }
    Probe { requirements }
}

fn kernel() -> Answer {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    let (major, minor) = OLDEST_KERNEL;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= OLDEST_KERNEL {
        Answer::Present(format!("Linux {release}"))
    } else {
        Answer::MissingFeature {
            found: format!("Linux {release} is older than {major}.{minor}"),
            fix: format!("use a kernel from {major}.{minor} on, or `flowfold proxy`, which needs none of this"),
        }
    }
}

/// By trying, as no user id tells it: root of a container or of a user namespace may not, and a service with
/// capabilities may.
fn privilege() -> Answer {
    match bpf::try_create_map() {
        Ok(()) => Answer::Present("an eBPF map could be created".into()),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES)) => Answer::MissingPrivilege {
            found: format!("creating an eBPF map was refused: {error}"),
            fix: "run as root, or give the process CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN (and CAP_SYS_ADMIN to enter \
                  other network namespaces); in a container, run it privileged; a user namespace's root is not enough"
                .into(),
        },
        Err(error) => Answer::MissingFeature {
            found: format!("creating an eBPF map failed: {error}"),
            fix: "use a kernel with CONFIG_BPF_SYSCALL and CONFIG_CGROUP_BPF".into(),
        },
    }
}

/// Passes our very programs through the verifier: nothing else tells as much.
fn programs() -> Answer {
    let load = || {
        let mut object = Object::create_maps(1, false)?;
        // An agent that starts now shall not wait for what this one wants.
        let idle = object.records(OWNER_MAP)?.put(&0_u32, &OwnerRecord::IDLE);
        idle.map_err(|source| RedirectError::Map { call: "write", map: OWNER_MAP, source })?;
        Hook::ALL.into_iter().try_for_each(|hook| object.load(hook))
    };
    match load() {
        Ok(()) => Answer::Present(
            "sk_lookup, connect, sendmsg, getpeername, sock_ops, cgroup_skb and sock_release programs passed the verifier".to_owned(),
        ),
        Err(error) if error.is_missing_privilege() => Answer::MissingPrivilege {
            found: chain(&error),
            fix: "run as root, or give the process CAP_PERFMON and CAP_NET_ADMIN beside CAP_BPF".into(),
        },
        Err(error) => Answer::MissingFeature {
            found: chain(&error),
            fix: "if a helper can't be used, give the process CAP_PERFMON too; else use a kernel from 5.15 on with \
                  CONFIG_CGROUP_BPF, CONFIG_INET and CONFIG_IPV6"
                .into(),
        },
    }
}

fn network_namespace() -> Answer {
    match NetworkNamespace::current() {
        Ok(netns) => {
            let ipv6 = if Path::new("/proc/net/if_inet6").exists() { "with IPv6" } else { "without IPv6" };
            Answer::Present(format!("net:[{}], {ipv6}", netns.inode))
        }
        Err(error) => {
            Answer::MissingFeature { found: chain(&error), fix: "mount /proc; use Linux 5.14 or later".into() }
        }
    }
}

fn cgroup2(wanted: Option<&Path>) -> Answer {
    let found = cgroup::cgroup2_mount().and_then(|mount| match wanted {
        Some(path) => {
            Cgroup::open(path).map(|cgroup| format!("{} (mounted at {})", cgroup.path.display(), mount.display()))
        }
        None => Cgroup::open(&mount).map(|_| format!("mounted at {}", mount.display())),
    });
    match found {
        Ok(found) => Answer::Present(found),
        Err(error) if error.is_missing_privilege() => Answer::MissingPrivilege {
            found: chain(&error),
            fix: "run as root or give the process CAP_DAC_READ_SEARCH".into(),
        },
        Err(error @ RedirectError::NoCgroup2) => Answer::MissingFeature {
            found: chain(&error),
            fix: "mount it; in a container, mount the host's; after `ip netns exec` use nsenter instead, which leaves \
                  /sys as it is"
                .into(),
        },
        Err(error) => {
            Answer::MissingFeature { found: chain(&error), fix: "name a directory below the mount of cgroup2".into() }
        }
    }
}

fn btf() -> Answer {
    let found = if Path::new(BTF).exists() { "present" } else { "absent" };
    Answer::Note(format!("{found}; the programs do not need it"))
}

fn other_agents() -> Answer {
    match owners() {
        Ok(owners) if owners.is_empty() => Answer::Note("none on this host".into()),
        Ok(owners) => Answer::Note(
            owners
                .iter()
                .map(|owner| {
                    format!(
                        "process {} ({}) in net:[{}], ingress {:?}, egress {:?}, ingress UDP {:?}, egress UDP {:?}",
                        owner.pid,
                        owner.description,
                        owner.netns,
                        owner.ingress,
                        owner.egress,
                        owner.ingress_udp,
                        owner.egress_udp
                    )
                })
                .collect::<Vec<_>>()
                .join("; "),
        ),
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            Answer::Note("can't be seen without CAP_SYS_ADMIN; two agents for one port would not notice".into())
        }
        Err(error) => Answer::Note(format!("can't be seen: {error}")),
    }
}

/// The error with its causes, on one line each.
fn chain(error: &RedirectError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    let mut last: Option<&io::Error> = None;
    while let Some(inner) = cause {
        last = inner.downcast_ref().or(last);
        cause = inner.source();
    }
    if let Some(bottom) = last {
        text.push_str(": ");
        text.push_str(&bottom.to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_thing_is_shown_with_its_fix() {
        let probe = Probe {
            requirements: vec![
                Requirement { name: "kernel", answer: Answer::Present("Linux 6.1".into()) },
                Requirement {
                    name: "privilege",
                    answer: Answer::MissingPrivilege { found: "refused".into(), fix: "run as root".into() },
                },
            ],
        };
        assert!(!probe.is_ready());
        assert_eq!(
            probe.to_string(),
            "ok       kernel: Linux 6.1\nmissing  privilege: refused\n         fix: run as root"
        );
    }
}
