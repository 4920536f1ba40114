//! What a direction says.

use super::TopicId;

/// What one side of a connection says. Borrows from the input or from the decoder.
///
/// Each message begins with [`Request`](Self::Request) or [`Response`](Self::Response) and ends with [`End`](Self::End); a
/// [`Token`](Self::Token) is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaEvent<'a> {
    /// A request begins.
    Request(RequestHead),
    /// A response begins. What it answers is to be said before anything else of it is read: see
    /// [`KafkaDecoder::answers`](super::KafkaDecoder::answers).
    Response(ResponseHead),
    /// The name that the client gives itself, cut at [`KAFKA_TEXT_BYTES`](crate::limits::KAFKA_TEXT_BYTES).
    ClientId(&'a str),
    /// The id of the broker's cluster, cut likewise; empty where it has none. Told by the responses to `Metadata` and
    /// `DescribeCluster` alone.
    ClusterId(&'a str),
    /// A consumer group, cut likewise. In `FindCoordinator`, what is looked for need not be one: see
    /// [`Ended::coordinator_kind`].
    Group(&'a str),
    /// What the broker says of the group that was told last: 0 where all is well. Told by the response to `DeleteGroups`
    /// alone.
    GroupError(i16),
    /// The id that a producer gives its transactions, cut likewise; empty where it has none. Told by `InitProducerId`,
    /// `TxnOffsetCommit` and `EndTxn` alone.
    TransactionalId(&'a str),
    /// A topic, cut likewise; empty where the message has a place for a name and leaves it out. What follows belongs to it.
    Topic(&'a str),
    /// The id of a topic: of the one named just before, where a name was told.
    TopicId(TopicId),
    /// A partition of the topic that was told last.
    Partition(Partition),
    /// The message is over.
    End(Ended),
    /// A token of an authentication is over; nothing was told when it began. See
    /// [`KafkaDecoder::tokens_follow`](super::KafkaDecoder::tokens_follow).
    Token,
}

/// The fixed part of a request's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// What is asked for.
    pub api_key: i16,
    /// The version of it.
    pub api_version: i16,
    /// What the response will repeat.
    pub correlation_id: i32,
    /// Bytes of the request, with the four of its length.
    pub wire_bytes: u64,
}

/// The fixed part of a response's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// What the request said.
    pub correlation_id: i32,
    /// Bytes of the response, with the four of its length.
    pub wire_bytes: u64,
}

/// What a message says of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Its number.
    pub index: i32,
    /// What the broker says of it: 0 where all is well.
    pub error_code: i16,
    /// Records that were carried, as the heads of their batches say; in the response to a `ShareFetch`, those of them that the
    /// client was given.
    pub records: u64,
    /// Bytes of these batches, as they are.
    pub bytes: u64,
    /// The offset behind the last record that consumers may see.
    pub high_watermark: Option<i64>,
    /// The offset that is asked for, committed, or found; in the response to a Produce, that of its first record.
    pub offset: Option<i64>,
    /// The offset behind the last record that was carried, as its batch says: true in a Fetch response alone.
    pub next_offset: Option<i64>,
    /// The time for which a `ListOffsets` asks; -1 is the end of the partition, and -2 its beginning.
    pub timestamp: Option<i64>,
}

/// What a message said beside its topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// What became of its details.
    pub details: Details,
    /// How many acknowledgements a Produce asks for. With 0 there is no response.
    pub acks: Option<i16>,
    /// For how many milliseconds a Fetch may wait for records.
    pub max_wait_ms: Option<i32>,
    /// For how many bytes it waits.
    pub min_bytes: Option<i32>,
    /// Of what a coordinator is looked for: 0 is a group. Absent where it can't be anything else.
    pub coordinator_kind: Option<i8>,
    /// The first error that the response told, or 0.
    pub error_code: i16,
    /// For how many milliseconds the broker says that it throttled the client.
    pub throttle_ms: Option<i32>,
    /// A Fetch is that of a broker that keeps a copy, and not a consumer's.
    pub is_replica: bool,
    /// The number of the producer whose transaction a `TxnOffsetCommit` or an `EndTxn` is about.
    pub producer_id: Option<i64>,
    /// Its epoch.
    pub producer_epoch: Option<i16>,
    /// An `EndTxn` asks for the transaction to be committed, and not to be aborted.
    pub commits: bool,
    /// For how many milliseconds an `InitProducerId` lets the broker keep a transaction open.
    pub transaction_timeout_ms: Option<i32>,
}

/// What became of the details of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Details {
    /// They were read, as far as they are of interest.
    Read,
    /// They were skipped: nobody knows this kind of request, or this version of it.
    #[default]
    Skipped,
    /// They are not what the kind and the version say, from some place on, and the rest was skipped.
    Malformed,
}
