//! Which cluster a broker belongs to.
//!
//! A broker tells the id of its cluster in answers to `Metadata` and `DescribeCluster`. Clients ask one broker for them before they
//! turn to the others, and each of the others now and then; so all workers share what they learn of addresses. Until a broker
//! was asked, it belongs to the cluster that its client was told of, or to the only one of its namespace. Where there are
//! several, and nothing says which, it belongs to none: what it tells would be wrong in all the others.

use std::collections::{BTreeMap, HashMap};
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

/// In how many namespaces clusters are told apart, and how many in each. What comes beyond is not learned.
const MAX_NAMESPACES: usize = 1024;
const MAX_CLUSTERS: usize = 64;

/// The longest id, in bytes. Kafka makes up ids of 22; other brokers have names.
const MAX_ID_BYTES: usize = 100;

/// What all workers know of the clusters of brokers. Each clone is the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clusters(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// How often something became known that may be another's.
    turn: AtomicU64,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    hasher: RandomState,
    /// Whose an address is, and in which turn that was learned.
    addresses: HashMap<SocketAddr, (Told, u64)>,
    /// The same addresses by those turns.
    learned: BTreeMap<u64, SocketAddr>,
    /// Clients by a hash of their workload and the name that they give themselves. Absent is the cluster of those that were
    /// told of several.
    clients: HashMap<u64, Option<Told>>,
    namespaces: HashMap<Arc<str>, Namespace>,
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

/// The clusters of a namespace.
#[derive(Debug)]
struct Namespace {
    /// The one that was the first, for good: what was told before its id was known is its.
    first: KafkaCluster,
    /// Those that addresses belong to, and how many do.
    members: Vec<(KafkaCluster, usize)>,
}

impl Clusters {
    /// Another number each time that something became known by which a broker may be of another cluster than before.
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

    /// The cluster of the broker, as far as it is known for this client. None if it may be any of several.
    pub(crate) fn find(&self, info: &ConnectionInfo, client_id: &str) -> Option<KafkaCluster> {
        let found = self.0.known.read().unwrap_or_else(PoisonError::into_inner).find(info, client_id);
        found.unwrap_or_else(|| {
            // The first of whom anything is asked: it will be the one whose id is told first.
            let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
            Some(known.namespace(&info.destination.namespace).map_or_else(KafkaCluster::first, |it| it.first.clone()))
        })
    }
}

impl Known {
    fn client(&self, info: &ConnectionInfo, client_id: &str) -> u64 {
        self.hasher.hash_one((&*info.source.name, &*info.source.namespace, client_id))
    }

    /// The clusters of a namespace, unless there are too many namespaces.
    fn namespace(&mut self, name: &Arc<str>) -> Option<&mut Namespace> {
        if self.namespaces.len() >= MAX_NAMESPACES && !self.namespaces.contains_key(name) {
            return None;
        }
        let new = || Namespace { first: KafkaCluster::first(), members: Vec::new() };
        Some(self.namespaces.entry(Arc::clone(name)).or_insert_with(new))
    }

    fn members(&self, namespace: &str) -> &[(KafkaCluster, usize)] {
        self.namespaces.get(namespace).map_or(&[], |it| &it.members)
    }

    /// Whether addresses belong to it.
    fn has(&self, told: &Told) -> bool {
        self.members(&told.namespace).iter().any(|(cluster, _)| *cluster == told.cluster)
    }

    fn has_learned(&self, info: &ConnectionInfo, client_id: &str, id: &str) -> bool {
        let is_known = |client: &Option<Told>| match client {
            Some(told) => told.is(info, id),
            None => self.members(&info.destination.namespace).len() > 1,
        };
        self.addresses.get(&address(info)).is_some_and(|(told, _)| told.is(info, id))
            && self.clients.get(&self.client(info, client_id)).is_some_and(is_known)
    }

    fn learn(&mut self, info: &ConnectionInfo, client_id: &str, id: &str) {
        let address = address(info);
        let known = self.addresses.get(&address).filter(|(told, _)| told.is(info, id));
        let Some(told) = known.map(|(told, _)| told.clone()).or_else(|| self.learn_address(address, info, id)) else {
            return;
        };
        let client = self.client(info, client_id);
        if self.clients.len() >= MAX_CLIENTS && !self.clients.contains_key(&client) {
            self.clients.clear();
        }
        let last = self.clients.get(&client).cloned();
        let is_of_several = match &last {
            Some(Some(last)) => *last != told && self.has(last),
            Some(None) => self.members(&told.namespace).len() > 1,
            None => false,
        };
        let now = (!is_of_several).then_some(told);
        // A connection of a client that is new has asked for nothing before.
        if last.is_some_and(|last| last != now) {
            self.turn += 1;
        }
        self.clients.insert(client, now);
    }

    /// The address belongs to this cluster from now on. None if there are too many clusters.
    fn learn_address(&mut self, address: SocketAddr, info: &ConnectionInfo, id: &str) -> Option<Told> {
        let told = self.join(&info.destination.namespace, id)?;
        self.turn += 1;
        // Another cluster had it, as where one was made anew.
        let before = self.addresses.insert(address, (told.clone(), self.turn));
        self.learned.insert(self.turn, address);
        if let Some((before, turn)) = before {
            self.learned.remove(&turn);
            self.leave(&before);
        } else if self.addresses.len() > MAX_ADDRESSES
            && let Some((_, oldest)) = self.learned.pop_first()
            && let Some((gone, _)) = self.addresses.remove(&oldest)
        {
            self.leave(&gone);
        }
        Some(told)
    }

    /// The cluster of the broker, or of none. Nothing if nothing has been asked for its namespace.
    #[expect(clippy::option_option, reason = "whether anything is known, and whether it is of one")]
    fn find(&self, info: &ConnectionInfo, client_id: &str) -> Option<Option<KafkaCluster>> {
        let namespace = &info.destination.namespace;
        let is_of_it = |told: &&Told| told.namespace == *namespace;
        if let Some(told) = self.addresses.get(&address(info)).map(|(told, _)| told).filter(is_of_it) {
            return Some(Some(told.cluster.clone()));
        }
        let of_client = self.clients.get(&self.client(info, client_id)).and_then(Option::as_ref).filter(is_of_it);
        if let Some(told) = of_client.filter(|told| self.has(told)) {
            return Some(Some(told.cluster.clone()));
        }
        let Namespace { first, members } = self.namespaces.get(namespace)?;
        Some(match &members[..] {
            [] => Some(first.clone()),
            [(only, _)] => Some(only.clone()),
            _ => None,
        })
    }

    /// One address more belongs to the cluster. None if there are too many.
    fn join(&mut self, namespace: &Arc<str>, id: &str) -> Option<Told> {
        let Namespace { first, members } = self.namespace(namespace)?;
        let cluster = if first.name(id) { first.clone() } else { KafkaCluster::another(id) };
        if let Some((_, addresses)) = members.iter_mut().find(|(member, _)| *member == cluster) {
            *addresses += 1;
        } else if members.len() < MAX_CLUSTERS {
            members.push((cluster.clone(), 1));
        } else {
            return None;
        }
        Some(Told { namespace: Arc::clone(namespace), cluster })
    }

    /// One address less does.
    fn leave(&mut self, told: &Told) {
        let Some(Namespace { members, .. }) = self.namespaces.get_mut(&told.namespace) else { return };
        if let Some((_, addresses)) = members.iter_mut().find(|(member, _)| *member == told.cluster) {
            *addresses = addresses.saturating_sub(1);
        }
        members.retain(|(_, addresses)| *addresses > 0);
    }
}

/// The broker's address, by whatever family it was asked.
fn address(info: &ConnectionInfo) -> SocketAddr {
    SocketAddr::new(info.server.ip().to_canonical(), info.server.port())
}

#[cfg(test)]
mod tests;
