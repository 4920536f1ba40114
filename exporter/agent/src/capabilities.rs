//! What each thread may still do once the programs are attached.
//!
//! Capabilities belong to threads (capabilities(7)), so each one drops its own, at its start or, the one that attached,
//! right after. What is dropped is gone from all sets, the bounding set included, and nothing that is executed later
//! can bring it back.

use caps::{CapSet, Capability, CapsHashSet};

use crate::error::AgentError;

/// What a thread does, and so may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Relays connections: marks its sockets (`CAP_NET_ADMIN`), and asks the maps of the programs (`CAP_BPF`, which
    /// kernels before 5.19 want for it where unprivileged BPF is off).
    Worker,
    /// Beats, pauses steering and reads counters: maps alone (`CAP_BPF`, as above).
    Supervisor,
    /// Finds out whose a listening socket is: reads the descriptors of any process (`CAP_SYS_PTRACE`,
    /// `CAP_DAC_READ_SEARCH`).
    Identity,
    /// Serves `/metrics`: nothing.
    Admin,
    /// Reads the datagrams that pass by: memory that is mapped already, sockets that are open, and a map (`CAP_BPF`, as
    /// above).
    Datagrams,
}

impl Role {
    const fn keeps(self) -> &'static [Capability] {
        match self {
            Self::Worker => &[Capability::CAP_NET_ADMIN, Capability::CAP_BPF],
            Self::Supervisor | Self::Datagrams => &[Capability::CAP_BPF],
            Self::Identity => &[Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH],
            Self::Admin => &[],
        }
    }
}

/// Drops what the calling thread does not need for its role, for good.
pub fn keep_only_what(role: Role) -> Result<(), AgentError> {
    let had = caps::read(None, CapSet::Permitted).map_err(refused("read"))?;
    let kept: CapsHashSet = role.keeps().iter().copied().filter(|capability| had.contains(capability)).collect();
    if had.contains(&Capability::CAP_SETPCAP) {
        let bounding = caps::read(None, CapSet::Bounding).map_err(refused("read"))?;
        for capability in bounding.difference(&kept) {
            caps::drop(None, CapSet::Bounding, *capability).map_err(refused("drop"))?;
        }
    }
    for (set, value) in [
        (CapSet::Ambient, &CapsHashSet::new()),
        (CapSet::Inheritable, &CapsHashSet::new()),
        (CapSet::Effective, &kept),
        (CapSet::Permitted, &kept),
    ] {
        caps::set(None, set, value).map_err(refused("drop"))?;
    }
    Ok(())
}

/// Nothing that this thread, or a thread or process that it starts from now on, executes gains a privilege.
pub fn gain_no_more() -> Result<(), AgentError> {
    rustix::thread::set_no_new_privs(true).map_err(|errno| AgentError::system("cannot set no_new_privs")(errno.into()))
}

fn refused(call: &'static str) -> impl Fn(caps::errors::CapsError) -> AgentError {
    move |error| AgentError::system(format!("cannot {call} capabilities"))(std::io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_keeps_what_its_role_takes_and_no_more() {
        for role in [Role::Worker, Role::Supervisor, Role::Identity, Role::Admin, Role::Datagrams] {
            let had = caps::read(None, CapSet::Permitted).unwrap();
            let (permitted, effective) = thread::spawn(move || {
                keep_only_what(role).unwrap();
                (caps::read(None, CapSet::Permitted).unwrap(), caps::read(None, CapSet::Effective).unwrap())
            })
            .join()
            .unwrap();
            let may: CapsHashSet = role.keeps().iter().copied().filter(|one| had.contains(one)).collect();
            assert_eq!((&permitted, &effective), (&may, &may), "{role:?}");
            assert_eq!(caps::read(None, CapSet::Permitted).unwrap(), had, "other threads keep theirs");
        }
    }

    #[test]
    fn dropped_capabilities_leave_the_bounding_set() {
        let may_drop = caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).unwrap();
        let bounding = thread::spawn(|| {
            keep_only_what(Role::Admin).unwrap();
            caps::read(None, CapSet::Bounding).unwrap()
        });
        assert!(!may_drop || bounding.join().unwrap().is_empty());
    }
}
