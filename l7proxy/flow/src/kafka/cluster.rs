//! Which cluster a broker belongs to.

use std::sync::{Arc, LazyLock, OnceLock};

/// A cluster of Kafka brokers, as far as it is told from others of the same namespace. Each clone is the same.
///
/// Brokers do not say in each answer whose they are. As long as none of a namespace has, all of them are of its first cluster,
/// whose id may become known later: it is the same one before and after, and all clones know it then.
#[derive(Clone, Debug)]
pub struct KafkaCluster {
    id: Arc<OnceLock<Box<str>>>,
    is_first: bool,
}

impl KafkaCluster {
    /// The first one of a namespace, whose id is not known yet.
    pub fn first() -> Self {
        Self { id: Arc::default(), is_first: true }
    }

    /// Another one of that namespace.
    pub fn another(id: &str) -> Self {
        Self { id: Arc::new(OnceLock::from(Box::from(id))), is_first: false }
    }

    /// A first one of which no id will be known.
    pub fn unknown() -> &'static Self {
        static UNKNOWN: LazyLock<KafkaCluster> = LazyLock::new(KafkaCluster::first);
        &UNKNOWN
    }

    /// Gives it this id, where it has none. Returns whether it is this: an id stays what it is.
    pub fn name(&self, id: &str) -> bool {
        &**self.id.get_or_init(|| id.into()) == id
    }

    /// The id that its brokers give it (`kafka.cluster.id` in the conventions), or nothing.
    pub fn id(&self) -> &str {
        self.id.get().map_or("", |id| id)
    }

    /// What tells it from the others of its namespace, whether its id is known or not.
    pub fn key(&self) -> &str {
        if self.is_first { "" } else { self.id() }
    }
}

/// Equal are those that are the same one of a namespace.
impl PartialEq for KafkaCluster {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for KafkaCluster {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_one_is_the_same_before_its_id_is_known() {
        let first = KafkaCluster::first();
        let early = first.clone();
        assert_eq!(early.id(), "");
        assert!(first.name("a") && first.name("a") && !first.name("b"));
        assert_eq!((early.id(), &early), ("a", &first));
        assert_ne!(KafkaCluster::another("a"), first);
        assert_ne!(KafkaCluster::another("a"), KafkaCluster::another("b"));
        assert_eq!(KafkaCluster::another("a"), KafkaCluster::another("a"));
    }
}
