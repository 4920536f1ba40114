//! The parts of a Kafka exchange that sinks hear of.

mod api;
mod cluster;
mod errors;

use std::time::Duration;

pub use api::{KafkaApi, KafkaTransfer};
pub use cluster::KafkaCluster;
pub use errors::KafkaError;

/// A request to a Kafka broker and its response (the Kafka protocol, <https://kafka.apache.org/protocol>).
///
/// A request that asks for no response (Produce with `acks=0`) is an exchange, too: it is answered when it is sent, and
/// has no time to first byte.
#[derive(Clone, Copy, Debug)]
pub struct KafkaExchange<'a> {
    /// What was asked for.
    pub api: KafkaApi,
    /// The version of the request.
    pub api_version: i16,
    /// The cluster of the broker, if it is known which of several it is: offsets are those of one cluster.
    pub cluster: Option<&'a KafkaCluster>,
    /// The name that the client gives itself, cut at the proxy's limit; absent where it gives none.
    pub client_id: Option<&'a str>,
    /// The consumer group, where the request names one, or where it is known for the connection from an earlier request.
    pub group: Option<&'a str>,
    /// The topic, where the exchange is about exactly one.
    pub topic: Option<KafkaTopic<'a>>,
    /// The first error that the response has, whether for the whole request or for a part of it.
    pub error: KafkaError,
    /// How long the broker says that it held the client back for exceeding a quota; absent where the response has no such
    /// field, or was not read.
    pub throttle: Option<Duration>,
    /// How long a Fetch let the broker wait for records.
    pub max_wait: Option<Duration>,
    /// What is told of each partition that the exchange names, of the first so many: the proxy bounds how many.
    pub partitions: &'a [KafkaPartition<'a>],
    /// The records of the partitions that are not in `partitions`.
    pub more: KafkaRecords,
    /// The first error of these partitions.
    pub more_error: KafkaError,
    /// What requests of few kinds are about beside that.
    pub subject: Option<&'a KafkaSubject<'a>>,
    /// A Fetch by which a broker copies what another one has: no consumer gets these records.
    pub is_replica: bool,
}

/// What requests of few kinds are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaSubject<'a> {
    /// The groups that the broker says a `DeleteGroups` has removed, up to the proxy's limit.
    DeletedGroups(&'a [&'a str]),
    /// The transaction of an `InitProducerId`, a `TxnOffsetCommit` or an `EndTxn`.
    Transaction(KafkaTransaction<'a>),
}

/// A transaction as a request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KafkaTransaction<'a> {
    /// The id that the producer gives its transactions, cut at the proxy's limit.
    pub transactional_id: &'a str,
    /// The producer's number and its epoch. An `InitProducerId` asks for them, and has none that count.
    pub producer: (i64, i16),
    /// It is to be committed: an `EndTxn` that does not say so aborts it.
    pub commits: bool,
    /// How long the producer's transactions may be open, as an `InitProducerId` asks; absent elsewhere.
    pub timeout: Option<Duration>,
}

/// A topic as an exchange names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaTopic<'a> {
    /// By its name.
    Named(&'a str),
    /// By an id whose name was not seen yet, or by a name that cannot be one.
    Unknown,
}

/// What an exchange tells of one partition of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KafkaPartition<'a> {
    /// The topic.
    pub topic: KafkaTopic<'a>,
    /// The number of the partition.
    pub partition: i32,
    /// What the broker says of this partition.
    pub error: KafkaError,
    /// The records that a Produce or a Fetch carried for it. A Fetch may carry some that were asked for neither now nor
    /// later: a broker sends whole batches.
    pub records: KafkaRecords,
    /// The offset that follows the last record that consumers may see, where the response says it.
    pub high_watermark: Option<i64>,
    /// The offset that follows the last record that a broker has, as far as an answer to a Produce or to a `ListOffsets`
    /// tells it: since then others may have added more.
    pub log_end: Option<i64>,
    /// How far a reader is: the offset that follows the last record that a Fetch has brought, or the one that it asked for
    /// where it brought none; and the one that an `OffsetCommit` or an `OffsetFetch` says is the group's.
    pub offset: Option<i64>,
    /// The group has no offset here, as the broker says: an `OffsetFetch` found none, or an `OffsetDelete` removed it.
    pub has_no_offset: bool,
}

/// Records in batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KafkaRecords {
    /// How many records the heads of the batches say that there are, without the broker's own (markers of transactions).
    pub count: u64,
    /// The size of the batches in bytes as it was on the wire: compressed where they were, with their heads.
    pub bytes: u64,
}

impl std::ops::AddAssign for KafkaRecords {
    fn add_assign(&mut self, more: Self) {
        self.count = self.count.saturating_add(more.count);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }
}
