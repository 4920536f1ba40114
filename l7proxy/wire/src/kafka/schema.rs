//! What the bodies of messages are made of, as data.
//!
//! Only what is of interest has a [`Slot`]; all else is there to be skipped. A body of which nothing more is of interest
//! ends with `REST`.

mod data;
mod groups;
mod shares;
mod topics;
mod transactions;

pub(super) use data::{
    FETCH_REQUEST, FETCH_RESPONSE, LIST_OFFSETS_REQUEST, LIST_OFFSETS_RESPONSE, PRODUCE_REQUEST, PRODUCE_RESPONSE,
};
pub(super) use groups::{
    CONSUMER_GROUP_HEARTBEAT_REQUEST, CONSUMER_GROUP_HEARTBEAT_RESPONSE, DELETE_GROUPS_REQUEST, DELETE_GROUPS_RESPONSE,
    DESCRIBE_GROUPS_REQUEST, DESCRIBE_GROUPS_RESPONSE, FIND_COORDINATOR_REQUEST, FIND_COORDINATOR_RESPONSE,
    GROUP_FIRST, GROUPS_FIRST, HEARTBEAT_REQUEST, HEARTBEAT_RESPONSE, JOIN_GROUP_REQUEST, JOIN_GROUP_RESPONSE,
    LEAVE_GROUP_REQUEST, LEAVE_GROUP_RESPONSE, OFFSET_COMMIT_REQUEST, OFFSET_COMMIT_RESPONSE, OFFSET_DELETE_REQUEST,
    OFFSET_DELETE_RESPONSE, OFFSET_FETCH_REQUEST, OFFSET_FETCH_RESPONSE, SYNC_GROUP_REQUEST, SYNC_GROUP_RESPONSE,
};
pub(super) use shares::{
    SHARE_ACKNOWLEDGE_REQUEST, SHARE_ACKNOWLEDGE_RESPONSE, SHARE_FETCH_REQUEST, SHARE_FETCH_RESPONSE,
};
pub(super) use topics::{
    ALTER_CONFIGS_RESPONSE, API_VERSIONS_REQUEST, API_VERSIONS_RESPONSE, CREATE_ACLS_RESPONSE,
    CREATE_PARTITIONS_REQUEST, CREATE_PARTITIONS_RESPONSE, CREATE_TOPICS_REQUEST, CREATE_TOPICS_RESPONSE,
    DELETE_RECORDS_REQUEST, DELETE_RECORDS_RESPONSE, DELETE_TOPICS_REQUEST, DELETE_TOPICS_RESPONSE,
    DESCRIBE_CLUSTER_REQUEST, DESCRIBE_CLUSTER_RESPONSE, DESCRIBE_TOPIC_PARTITIONS_REQUEST,
    DESCRIBE_TOPIC_PARTITIONS_RESPONSE, METADATA_REQUEST, METADATA_RESPONSE, SASL_AUTHENTICATE_REQUEST,
    SASL_AUTHENTICATE_RESPONSE, SASL_HANDSHAKE_REQUEST, SASL_HANDSHAKE_RESPONSE,
};
pub(super) use transactions::{
    ADD_OFFSETS_TO_TXN_REQUEST, ADD_OFFSETS_TO_TXN_RESPONSE, ADD_PARTITIONS_TO_TXN_REQUEST,
    ADD_PARTITIONS_TO_TXN_RESPONSE, END_TXN_REQUEST, END_TXN_RESPONSE, INIT_PRODUCER_ID_REQUEST,
    INIT_PRODUCER_ID_RESPONSE, TXN_OFFSET_COMMIT_REQUEST, TXN_OFFSET_COMMIT_RESPONSE,
};

/// What the walk does with the value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Nothing.
    Skip,
    /// How many acknowledgements a Produce asks for.
    Acks,
    /// The name that the client gives itself.
    ClientId,
    /// The id of a cluster.
    ClusterId,
    /// Whether a transaction is committed.
    Commits,
    /// Of what a coordinator is looked for.
    CoordinatorKind,
    /// An error of the whole response, or of a part that is no partition.
    Error,
    /// The first offset of records that a member of a share group is given, out of those that are carried.
    GivenFrom,
    /// The last one.
    GivenTo,
    /// A consumer group.
    Group,
    /// An error of the group that was told last.
    GroupError,
    /// The high watermark of a partition.
    HighWatermark,
    /// The number of a partition.
    Index,
    /// How long a Fetch may wait for records.
    MaxWait,
    /// How many bytes a Fetch waits for.
    MinBytes,
    /// An offset of a partition.
    Offset,
    /// An error of a partition.
    PartitionError,
    /// The epoch of a producer.
    ProducerEpoch,
    /// The number of a producer.
    ProducerId,
    /// The number of the broker that fetches for its copy; negative for a consumer.
    Replica,
    /// For how long the broker throttled the client.
    Throttle,
    /// A time for which offsets are looked for.
    Timestamp,
    /// The name of a topic.
    Topic,
    /// The id of a topic.
    TopicId,
    /// How long a transaction may be open.
    TransactionTimeout,
    /// The id that a producer gives its transactions.
    TransactionalId,
}

/// What the end of an element of an array tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// Nothing.
    Nothing,
    /// A partition is whole.
    Partition,
}

/// A field of a message or of a structure in it.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The first version that has it.
    pub since: i16,
    /// The last version that has it.
    pub until: i16,
    /// What it is.
    pub kind: Kind,
}

/// What a field is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A number, a boolean or a UUID of so many bytes.
    Fixed(u8, Slot),
    /// A string.
    Text(Slot),
    /// A string whose length is two bytes in every version.
    LongText(Slot),
    /// Bytes of no interest.
    Bytes,
    /// Batches of records.
    Records,
    /// An array of structures.
    Array(&'static [Field], Each),
    /// An array of values that are no structures: no tagged fields follow an element.
    Bare(&'static [Field], Each),
    /// A structure within the one around it.
    Structure(&'static [Field]),
    /// A structure that may be absent.
    Optional(&'static [Field]),
    /// The tagged field of this number, among those behind a structure: its value begins with a number of four bytes.
    Tagged(u32, Slot),
    /// All that is left of the message.
    Rest,
    /// All that is left of the message if it has told an error.
    RestOfError,
}

impl Field {
    const fn new(kind: Kind) -> Self {
        Self { since: 0, until: i16::MAX, kind }
    }

    /// Whether this version has it.
    pub(super) fn is_in(&self, version: i16) -> bool {
        (self.since..=self.until).contains(&version)
    }

    /// Only from this version on.
    pub(super) const fn since(self, since: i16) -> Self {
        Self { since, ..self }
    }

    /// Only up to this version.
    pub(super) const fn until(self, until: i16) -> Self {
        Self { until, ..self }
    }

    /// Its value goes there.
    pub(super) const fn to(self, slot: Slot) -> Self {
        let kind = match self.kind {
            Kind::Fixed(length, _) => Kind::Fixed(length, slot),
            Kind::Text(_) => Kind::Text(slot),
            Kind::LongText(_) => Kind::LongText(slot),
            other => other,
        };
        Self { kind, ..self }
    }

    /// Its elements are partitions.
    pub(super) const fn partitions(self) -> Self {
        let kind = match self.kind {
            Kind::Array(fields, _) => Kind::Array(fields, Each::Partition),
            Kind::Bare(fields, _) => Kind::Bare(fields, Each::Partition),
            other => other,
        };
        Self { kind, ..self }
    }
}

pub(super) const INT8: Field = Field::new(Kind::Fixed(1, Slot::Skip));
pub(super) const INT16: Field = Field::new(Kind::Fixed(2, Slot::Skip));
pub(super) const INT32: Field = Field::new(Kind::Fixed(4, Slot::Skip));
pub(super) const INT64: Field = Field::new(Kind::Fixed(8, Slot::Skip));
pub(super) const BOOLEAN: Field = INT8;
pub(super) const UUID: Field = Field::new(Kind::Fixed(16, Slot::Skip));
pub(super) const TEXT: Field = Field::new(Kind::Text(Slot::Skip));
pub(super) const BYTES: Field = Field::new(Kind::Bytes);
pub(super) const RECORDS: Field = Field::new(Kind::Records);
pub(super) const REST: Field = Field::new(Kind::Rest);
pub(super) const REST_OF_ERROR: Field = Field::new(Kind::RestOfError);

pub(super) const THROTTLE: Field = INT32.to(Slot::Throttle);
pub(super) const ERROR: Field = INT16.to(Slot::Error);
pub(super) const PARTITION_ERROR: Field = INT16.to(Slot::PartitionError);
pub(super) const INDEX: Field = INT32.to(Slot::Index);
pub(super) const OFFSET: Field = INT64.to(Slot::Offset);
pub(super) const TOPIC: Field = TEXT.to(Slot::Topic);
pub(super) const CLUSTER_ID: Field = TEXT.to(Slot::ClusterId);
pub(super) const TOPIC_ID: Field = UUID.to(Slot::TopicId);
pub(super) const GROUP: Field = TEXT.to(Slot::Group);
pub(super) const TRANSACTIONAL_ID: Field = TEXT.to(Slot::TransactionalId);
pub(super) const PRODUCER_ID: Field = INT64.to(Slot::ProducerId);
pub(super) const PRODUCER_EPOCH: Field = INT16.to(Slot::ProducerEpoch);
pub(super) const GROUP_ERROR: Field = INT16.to(Slot::GroupError);

pub(super) const fn array(fields: &'static [Field]) -> Field {
    Field::new(Kind::Array(fields, Each::Nothing))
}

pub(super) const fn bare(fields: &'static [Field]) -> Field {
    Field::new(Kind::Bare(fields, Each::Nothing))
}

pub(super) const fn structure(fields: &'static [Field]) -> Field {
    Field::new(Kind::Structure(fields))
}

pub(super) const fn optional(fields: &'static [Field]) -> Field {
    Field::new(Kind::Optional(fields))
}

pub(super) const fn tagged(number: u32, slot: Slot) -> Field {
    Field::new(Kind::Tagged(number, slot))
}

/// What stands behind the fixed part of a request's header. Its length is never compact, unlike those of the body.
pub(super) static CLIENT_ID: &[Field] = &[Field::new(Kind::LongText(Slot::ClientId))];

/// A header, or a body, without fields; in flexible versions its tagged fields follow.
pub(super) static NO_FIELDS: &[Field] = &[];

/// A body of which nothing is of interest.
pub(super) static UNREAD: &[Field] = &[REST];

/// A response that begins with how long it was throttled.
pub(super) static THROTTLE_FIRST: &[Field] = &[THROTTLE, REST];

/// A response that begins so, and goes on with an error.
pub(super) static THROTTLE_THEN_ERROR: &[Field] = &[THROTTLE, ERROR, REST];

/// A response that begins with how long it was throttled, and goes on with an error from this or that version on.
pub(super) static LIST_GROUPS_RESPONSE: &[Field] = &[THROTTLE.since(1), ERROR, REST];
pub(super) static OFFSET_FOR_LEADER_EPOCH_RESPONSE: &[Field] = &[THROTTLE.since(2), REST];
pub(super) static DESCRIBE_LOG_DIRS_RESPONSE: &[Field] = &[THROTTLE, ERROR.since(3), REST];
pub(super) static ELECT_LEADERS_RESPONSE: &[Field] = &[THROTTLE, ERROR.since(1), REST];
pub(super) static ALTER_PARTITION_REASSIGNMENTS_RESPONSE: &[Field] = &[THROTTLE, BOOLEAN.since(1), ERROR, REST];

/// A response that begins with an error.
pub(super) static ERROR_FIRST: &[Field] = &[ERROR, REST];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::{body_of, walker};

    fn depth(fields: &[Field]) -> usize {
        let within = fields.iter().map(|field| match field.kind {
            Kind::Array(fields, _) | Kind::Bare(fields, _) | Kind::Structure(fields) | Kind::Optional(fields) => {
                depth(fields)
            }
            _ => 0,
        });
        1 + within.max().unwrap_or(0)
    }

    #[test]
    fn no_schema_is_deeper_than_the_walk() {
        let bodies = (0..200).flat_map(|key| [body_of(key, 0, true), body_of(key, 0, false)]).flatten();
        let deepest = bodies.map(|(fields, _)| depth(fields)).max();
        assert_eq!(deepest, Some(walker::DEPTH));
    }
}
