//! Which cluster a broker belongs to.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

/// A cluster of Kafka brokers, as far as it is told from others of the same namespace.
///
/// Brokers do not say in each answer whose they are. Those of which it is not known count for the first cluster of their
/// namespace, of which the id may become known later: it is the same one before and after.
#[derive(Clone, Debug)]
pub struct KafkaCluster {
    id: Arc<str>,
    is_first: bool,
}

impl KafkaCluster {
    /// The first one of its namespace; an empty id is not known yet.
    pub fn first(id: Arc<str>) -> Self {
        Self { id, is_first: true }
    }

    /// The first one, where nobody has told an id.
    pub fn unknown() -> &'static Self {
        static UNKNOWN: LazyLock<KafkaCluster> = LazyLock::new(KafkaCluster::default);
        &UNKNOWN
    }

    /// Another one of that namespace.
    pub fn another(id: Arc<str>) -> Self {
        Self { id, is_first: false }
    }

    /// The id that its brokers give it (`kafka.cluster.id` in the conventions), or nothing.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What tells it from the others.
    fn key(&self) -> &str {
        if self.is_first { "" } else { &self.id }
    }
}

/// The first one, with an id that is not known.
impl Default for KafkaCluster {
    fn default() -> Self {
        Self::first(Arc::default())
    }
}

/// Equal are those that are the same one of a namespace.
impl PartialEq for KafkaCluster {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for KafkaCluster {}

impl Hash for KafkaCluster {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Ord for KafkaCluster {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(other.key())
    }
}

impl PartialOrd for KafkaCluster {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_one_is_the_same_before_its_id_is_known() {
        let named = KafkaCluster::first("a".into());
        assert_eq!((KafkaCluster::default(), named.id()), (named.clone(), "a"));
        assert_ne!(KafkaCluster::another("a".into()), named);
        assert_ne!(KafkaCluster::another("a".into()), KafkaCluster::another("b".into()));
        assert_eq!(KafkaCluster::another("a".into()), KafkaCluster::another("a".into()));
    }
}
