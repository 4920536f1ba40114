//! What takes which capability.

use std::net::TcpStream;

use caps::{CapSet, Capability, CapsHashSet};
use flowfold_redirect::{CAPABILITIES, Phase, cgroup2_mount, probe};

use crate::agent::Setup;
use crate::isolated::isolated;
use crate::server::{ANSWER, Server, echo};

/// Of the calling thread; those it starts afterwards inherit it.
fn keep_only(capabilities: &[Capability]) {
    let kept: CapsHashSet = capabilities.iter().copied().collect();
    caps::set(None, CapSet::Effective, &kept).unwrap();
    caps::set(None, CapSet::Permitted, &kept).unwrap();
}

/// What uses of maps take. No error of theirs tells the kernel's rule from another's, so its version does.
fn for_maps() -> &'static [Capability] {
    let uname = rustix::system::uname();
    let mut numbers = uname.release().to_str().unwrap().split(|other: char| !other.is_ascii_digit());
    let mut number = || numbers.next().unwrap().parse::<u32>().unwrap();
    if (number(), number()) < (5, 19) { &[Capability::CAP_BPF] } else { &[] }
}

#[test]
fn a_running_agent_needs_net_admin_alone_and_bpf_before_linux_5_19() {
    isolated(|place| {
        let steers: Vec<_> = CAPABILITIES
            .iter()
            .filter(|capability| {
                capability.phase == Phase::Running && !capability.reason.contains("not needed to steer")
            })
            .map(|capability| capability.name)
            .collect();
        assert_eq!(steers, ["CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"]);

        let (inward, outward) = (Server::start(place.v4), Server::start(place.v4));
        let setup = Setup::new(place).ingress(inward.port()).egress(outward.port());
        let agent = setup.start_with(|| keep_only(&[&[Capability::CAP_NET_ADMIN], for_maps()].concat()));
        for server in [&inward, &outward] {
            let client = TcpStream::connect(server.address).unwrap();
            echo(&client);
            agent.seen.recv_timeout(ANSWER).unwrap();
            assert_eq!(server.peer(), client.local_addr().unwrap());
        }
        agent.redirect().beat().unwrap();
        agent.redirect().set_paused(true).unwrap();
        assert_eq!(agent.redirect().stats().unwrap().steered_egress, 1);
        agent.redirect().stop_steering();
        drop(agent);
        TcpStream::connect(inward.address).unwrap();
    });
}

#[test]
fn attaching_takes_bpf_perfmon_and_net_admin() {
    isolated(|place| {
        keep_only(&[Capability::CAP_BPF, Capability::CAP_PERFMON, Capability::CAP_NET_ADMIN]);
        let (redirect, _listeners) = Setup::new(place).ingress(80).egress(80).attach().unwrap();
        assert!(!redirect.is_alone(), "other agents can't be seen");
    });
}

#[test]
fn without_privilege_it_says_so() {
    isolated(|place| {
        keep_only(&[]);
        let error = Setup::new(place).ingress(80).attach().unwrap_err();
        assert!(error.is_missing_privilege() && !error.is_missing_feature(), "{error:?}");
        let probe = probe(Some(&place.cgroup));
        let missing: Vec<_> = probe.missing().map(|requirement| requirement.name).collect();
        assert_eq!(missing, ["privilege"], "{probe}");
        assert!(probe.to_string().contains("CAP_BPF"), "{probe}");
    });
}

#[test]
fn a_ready_host_is_told_so() {
    isolated(|place| {
        let probe = probe(Some(&place.cgroup));
        assert!(probe.is_ready(), "{probe}");
        assert!(probe.to_string().contains(&cgroup2_mount().unwrap().display().to_string()), "{probe}");
    });
}

#[test]
fn what_is_no_cgroup_is_refused() {
    isolated(|place| {
        let setup = Setup { cgroup: "/proc".into(), ..Setup::new(place).ingress(80) };
        let error = setup.attach().unwrap_err();
        assert!(error.is_missing_feature() && error.to_string().contains("/proc"), "{error}");
    });
}
