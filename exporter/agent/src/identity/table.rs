//! The configured workloads table.

use std::net::IpAddr;
use std::sync::Arc;

use flowfold_flow::Workload;

use crate::config::WorkloadEntry;

/// The configured workloads, in their order.
#[derive(Clone, Debug, Default)]
pub struct Table {
    entries: Vec<WorkloadEntry>,
}

/// What is known of one side of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Its address.
    pub ip: IpAddr,
    /// The port that it serves on; absent for the client's side.
    pub server_port: Option<u16>,
    /// The cgroup of the process, where it is one of this host.
    pub cgroup: Option<&'a str>,
}

impl Table {
    /// A table with these entries.
    pub fn new(entries: Vec<WorkloadEntry>) -> Self {
        Self { entries }
    }

    /// The workload of the first entry that matches.
    pub fn find(&self, side: &Side<'_>) -> Option<&Arc<Workload>> {
        self.entries.iter().find(|entry| matches(entry, side)).map(|entry| &entry.workload)
    }
}

fn matches(entry: &WorkloadEntry, side: &Side<'_>) -> bool {
    let network = entry.networks.is_empty() || entry.networks.iter().any(|network| network.contains(&side.ip));
    let port = entry.ports.is_empty() || entry.ports.iter().any(|port| side.server_port == Some(port.get()));
    let cgroup = entry.cgroups.is_empty()
        || side.cgroup.is_some_and(|path| entry.cgroups.iter().any(|above| is_at_or_below(path, above)));
    network && port && cgroup
}

fn is_at_or_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides};

    fn table() -> Table {
        let text = r"
visibility: [<Ingress/80/TCP/HTTP>]
workloads:
- {name: one-server, match: {ip: [10.1.2.3], port: [80, 81]}}
- {name: one-host, match: {ip: [10.1.2.3]}}
- {name: office, match: {ip: [10.1.0.0/16, '2001:db8::/32']}}
- {name: reviews, match: {cgroup: [/shop/reviews, /old/reviews/]}}
- {name: any-dns, match: {port: [53]}}
- {name: all-of-shop, match: {cgroup: [/shop]}}
";
        Table::new(Config::from_text("test", text, &Overrides::default()).unwrap().workloads)
    }

    #[test]
    fn the_first_entry_whose_criteria_all_match_names_a_side() {
        let cases = [
            ("10.1.2.3", Some(80), None, Some("one-server")),
            ("10.1.2.3", Some(81), None, Some("one-server")),
            ("10.1.2.3", Some(82), None, Some("one-host")),
            ("10.1.2.3", None, None, Some("one-host")),
            ("10.1.9.9", None, None, Some("office")),
            ("2001:db8::7", Some(443), None, Some("office")),
            ("10.2.0.1", None, None, None),
            ("127.0.0.1", None, Some("/shop/reviews"), Some("reviews")),
            ("127.0.0.1", None, Some("/shop/reviews/worker"), Some("reviews")),
            ("127.0.0.1", None, Some("/old/reviews"), Some("reviews")),
            ("127.0.0.1", None, Some("/shop/reviews2"), Some("all-of-shop")),
            ("127.0.0.1", None, Some("/shop"), Some("all-of-shop")),
            ("127.0.0.1", None, Some("/shopping"), None),
            ("127.0.0.1", Some(53), None, Some("any-dns")),
            ("127.0.0.1", Some(54), None, None),
            ("127.0.0.1", None, None, None),
        ];
        let table = table();
        for (ip, server_port, cgroup, name) in cases {
            let side = Side { ip: ip.parse().unwrap(), server_port, cgroup };
            assert_eq!(table.find(&side).map(|workload| &*workload.name), name, "{side:?}");
        }
    }
}
