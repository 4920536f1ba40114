//! The workloads table.

use std::net::IpAddr;
use std::sync::Arc;

use flowfold_flow::Workload;
use flowfold_fold::WorkloadRoutes;
use ipnet::IpNet;
use serde_saphyr::Spanned;

use super::{line_of, routes, value};
use crate::config::defaults;
use crate::config::problem::Collector;
use crate::config::raw::{RawCriteria, RawWorkload, Text};
use crate::config::rule::read_port;
use crate::config::workload::WorkloadEntry;

/// The entries of the table, and the route templates of those that have some.
pub(super) fn read(
    problems: &mut Collector,
    raw: Vec<Spanned<RawWorkload>>,
) -> (Vec<WorkloadEntry>, Vec<WorkloadRoutes>) {
    if raw.len() > defaults::MAX_WORKLOADS {
        let what = format!("has {} entries", raw.len());
        problems.report(None, "workloads", what, format!("keep at most {}", defaults::MAX_WORKLOADS));
        return (Vec::new(), Vec::new());
    }
    let mut routes: Vec<WorkloadRoutes> = Vec::new();
    let mut entries = Vec::with_capacity(raw.len());
    for (index, mut raw) in raw.into_iter().enumerate() {
        let at = format!("workloads[{index}]");
        let line = Some(raw.referenced.line());
        let templates = raw.value.routes.take();
        let Some(entry) = entry(problems, &at, raw) else { continue };
        if let Some(templates) = templates {
            let of = WorkloadRoutes {
                namespace: (*entry.workload.namespace).to_owned(),
                workload: (*entry.workload.name).to_owned(),
                routes: routes::read(problems, &format!("{at}.routes"), templates),
            };
            if routes.iter().any(|other| (&other.namespace, &other.workload) == (&of.namespace, &of.workload)) {
                let what = "another entry of the same name has routes, too";
                problems.report(line, format!("{at}.routes"), what, "write all of them in one of the two");
            }
            routes.push(of);
        }
        entries.push(entry);
    }
    let count: usize = routes.iter().map(|of| of.routes.len()).sum();
    if count > defaults::MAX_WORKLOAD_ROUTES {
        let fix = format!("keep at most {}", defaults::MAX_WORKLOAD_ROUTES);
        problems.report(None, "workloads", format!("have {count} route templates together"), fix);
    }
    (entries, routes)
}

fn entry(problems: &mut Collector, at: &str, raw: Spanned<RawWorkload>) -> Option<WorkloadEntry> {
    let line = Some(raw.referenced.line());
    let raw = raw.value;
    let name = raw.name.as_ref().and_then(|name| label_value(problems, &format!("{at}.name"), name));
    if raw.name.is_none() {
        problems.report(line, format!("{at}.name"), "is missing", "give the workload a name");
    }
    if name.as_deref() == Some("") {
        problems.report(line, format!("{at}.name"), "is empty", "give the workload a name");
    }
    let namespace = raw.namespace.as_ref().and_then(|text| label_value(problems, &format!("{at}.namespace"), text));
    let labels = raw.labels.unwrap_or_default();
    if labels.len() > defaults::MAX_LABELS {
        let fix = format!("keep at most {}", defaults::MAX_LABELS);
        problems.report(line, format!("{at}.labels"), format!("has {} labels", labels.len()), fix);
    }
    let mut kept = Vec::with_capacity(labels.len());
    for (label, text) in &labels {
        let path = format!("{at}.labels.{label}");
        if !is_label_name(label) {
            let fix = "begin with a letter, and use letters, digits and _ alone";
            problems.report(Some(line_of(text)), path.clone(), "is not a label's name", fix);
        }
        // The map is sorted by name, as a workload's labels must be.
        kept.extend(label_value(problems, &path, text).map(|value| (Arc::from(label.as_str()), Arc::from(value))));
    }
    let criteria = raw.criteria.unwrap_or_default();
    if [&criteria.ip, &criteria.port, &criteria.cgroup].into_iter().flatten().all(Vec::is_empty) {
        let fix = "give at least one of ip, port and cgroup, as in {ip: [10.1.0.0/16]}";
        problems.report(line, format!("{at}.match"), "tells nothing", fix);
    }
    let RawCriteria { ip, port, cgroup } = criteria;
    let networks = list(problems, &format!("{at}.match.ip"), ip, IP, read_network);
    let ports = list(problems, &format!("{at}.match.port"), port, PORT, |text| read_port("", text).ok());
    let cgroups = list(problems, &format!("{at}.match.cgroup"), cgroup, CGROUP, read_cgroup);
    Some(WorkloadEntry {
        workload: Arc::new(Workload {
            name: name?.into(),
            namespace: namespace.unwrap_or_default().into(),
            labels: kept.into(),
        }),
        networks,
        ports,
        cgroups,
    })
}

/// What is wrong with a value that is none of its kind, and the fix.
type Kind = (&'static str, &'static str);
const IP: Kind = ("is neither an address nor a network", "write an IP or a CIDR, as in 10.1.2.3 or 10.1.0.0/16");
const PORT: Kind = ("is not a port", "write the server's port, a number from 1 to 65535");
const CGROUP: Kind = (
    "is not a cgroup's path",
    "write it from the root of the cgroup2 tree, as /proc/PID/cgroup shows it behind 0::, as in /system.slice/x.service",
);

fn list<T>(
    problems: &mut Collector,
    path: &str,
    raw: Option<Vec<Text>>,
    (what, fix): Kind,
    read: impl Fn(&str) -> Option<T>,
) -> Vec<T> {
    let raw = raw.unwrap_or_default();
    raw.iter()
        .enumerate()
        .filter_map(|(index, text)| value(problems, &format!("{path}[{index}]"), Some(text), what, fix, &read))
        .collect()
}

fn read_network(text: &str) -> Option<IpNet> {
    text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()
}

fn read_cgroup(text: &str) -> Option<String> {
    text.starts_with('/').then(|| text.trim_end_matches('/').to_owned())
}

fn label_value(problems: &mut Collector, path: &str, text: &Text) -> Option<String> {
    let limit = defaults::MAX_NAME_BYTES;
    let read = |text: &str| (text.len() <= limit && !text.chars().any(char::is_control)).then(|| text.to_owned());
    let fix = format!("write at most {limit} bytes with no control characters");
    value(problems, path, Some(text), "cannot be a label's value", &fix, read)
}

/// A label's name as Prometheus has them; a leading underscore pair is reserved there.
fn is_label_name(name: &str) -> bool {
    name.len() <= defaults::MAX_NAME_BYTES
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|other| other.is_ascii_alphanumeric() || other == '_')
}
