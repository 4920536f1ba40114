//! An agent's record: made, read and compared.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use flowfold_redirect_abi::{CGROUP_DEPTH, DESCRIPTION_BYTES, OWNER_VERSION, OwnerRecord, PortSet};

use crate::cgroup::Cgroup;
use crate::namespace::NetworkNamespace;
use crate::{Direction, Listeners, Owner, Plan, RedirectError};

/// The record of this process for a plan.
pub(crate) fn own(
    plan: &Plan,
    netns: &NetworkNamespace,
    cgroup: &Cgroup,
    listeners: &Listeners,
) -> Result<OwnerRecord, RedirectError> {
    let pid = std::process::id();
    let file = |call, path: PathBuf| move |source| RedirectError::File { call, path, source };
    let process_start = process_start(pid).map_err(file("read", stat_path(pid)))?;
    let pid_namespace = pid_namespace().map_err(file("stat", PID_NAMESPACE.into()))?;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut cgroups = [0; CGROUP_DEPTH];
    for (slot, id) in cgroups.iter_mut().zip(&cgroup.ids) {
        *slot = *id;
    }
    let mut description = [0; DESCRIPTION_BYTES];
    let kept = plan.description.floor_char_boundary(DESCRIPTION_BYTES);
    for (slot, byte) in description.iter_mut().zip(plan.description.bytes().take(kept)) {
        *slot = byte;
    }
    Ok(OwnerRecord {
        version: OWNER_VERSION,
        pid,
        process_start,
        pid_namespace,
        netns: netns.inode,
        netns_cookie: netns.cookie,
        since,
        cgroups,
        ingress: port_set(&plan.ingress),
        egress: port_set(&plan.egress),
        listener_port: listeners.v4_addr().port().into(),
        has_v6_listener: listeners.v6_addr().is_some().into(),
        description,
        egress_udp: port_set(&plan.egress_udp),
        prompt_answers: plan.prompt_answers.into(),
        padding: 0,
        ingress_udp: port_set(&plan.ingress_udp),
    })
}

/// The record for people.
pub(crate) fn owner(record: &OwnerRecord) -> Owner {
    let end = record.description.iter().position(|&byte| byte == 0).unwrap_or(DESCRIPTION_BYTES);
    Owner {
        pid: record.pid,
        netns: record.netns,
        ingress: ports(&record.ingress),
        egress: ports(&record.egress),
        egress_udp: ports(&record.egress_udp),
        ingress_udp: ports(&record.ingress_udp),
        since: SystemTime::UNIX_EPOCH + Duration::from_secs(record.since),
        description: String::from_utf8_lossy(&record.description[..end]).into_owned(),
    }
}

/// A port that both steer for the same connections. Incoming ones belong to a namespace; outgoing ones also to a
/// cgroup, so two agents may share a port if neither's cgroup holds the other's.
pub(crate) fn overlap(a: &OwnerRecord, b: &OwnerRecord) -> Option<(Direction, u16)> {
    if a.netns_cookie != b.netns_cookie {
        return None;
    }
    let common = |a: &PortSet, b: &PortSet| (0..=u16::MAX).find(|&port| a.contains(port) && b.contains(port));
    let ingress = || common(&a.ingress, &b.ingress).map(|port| (Direction::Ingress, port));
    let ingress_udp = || common(&a.ingress_udp, &b.ingress_udp).map(|port| (Direction::IngressUdp, port));
    let related = || {
        let holds = |upper: &OwnerRecord, lower: &OwnerRecord| {
            upper.cgroups.iter().rfind(|&&id| id != 0).is_some_and(|id| lower.cgroups.contains(id))
        };
        holds(a, b) || holds(b, a)
    };
    let egress = || common(&a.egress, &b.egress).map(|port| (Direction::Egress, port));
    let egress_udp = || common(&a.egress_udp, &b.egress_udp).map(|port| (Direction::EgressUdp, port));
    ingress().or_else(ingress_udp).or_else(|| egress().or_else(egress_udp).filter(|_| related()))
}

/// The map is there as long as somebody holds it, which can be a child that the agent left behind. Whether the agent
/// itself lives can only be seen from its own pid namespace; from another one it counts as alive.
pub(crate) fn is_live(record: &OwnerRecord) -> bool {
    match pid_namespace() {
        Ok(own) if own == record.pid_namespace => {
            process_start(record.pid).is_ok_and(|start| start == record.process_start)
        }
        _ => true,
    }
}

const PID_NAMESPACE: &str = "/proc/self/ns/pid";

fn pid_namespace() -> io::Result<u64> {
    fs::metadata(Path::new(PID_NAMESPACE)).map(|meta| meta.ino())
}

fn stat_path(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/stat"))
}

/// With the process id, this names a process for as long as the system is up.
fn process_start(pid: u32) -> io::Result<u64> {
    start_in_stat(&fs::read_to_string(stat_path(pid))?).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Field 22. The second one is the command's name in parentheses, which may hold anything, also spaces and
/// parentheses.
fn start_in_stat(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

fn port_set(ports: &[u16]) -> PortSet {
    let mut set = PortSet::EMPTY;
    for &port in ports {
        set.insert(port);
    }
    set
}

fn ports(set: &PortSet) -> Vec<u16> {
    (0..=u16::MAX).filter(|&port| set.contains(port)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(netns_cookie: u64, cgroups: &[u64], ingress: &[u16], egress: &[u16]) -> OwnerRecord {
        let mut ids = [0; CGROUP_DEPTH];
        ids[..cgroups.len()].copy_from_slice(cgroups);
        OwnerRecord {
            version: OWNER_VERSION,
            pid: std::process::id(),
            process_start: 0,
            pid_namespace: 0,
            netns: 0,
            netns_cookie,
            since: 0,
            cgroups: ids,
            ingress: port_set(ingress),
            egress: port_set(egress),
            listener_port: 1,
            has_v6_listener: 1,
            description: [0; DESCRIPTION_BYTES],
            egress_udp: PortSet::EMPTY,
            prompt_answers: 0,
            padding: 0,
            ingress_udp: PortSet::EMPTY,
        }
    }

    #[test]
    fn ports_overlap_inside_a_namespace_only() {
        let one = record(1, &[10, 20], &[80, 443], &[]);
        assert_eq!(overlap(&one, &record(1, &[10, 30], &[443], &[])), Some((Direction::Ingress, 443)));
        assert_eq!(overlap(&one, &record(2, &[10, 20], &[443], &[])), None);
        assert_eq!(overlap(&one, &record(1, &[10, 20], &[444], &[443])), None);
    }

    #[test]
    fn egress_ports_overlap_along_the_cgroup_tree_only() {
        let one = record(1, &[10, 20], &[], &[65535]);
        let egress = Some((Direction::Egress, 65535));
        assert_eq!(overlap(&one, &record(1, &[10, 20], &[], &[65535])), egress);
        assert_eq!(overlap(&one, &record(1, &[10], &[], &[65535])), egress);
        assert_eq!(overlap(&record(1, &[10], &[], &[65535]), &one), egress);
        assert_eq!(overlap(&one, &record(1, &[10, 30], &[], &[65535])), None);
    }

    #[test]
    fn the_same_port_of_udp_is_another_one() {
        let tcp = record(1, &[10], &[], &[53]);
        let udp = OwnerRecord { egress_udp: port_set(&[53]), ..record(1, &[10], &[], &[]) };
        assert_eq!(overlap(&tcp, &udp), None);
        assert_eq!(overlap(&udp, &udp), Some((Direction::EgressUdp, 53)));
        assert_eq!(overlap(&udp, &OwnerRecord { netns_cookie: 2, ..udp }), None);
        let servers = OwnerRecord { ingress_udp: port_set(&[53]), ..record(1, &[10], &[53], &[]) };
        assert_eq!(overlap(&servers, &udp), None);
        let beside = OwnerRecord { ingress_udp: port_set(&[53]), ..record(1, &[20], &[], &[]) };
        assert_eq!(overlap(&servers, &beside), Some((Direction::IngressUdp, 53)), "incoming ones are the namespace's");
    }

    #[test]
    fn a_start_time_is_read_behind_any_name() {
        let fields: Vec<String> = (3..=52).map(|field: u32| field.to_string()).collect();
        let stat = format!("7 (a) b) ({}) {}", "x y", fields.join(" "));
        assert_eq!(start_in_stat(&stat), Some(22));
        assert_eq!(start_in_stat("7 (short) R 1"), None);
    }

    #[test]
    fn a_process_of_the_past_is_not_live() {
        let mut past = record(1, &[1], &[80], &[]);
        past.pid_namespace = pid_namespace().unwrap();
        assert!(!is_live(&past));
        past.process_start = process_start(past.pid).unwrap();
        assert!(is_live(&past));
        past.process_start = 0;
        past.pid_namespace += 1;
        assert!(is_live(&past), "another pid namespace can't be seen into");
    }
}
