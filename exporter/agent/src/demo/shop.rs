//! The shop: its processes, who calls whom, and what the agent must know of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use flowfold_flow::{Reporters, Workload};
use tokio::time::interval;

use super::cgroup::ShopCgroup;
use super::child::{Child, Role};
use crate::compose::Edge;
use crate::error::AgentError;

/// The services, in the order in which they are shown.
const SERVICES: [Role; 4] = [Role::Productpage, Role::Details, Role::Reviews, Role::Ratings];

/// The namespace that its workloads are reported in.
const NAMESPACE: &str = "shop";

/// How often it is looked whether all processes are there: soon enough for somebody who watches.
const ROUND: Duration = Duration::from_millis(200);

/// The shop's processes. Dropping it ends them all, and then removes their cgroup.
#[derive(Debug)]
pub(super) struct Shop {
    client: Child,
    /// Where the client's calls go, once they are known.
    front: Vec<SocketAddr>,
    services: Vec<(Role, SocketAddr, Child)>,
    /// Goes last: it can be removed only when it is empty.
    cgroup: Option<ShopCgroup>,
}

impl Shop {
    /// Starts the processes. The services listen; nobody calls anybody yet.
    pub(super) fn open(cgroup: Option<ShopCgroup>) -> Result<Self, AgentError> {
        let start = |role: Role| {
            let own = cgroup.as_ref().map(|cgroup| cgroup.child(role.name())).transpose()?;
            Child::start(role, own.as_deref())
        };
        let client = start(Role::Client)?;
        let mut services = Vec::with_capacity(SERVICES.len());
        for role in SERVICES {
            let mut child = start(role)?;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, child.port()?));
            services.push((role, address, child));
        }
        Ok(Self { client, front: Vec::new(), services, cgroup })
    }

    /// Who calls whom, in the order of [`Shop::edges`].
    fn calls() -> impl Iterator<Item = (Role, Role)> {
        let callers = [Role::Client].into_iter().chain(SERVICES);
        callers.flat_map(|caller| caller.calls().iter().map(move |called| (caller, *called)))
    }

    /// The address of the called service of each edge.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let address = |role| self.services.iter().find(|(own, ..)| *own == role).map(|(_, address, _)| *address);
        Self::calls().filter_map(|(_, called)| address(called)).collect()
    }

    /// Tells each caller where to find whom it calls: the address of each edge. The client is told when the doors open.
    pub(super) fn connect(&mut self, addresses: &[SocketAddr]) -> Result<(), AgentError> {
        let of = |caller: Role| {
            let edges = Self::calls().zip(addresses);
            edges.filter(|((from, _), _)| *from == caller).map(|(_, address)| *address).collect::<Vec<_>>()
        };
        self.front = of(Role::Client);
        for (role, _, child) in &mut self.services {
            child.tell(&of(*role))?;
        }
        Ok(())
    }

    /// Lets the client in.
    pub(super) fn open_doors(&mut self) -> Result<(), AgentError> {
        self.client.tell(&self.front)
    }

    /// Waits until one of its processes has ended by itself, and tells which.
    pub(super) async fn one_left(&mut self) -> AgentError {
        let mut rounds = interval(ROUND);
        loop {
            rounds.tick().await;
            let services = self.services.iter_mut().map(|(.., child)| child);
            let janitor = self.cgroup.as_mut().map(ShopCgroup::janitor);
            let mut everyone = [&mut self.client].into_iter().chain(services).chain(janitor);
            if let Some(left) = everyone.find_map(Child::left) {
                return left;
            }
        }
    }

    /// Sends the client away.
    pub(super) fn close_doors(&mut self) {
        self.client.end();
    }

    /// Ends all processes, and removes their cgroup.
    pub(super) fn end(self) {
        drop(self);
    }

    /// What `flowfold run` would be told for it.
    pub(super) fn configuration(&self) -> String {
        let rule = |(role, address, _): &(Role, SocketAddr, Child)| {
            let (port, l7) = (address.port(), if *role == Role::Ratings { "GRPC" } else { "HTTP" });
            format!("- <Ingress/{port}/TCP/{l7}>\n- <Egress/{port}/TCP/{l7}>\n")
        };
        let above = self.cgroup.as_ref().map_or("", ShopCgroup::path);
        let workload = |role: Role| {
            let name = role.name();
            format!("- {{name: {name}, namespace: {NAMESPACE}, match: {{cgroup: [{above}/{name}]}}}}\n")
        };
        let route = |role: Role| format!("- /{}/{{id}}\n", role.name());
        let rules: String = self.services.iter().map(rule).collect();
        let workloads: String = [Role::Client].into_iter().chain(SERVICES).map(workload).collect();
        let routes: String = SERVICES.into_iter().map(route).collect();
        format!("visibility:\n{rules}workloads:\n{workloads}routes:\n{routes}")
    }

    /// What a proxy between each caller and called would be told.
    pub(super) fn edges(&self) -> Vec<Edge> {
        let workload = |role: Role| Workload { namespace: NAMESPACE.into(), ..Workload::named(role.name()) };
        let edges = Self::calls().zip(self.addresses());
        let edge = |((caller, called), upstream)| Edge {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            upstream,
            reporters: Reporters::BOTH,
            source: Some(Arc::new(workload(caller))),
            destination: Some(Arc::new(workload(called))),
        };
        edges.map(edge).collect()
    }

    /// Its services and where they are, for people.
    pub(super) fn tour(&self) -> String {
        let services = self.services.iter().map(|(role, address, _)| format!("{} :{}", role.name(), address.port()));
        services.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_called_by_somebody() {
        let calls: Vec<_> = Shop::calls().map(|(from, to)| format!("{} {}", from.name(), to.name())).collect();
        assert_eq!(calls, ["client productpage", "productpage details", "productpage reviews", "reviews ratings"]);
    }
}
