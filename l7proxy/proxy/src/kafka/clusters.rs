//! Which cluster a broker belongs to.
//!
//! A broker tells the id of its cluster in answers to `Metadata` and `DescribeCluster`. Clients ask one broker for them before they
//! turn to the others, and each of the others now and then; so all workers share what they learn of addresses. Until a broker
//! was asked, it belongs to the cluster that its client was told of.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use flowfold_flow::{ConnectionInfo, KafkaCluster};

/// Of how many addresses it is known. When there are more, the one that was learned first goes: clients ask every few
/// minutes.
const MAX_ADDRESSES: usize = 4096;

/// Of how many clients it is known which cluster they were told of. When there are more, all are forgotten.
const MAX_CLIENTS: usize = 8192;

/// The longest id, in bytes. Kafka makes up ids of 22; other brokers have names.
const MAX_ID_BYTES: usize = 100;

/// What all workers know of the clusters of brokers. Each clone is the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clusters(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// How often it became known of an address.
    turn: AtomicU64,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    hasher: RandomState,
    addresses: HashMap<SocketAddr, Learned>,
    /// Clients by a hash of their workload and the name that they give themselves. Absent is the cluster of those that were
    /// told of several.
    clients: HashMap<u64, Option<Told>>,
    /// The clusters that addresses belong to; those in front that became known first.
    namespaces: HashMap<Arc<str>, Vec<Member>>,
    turn: u64,
}

/// A cluster of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    namespace: Arc<str>,
    cluster: KafkaCluster,
}

impl Told {
    fn is(&self, info: &ConnectionInfo, id: &str) -> bool {
        self.namespace == info.destination.namespace && self.cluster.id() == id
    }
}

/// Whose an address is, and in which turn that was learned.
#[derive(Debug)]
struct Learned {
    told: Told,
    turn: u64,
}

/// A cluster, and how many addresses it has.
#[derive(Debug)]
struct Member {
    cluster: KafkaCluster,
    addresses: usize,
}

impl Clusters {
    /// Another number each time that the cluster of an address became known.
    pub(crate) fn turn(&self) -> u64 {
        self.0.turn.load(Ordering::Acquire)
    }

    /// A broker told a client the id of its cluster.
    pub(crate) fn learn(&self, info: &ConnectionInfo, client_id: &str, id: &str) {
        if !(1..=MAX_ID_BYTES).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return;
        }
        if self.0.known.read().unwrap_or_else(PoisonError::into_inner).has_learned(info, client_id, id) {
            return;
        }
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        known.learn(info, client_id, id);
        self.0.turn.store(known.turn, Ordering::Release);
    }

    /// The cluster of the broker, as far as it is known for this client.
    pub(crate) fn find(&self, info: &ConnectionInfo, client_id: &str) -> KafkaCluster {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner).find(info, client_id)
    }
}

impl Known {
    fn client(&self, info: &ConnectionInfo, client_id: &str) -> u64 {
        self.hasher.hash_one((&*info.source.name, &*info.source.namespace, client_id))
    }

    fn has_learned(&self, info: &ConnectionInfo, client_id: &str, id: &str) -> bool {
        self.addresses.get(&address(info)).is_some_and(|learned| learned.told.is(info, id))
            && self
                .clients
                .get(&self.client(info, client_id))
                .is_some_and(|told| told.as_ref().is_none_or(|told| told.is(info, id)))
    }

    fn learn(&mut self, info: &ConnectionInfo, client_id: &str, id: &str) {
        let address = address(info);
        if !self.addresses.get(&address).is_some_and(|learned| learned.told.is(info, id)) {
            self.turn += 1;
            let told = self.join(&info.destination.namespace, id);
            let learned = Learned { told, turn: self.turn };
            // Another cluster had the address, as where one was made anew.
            let before = self.addresses.insert(address, learned);
            let is_too_many = self.addresses.len() > MAX_ADDRESSES;
            if let Some(gone) = before.or_else(|| is_too_many.then(|| self.take_oldest()).flatten()) {
                self.leave(&gone.told);
            }
        }
        let Some(told) = self.addresses.get(&address).map(|learned| learned.told.clone()) else { return };
        let client = self.client(info, client_id);
        if self.clients.len() >= MAX_CLIENTS && !self.clients.contains_key(&client) {
            self.clients.clear();
        }
        let last = self.clients.get(&client).cloned();
        let is_of_several = match last {
            Some(Some(last)) => last != told && self.has(&last),
            Some(None) => true,
            None => false,
        };
        self.clients.insert(client, (!is_of_several).then_some(told));
    }

    fn find(&self, info: &ConnectionInfo, client_id: &str) -> KafkaCluster {
        let namespace = &info.destination.namespace;
        let is_of_it = |told: &&Told| told.namespace == *namespace;
        if let Some(told) = self.addresses.get(&address(info)).map(|learned| &learned.told).filter(is_of_it) {
            return told.cluster.clone();
        }
        let of_client = self.clients.get(&self.client(info, client_id)).and_then(Option::as_ref).filter(is_of_it);
        if let Some(told) = of_client.filter(|told| self.has(told)) {
            return told.cluster.clone();
        }
        let first = self.namespaces.get(namespace).and_then(|members| members.first());
        first.map(|member| member.cluster.clone()).unwrap_or_default()
    }

    /// Takes out the address that was learned first.
    fn take_oldest(&mut self) -> Option<Learned> {
        let oldest = self.addresses.iter().min_by_key(|(_, learned)| learned.turn).map(|(address, _)| *address);
        oldest.and_then(|oldest| self.addresses.remove(&oldest))
    }

    /// Whether addresses belong to it.
    fn has(&self, told: &Told) -> bool {
        self.namespaces
            .get(&told.namespace)
            .is_some_and(|members| members.iter().any(|member| member.cluster == told.cluster))
    }

    /// One address more belongs to the cluster.
    fn join(&mut self, namespace: &Arc<str>, id: &str) -> Told {
        let members = self.namespaces.entry(Arc::clone(namespace)).or_default();
        if let Some(member) = members.iter_mut().find(|member| member.cluster.id() == id) {
            member.addresses += 1;
            return Told { namespace: Arc::clone(namespace), cluster: member.cluster.clone() };
        }
        let new = if members.is_empty() { KafkaCluster::first } else { KafkaCluster::another };
        let cluster = new(id.into());
        members.push(Member { cluster: cluster.clone(), addresses: 1 });
        Told { namespace: Arc::clone(namespace), cluster }
    }

    /// One address less does.
    fn leave(&mut self, told: &Told) {
        let Some(members) = self.namespaces.get_mut(&told.namespace) else { return };
        if let Some(member) = members.iter_mut().find(|member| member.cluster == told.cluster) {
            member.addresses = member.addresses.saturating_sub(1);
        }
        members.retain(|member| member.addresses > 0);
        if members.is_empty() {
            self.namespaces.remove(&told.namespace);
        }
    }
}

/// The broker's address, by whatever family it was asked.
fn address(info: &ConnectionInfo) -> SocketAddr {
    SocketAddr::new(info.server.ip().to_canonical(), info.server.port())
}

#[cfg(test)]
mod tests;
