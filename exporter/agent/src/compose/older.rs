//! Connections that were open before the agent steered: they are left alone, and counted.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use flowfold_redirect::Plan;

use crate::socket_table::{self, Row};

/// The open connections of the calling thread's network namespace that the rules name, and the connected sockets for
/// datagrams.
pub(super) fn count(plan: &Plan) -> u64 {
    let open = socket_table::established().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot list the open connections; none are counted as older than the agent");
        Vec::new()
    });
    distinct(open, &plan.ingress, &plan.egress) + datagrams(&plan.egress_udp)
}

fn datagrams(ports: &[u16]) -> u64 {
    if ports.is_empty() {
        return 0;
    }
    let connected = socket_table::connected_datagrams().unwrap_or_else(|error| {
        tracing::debug!(%error, "this kernel does not list UDP sockets; none are counted as older than the agent");
        Vec::new()
    });
    connected.iter().filter(|row| ports.contains(&row.remote.port())).count() as u64
}

/// A connection with both ends on this host has two sockets, and is counted once.
fn distinct(rows: impl IntoIterator<Item = Row>, ingress: &[u16], egress: &[u16]) -> u64 {
    let named = rows.into_iter().filter_map(|row| {
        let ends: (SocketAddr, SocketAddr) = (row.local.min(row.remote), row.local.max(row.remote));
        let serves = ingress.contains(&row.local.port());
        let calls = egress.contains(&row.remote.port());
        (serves || calls).then_some(ends)
    });
    named.collect::<BTreeSet<_>>().len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(local: &str, remote: &str) -> Row {
        Row { local: local.parse().unwrap(), remote: remote.parse().unwrap(), inode: 1 }
    }

    #[test]
    fn open_connections_of_the_rules_ports_are_counted_once() {
        let rows = [
            row("10.0.0.1:80", "10.0.0.9:1000"),
            row("127.0.0.1:80", "127.0.0.1:1002"),
            row("127.0.0.1:1002", "127.0.0.1:80"),
            row("10.0.0.1:1003", "10.0.0.8:443"),
            row("10.0.0.1:22", "10.0.0.9:80"),
        ];
        let count = |ingress: &[u16], egress: &[u16]| distinct(rows, ingress, egress);
        assert_eq!(count(&[80], &[]), 2);
        assert_eq!(count(&[], &[443]), 1);
        assert_eq!(count(&[80], &[80, 443]), 4);
        assert_eq!(count(&[], &[]), 0);
    }
}
