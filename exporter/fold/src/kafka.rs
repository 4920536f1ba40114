//! What is kept of Kafka's exchanges beside series: names that became known, and how far groups have read.

mod lag;
mod name_table;
mod names;
mod positions;
mod transactions;
mod words;

pub(crate) use names::{KafkaNames, KafkaPlaces, NO_NAME, OTHER_NAME, UsedNames, is_name, tells_its_topics};
pub(crate) use positions::{KnownPositions, Positions, Sought, Told, Whose};
pub(crate) use transactions::{Held, HeldOffsets, Named, Transactions};
pub(crate) use words::hubble_api_key;
pub use words::messaging_operation;

/// The most topics that can be asked for: their places are 14 bits of a key.
pub const MAX_MAX_KAFKA_TOPICS: usize = 10_000;

/// The most groups that can be asked for: their places are 12 bits of a key.
pub const MAX_MAX_KAFKA_GROUPS: usize = 4_000;

/// The most client ids that can be asked for: their places are 8 bits of a key.
pub const MAX_MAX_KAFKA_CLIENT_IDS: usize = 250;

/// The most partitions that can be asked for.
pub const MAX_MAX_KAFKA_PARTITIONS: usize = 1_000_000;

/// How much of Kafka is told by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KafkaLimits {
    /// How many topics become labels (at most [`MAX_MAX_KAFKA_TOPICS`]): each once a broker has answered for it. Any other
    /// is `_OTHER`.
    pub max_topics: usize,
    /// How many consumer groups become labels (at most [`MAX_MAX_KAFKA_GROUPS`]), in the same way.
    pub max_groups: usize,
    /// How many client ids become labels (at most [`MAX_MAX_KAFKA_CLIENT_IDS`]); 0: there is no such label.
    pub max_client_ids: usize,
    /// For how many partitions offsets are kept, to tell how far consumers are behind (at most
    /// [`MAX_MAX_KAFKA_PARTITIONS`]). A partition counts once for its high watermark, once for each group that commits
    /// offsets of it, and once for each workload that fetches from it. Each takes about 150 bytes.
    pub max_partitions: usize,
}

impl Default for KafkaLimits {
    fn default() -> Self {
        Self { max_topics: 500, max_groups: 200, max_client_ids: 0, max_partitions: 10_000 }
    }
}
