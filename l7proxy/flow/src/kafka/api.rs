//! The requests of the Kafka protocol.

use std::fmt;

/// What a request asks for: the `api_key` of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KafkaApi(pub i16);

/// Which way an API carries records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KafkaTransfer {
    /// To the broker.
    Produce,
    /// From the broker.
    Fetch,
}

impl KafkaTransfer {
    /// Both ways.
    pub const ALL: [Self; 2] = [Self::Produce, Self::Fetch];

    /// The label value of this way.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Produce => "produce",
            Self::Fetch => "fetch",
        }
    }
}

impl KafkaApi {
    /// Writes records.
    pub const PRODUCE: Self = Self(0);
    /// Reads records.
    pub const FETCH: Self = Self(1);
    /// Finds offsets by time.
    pub const LIST_OFFSETS: Self = Self(2);
    /// Asks for topics, partitions and brokers.
    pub const METADATA: Self = Self(3);
    /// Writes down how far a group has read.
    pub const OFFSET_COMMIT: Self = Self(8);
    /// Asks how far a group has read.
    pub const OFFSET_FETCH: Self = Self(9);
    /// Finds the broker of a group or of a transaction.
    pub const FIND_COORDINATOR: Self = Self(10);
    /// Becomes a member of a group.
    pub const JOIN_GROUP: Self = Self(11);
    /// Stays a member of a group.
    pub const HEARTBEAT: Self = Self(12);
    /// Leaves a group.
    pub const LEAVE_GROUP: Self = Self(13);
    /// Learns which partitions to read for a group.
    pub const SYNC_GROUP: Self = Self(14);
    /// Asks what groups there are with these names, and who is in them.
    pub const DESCRIBE_GROUPS: Self = Self(15);
    /// Chooses how to authenticate.
    pub const SASL_HANDSHAKE: Self = Self(17);
    /// Asks which requests the broker knows.
    pub const API_VERSIONS: Self = Self(18);
    /// Makes topics.
    pub const CREATE_TOPICS: Self = Self(19);
    /// Asks for the id of a producer.
    pub const INIT_PRODUCER_ID: Self = Self(22);
    /// Adds partitions to a transaction.
    pub const ADD_PARTITIONS_TO_TXN: Self = Self(24);
    /// Adds a group to a transaction.
    pub const ADD_OFFSETS_TO_TXN: Self = Self(25);
    /// Ends a transaction.
    pub const END_TXN: Self = Self(26);
    /// Writes down, within a transaction, how far a group has read.
    pub const TXN_OFFSET_COMMIT: Self = Self(28);
    /// Authenticates.
    pub const SASL_AUTHENTICATE: Self = Self(36);
    /// Removes groups with all that they have committed.
    pub const DELETE_GROUPS: Self = Self(42);
    /// Removes what a group has committed of some partitions.
    pub const OFFSET_DELETE: Self = Self(47);
    /// Joins a group of the newer protocol, or stays in it.
    pub const CONSUMER_GROUP_HEARTBEAT: Self = Self(68);
    /// Asks what groups of the newer protocol there are with these names, and who is in them.
    pub const CONSUMER_GROUP_DESCRIBE: Self = Self(69);
    /// Joins a share group, or stays in it.
    pub const SHARE_GROUP_HEARTBEAT: Self = Self(76);
    /// Asks what share groups there are with these names, and who is in them.
    pub const SHARE_GROUP_DESCRIBE: Self = Self(77);
    /// Reads records for a share group.
    pub const SHARE_FETCH: Self = Self(78);
    /// Tells what became of records that were read for a share group.
    pub const SHARE_ACKNOWLEDGE: Self = Self(79);
    /// Joins a group of a streams application, or stays in it.
    pub const STREAMS_GROUP_HEARTBEAT: Self = Self(88);
    /// Asks what groups of streams applications there are with these names, and who is in them.
    pub const STREAMS_GROUP_DESCRIBE: Self = Self(89);

    /// The names of Apache Kafka 4.4, each at its number.
    const NAMES: [&'static str; 95] = [
        "Produce",
        "Fetch",
        "ListOffsets",
        "Metadata",
        "LeaderAndIsr",
        "StopReplica",
        "UpdateMetadata",
        "ControlledShutdown",
        "OffsetCommit",
        "OffsetFetch",
        "FindCoordinator",
        "JoinGroup",
        "Heartbeat",
        "LeaveGroup",
        "SyncGroup",
        "DescribeGroups",
        "ListGroups",
        "SaslHandshake",
        "ApiVersions",
        "CreateTopics",
        "DeleteTopics",
        "DeleteRecords",
        "InitProducerId",
        "OffsetForLeaderEpoch",
        "AddPartitionsToTxn",
        "AddOffsetsToTxn",
        "EndTxn",
        "WriteTxnMarkers",
        "TxnOffsetCommit",
        "DescribeAcls",
        "CreateAcls",
        "DeleteAcls",
        "DescribeConfigs",
        "AlterConfigs",
        "AlterReplicaLogDirs",
        "DescribeLogDirs",
        "SaslAuthenticate",
        "CreatePartitions",
        "CreateDelegationToken",
        "RenewDelegationToken",
        "ExpireDelegationToken",
        "DescribeDelegationToken",
        "DeleteGroups",
        "ElectLeaders",
        "IncrementalAlterConfigs",
        "AlterPartitionReassignments",
        "ListPartitionReassignments",
        "OffsetDelete",
        "DescribeClientQuotas",
        "AlterClientQuotas",
        "DescribeUserScramCredentials",
        "AlterUserScramCredentials",
        "Vote",
        "BeginQuorumEpoch",
        "EndQuorumEpoch",
        "DescribeQuorum",
        "AlterPartition",
        "UpdateFeatures",
        "Envelope",
        "FetchSnapshot",
        "DescribeCluster",
        "DescribeProducers",
        "BrokerRegistration",
        "BrokerHeartbeat",
        "UnregisterBroker",
        "DescribeTransactions",
        "ListTransactions",
        "AllocateProducerIds",
        "ConsumerGroupHeartbeat",
        "ConsumerGroupDescribe",
        "ControllerRegistration",
        "GetTelemetrySubscriptions",
        "PushTelemetry",
        "AssignReplicasToDirs",
        "ListConfigResources",
        "DescribeTopicPartitions",
        "ShareGroupHeartbeat",
        "ShareGroupDescribe",
        "ShareFetch",
        "ShareAcknowledge",
        "AddRaftVoter",
        "RemoveRaftVoter",
        "UpdateRaftVoter",
        "InitializeShareGroupState",
        "ReadShareGroupState",
        "WriteShareGroupState",
        "DeleteShareGroupState",
        "ReadShareGroupStateSummary",
        "StreamsGroupHeartbeat",
        "StreamsGroupDescribe",
        "DescribeShareGroupOffsets",
        "AlterShareGroupOffsets",
        "DeleteShareGroupOffsets",
        "StreamsGroupTopologyDescriptionUpdate",
        "UnregisterController",
    ];

    /// Its name in Apache Kafka; none where it has none there.
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.get(usize::try_from(self.0).ok()?).copied()
    }

    /// Which way it carries records; none where it carries none.
    pub const fn transfer(self) -> Option<KafkaTransfer> {
        match self {
            Self::PRODUCE => Some(KafkaTransfer::Produce),
            Self::FETCH | Self::SHARE_FETCH => Some(KafkaTransfer::Fetch),
            _ => None,
        }
    }
}

impl fmt::Display for KafkaApi {
    /// Its name, or its number.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => out.write_str(name),
            None => self.0.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_have_the_number_of_their_name() {
        for (api, name) in [
            (KafkaApi::PRODUCE, "Produce"),
            (KafkaApi::FETCH, "Fetch"),
            (KafkaApi::LIST_OFFSETS, "ListOffsets"),
            (KafkaApi::METADATA, "Metadata"),
            (KafkaApi::OFFSET_COMMIT, "OffsetCommit"),
            (KafkaApi::OFFSET_FETCH, "OffsetFetch"),
            (KafkaApi::FIND_COORDINATOR, "FindCoordinator"),
            (KafkaApi::JOIN_GROUP, "JoinGroup"),
            (KafkaApi::HEARTBEAT, "Heartbeat"),
            (KafkaApi::LEAVE_GROUP, "LeaveGroup"),
            (KafkaApi::SYNC_GROUP, "SyncGroup"),
            (KafkaApi::DESCRIBE_GROUPS, "DescribeGroups"),
            (KafkaApi::SASL_HANDSHAKE, "SaslHandshake"),
            (KafkaApi::API_VERSIONS, "ApiVersions"),
            (KafkaApi::CREATE_TOPICS, "CreateTopics"),
            (KafkaApi::INIT_PRODUCER_ID, "InitProducerId"),
            (KafkaApi::ADD_PARTITIONS_TO_TXN, "AddPartitionsToTxn"),
            (KafkaApi::ADD_OFFSETS_TO_TXN, "AddOffsetsToTxn"),
            (KafkaApi::END_TXN, "EndTxn"),
            (KafkaApi::TXN_OFFSET_COMMIT, "TxnOffsetCommit"),
            (KafkaApi::SASL_AUTHENTICATE, "SaslAuthenticate"),
            (KafkaApi::DELETE_GROUPS, "DeleteGroups"),
            (KafkaApi::OFFSET_DELETE, "OffsetDelete"),
            (KafkaApi::CONSUMER_GROUP_HEARTBEAT, "ConsumerGroupHeartbeat"),
            (KafkaApi::CONSUMER_GROUP_DESCRIBE, "ConsumerGroupDescribe"),
            (KafkaApi::SHARE_GROUP_HEARTBEAT, "ShareGroupHeartbeat"),
            (KafkaApi::SHARE_GROUP_DESCRIBE, "ShareGroupDescribe"),
            (KafkaApi::SHARE_FETCH, "ShareFetch"),
            (KafkaApi::SHARE_ACKNOWLEDGE, "ShareAcknowledge"),
            (KafkaApi::STREAMS_GROUP_HEARTBEAT, "StreamsGroupHeartbeat"),
            (KafkaApi::STREAMS_GROUP_DESCRIBE, "StreamsGroupDescribe"),
        ] {
            assert_eq!(api.to_string(), name);
        }
    }

    #[test]
    fn an_api_without_a_name_is_its_number() {
        assert_eq!(KafkaApi(94).to_string(), "UnregisterController");
        assert_eq!(KafkaApi(95).to_string(), "95");
        assert_eq!(KafkaApi(-2).to_string(), "-2");
    }
}
