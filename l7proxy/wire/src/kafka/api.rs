//! The requests that there are, and how each of their versions is written.

use super::schema::{self, Field};

const CONTROLLED_SHUTDOWN: i16 = 7;
const API_VERSIONS: i16 = 18;

/// The first flexible version of what has none.
const NEVER: i16 = i16::MAX;

/// One kind of request, with its response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Api {
    /// The highest version that is known.
    pub(super) max_version: i16,
    /// The first version with compact lengths and tagged fields (KIP-482).
    flexible_since: i16,
    pub(super) request: &'static [Field],
    pub(super) response: &'static [Field],
}

impl Api {
    /// The kind with this key, where its version is known.
    pub(super) fn find(api_key: i16, api_version: i16) -> Option<&'static Self> {
        let api = APIS.get(usize::try_from(api_key).ok()?)?;
        (0..=api.max_version).contains(&api_version).then_some(api)
    }

    pub(super) const fn is_flexible(&self, api_version: i16) -> bool {
        api_version >= self.flexible_since
    }
}

/// Whether a header of a request names the client. The oldest of them doesn't.
pub(super) const fn names_client(api_key: i16, api_version: i16) -> bool {
    api_key != CONTROLLED_SHUTDOWN || api_version > 0
}

/// Whether tagged fields may end the header of a response: those of `ApiVersions` never do, so that clients can read them
/// whatever the broker speaks.
pub(super) const fn tags_response(api_key: i16) -> bool {
    api_key != API_VERSIONS
}

const fn api(max_version: i16, flexible_since: i16, request: &'static [Field], response: &'static [Field]) -> Api {
    Api { max_version, flexible_since, request, response }
}

/// By their keys. Of some that brokers send each other, and of some that only tools use, little is of interest.
static APIS: [Api; 95] = [
    // 0: Produce
    api(13, 9, schema::PRODUCE_REQUEST, schema::PRODUCE_RESPONSE),
    // 1: Fetch
    api(18, 12, schema::FETCH_REQUEST, schema::FETCH_RESPONSE),
    // 2: ListOffsets
    api(11, 6, schema::LIST_OFFSETS_REQUEST, schema::LIST_OFFSETS_RESPONSE),
    // 3: Metadata
    api(13, 9, schema::METADATA_REQUEST, schema::METADATA_RESPONSE),
    // 4: LeaderAndIsr
    api(7, 4, schema::UNREAD, schema::ERROR_FIRST),
    // 5: StopReplica
    api(4, 2, schema::UNREAD, schema::ERROR_FIRST),
    // 6: UpdateMetadata
    api(8, 6, schema::UNREAD, schema::ERROR_FIRST),
    // 7: ControlledShutdown
    api(3, 3, schema::UNREAD, schema::ERROR_FIRST),
    // 8: OffsetCommit
    api(10, 8, schema::OFFSET_COMMIT_REQUEST, schema::OFFSET_COMMIT_RESPONSE),
    // 9: OffsetFetch
    api(10, 6, schema::OFFSET_FETCH_REQUEST, schema::OFFSET_FETCH_RESPONSE),
    // 10: FindCoordinator
    api(6, 3, schema::FIND_COORDINATOR_REQUEST, schema::FIND_COORDINATOR_RESPONSE),
    // 11: JoinGroup
    api(9, 6, schema::JOIN_GROUP_REQUEST, schema::JOIN_GROUP_RESPONSE),
    // 12: Heartbeat
    api(4, 4, schema::HEARTBEAT_REQUEST, schema::HEARTBEAT_RESPONSE),
    // 13: LeaveGroup
    api(5, 4, schema::LEAVE_GROUP_REQUEST, schema::LEAVE_GROUP_RESPONSE),
    // 14: SyncGroup
    api(5, 4, schema::SYNC_GROUP_REQUEST, schema::SYNC_GROUP_RESPONSE),
    // 15: DescribeGroups
    api(6, 5, schema::DESCRIBE_GROUPS_REQUEST, schema::DESCRIBE_GROUPS_RESPONSE),
    // 16: ListGroups
    api(5, 3, schema::UNREAD, schema::LIST_GROUPS_RESPONSE),
    // 17: SaslHandshake
    api(1, NEVER, schema::SASL_HANDSHAKE_REQUEST, schema::SASL_HANDSHAKE_RESPONSE),
    // 18: ApiVersions
    api(5, 3, schema::API_VERSIONS_REQUEST, schema::API_VERSIONS_RESPONSE),
    // 19: CreateTopics
    api(7, 5, schema::CREATE_TOPICS_REQUEST, schema::CREATE_TOPICS_RESPONSE),
    // 20: DeleteTopics
    api(6, 4, schema::DELETE_TOPICS_REQUEST, schema::DELETE_TOPICS_RESPONSE),
    // 21: DeleteRecords
    api(2, 2, schema::DELETE_RECORDS_REQUEST, schema::DELETE_RECORDS_RESPONSE),
    // 22: InitProducerId
    api(6, 2, schema::INIT_PRODUCER_ID_REQUEST, schema::INIT_PRODUCER_ID_RESPONSE),
    // 23: OffsetForLeaderEpoch
    api(4, 4, schema::UNREAD, schema::OFFSET_FOR_LEADER_EPOCH_RESPONSE),
    // 24: AddPartitionsToTxn
    api(5, 3, schema::ADD_PARTITIONS_TO_TXN_REQUEST, schema::ADD_PARTITIONS_TO_TXN_RESPONSE),
    // 25: AddOffsetsToTxn
    api(4, 3, schema::ADD_OFFSETS_TO_TXN_REQUEST, schema::ADD_OFFSETS_TO_TXN_RESPONSE),
    // 26: EndTxn
    api(5, 3, schema::END_TXN_REQUEST, schema::END_TXN_RESPONSE),
    // 27: WriteTxnMarkers
    api(2, 1, schema::UNREAD, schema::UNREAD),
    // 28: TxnOffsetCommit
    api(6, 3, schema::TXN_OFFSET_COMMIT_REQUEST, schema::TXN_OFFSET_COMMIT_RESPONSE),
    // 29: DescribeAcls
    api(3, 2, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 30: CreateAcls
    api(3, 2, schema::UNREAD, schema::CREATE_ACLS_RESPONSE),
    // 31: DeleteAcls
    api(3, 2, schema::UNREAD, schema::THROTTLE_FIRST),
    // 32: DescribeConfigs
    api(4, 4, schema::UNREAD, schema::THROTTLE_FIRST),
    // 33: AlterConfigs
    api(2, 2, schema::UNREAD, schema::ALTER_CONFIGS_RESPONSE),
    // 34: AlterReplicaLogDirs
    api(2, 2, schema::UNREAD, schema::THROTTLE_FIRST),
    // 35: DescribeLogDirs
    api(5, 2, schema::UNREAD, schema::DESCRIBE_LOG_DIRS_RESPONSE),
    // 36: SaslAuthenticate
    api(2, 2, schema::SASL_AUTHENTICATE_REQUEST, schema::SASL_AUTHENTICATE_RESPONSE),
    // 37: CreatePartitions
    api(3, 2, schema::CREATE_PARTITIONS_REQUEST, schema::CREATE_PARTITIONS_RESPONSE),
    // 38: CreateDelegationToken
    api(3, 2, schema::UNREAD, schema::ERROR_FIRST),
    // 39: RenewDelegationToken
    api(2, 2, schema::UNREAD, schema::ERROR_FIRST),
    // 40: ExpireDelegationToken
    api(2, 2, schema::UNREAD, schema::ERROR_FIRST),
    // 41: DescribeDelegationToken
    api(3, 2, schema::UNREAD, schema::ERROR_FIRST),
    // 42: DeleteGroups
    api(3, 2, schema::DELETE_GROUPS_REQUEST, schema::DELETE_GROUPS_RESPONSE),
    // 43: ElectLeaders
    api(2, 2, schema::UNREAD, schema::ELECT_LEADERS_RESPONSE),
    // 44: IncrementalAlterConfigs
    api(1, 1, schema::UNREAD, schema::ALTER_CONFIGS_RESPONSE),
    // 45: AlterPartitionReassignments
    api(1, 0, schema::UNREAD, schema::ALTER_PARTITION_REASSIGNMENTS_RESPONSE),
    // 46: ListPartitionReassignments
    api(0, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 47: OffsetDelete
    api(0, NEVER, schema::OFFSET_DELETE_REQUEST, schema::OFFSET_DELETE_RESPONSE),
    // 48: DescribeClientQuotas
    api(1, 1, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 49: AlterClientQuotas
    api(1, 1, schema::UNREAD, schema::THROTTLE_FIRST),
    // 50: DescribeUserScramCredentials
    api(0, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 51: AlterUserScramCredentials
    api(0, 0, schema::UNREAD, schema::THROTTLE_FIRST),
    // 52: Vote
    api(2, 0, schema::UNREAD, schema::ERROR_FIRST),
    // 53: BeginQuorumEpoch
    api(1, 1, schema::UNREAD, schema::ERROR_FIRST),
    // 54: EndQuorumEpoch
    api(1, 1, schema::UNREAD, schema::ERROR_FIRST),
    // 55: DescribeQuorum
    api(2, 0, schema::UNREAD, schema::ERROR_FIRST),
    // 56: AlterPartition
    api(3, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 57: UpdateFeatures
    api(2, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 58: Envelope
    api(0, 0, schema::UNREAD, schema::UNREAD),
    // 59: FetchSnapshot
    api(1, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 60: DescribeCluster
    api(2, 0, schema::DESCRIBE_CLUSTER_REQUEST, schema::DESCRIBE_CLUSTER_RESPONSE),
    // 61: DescribeProducers
    api(0, 0, schema::UNREAD, schema::THROTTLE_FIRST),
    // 62: BrokerRegistration
    api(4, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 63: BrokerHeartbeat
    api(2, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 64: UnregisterBroker
    api(0, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 65: DescribeTransactions
    api(0, 0, schema::UNREAD, schema::THROTTLE_FIRST),
    // 66: ListTransactions
    api(2, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 67: AllocateProducerIds
    api(0, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 68: ConsumerGroupHeartbeat
    api(1, 0, schema::CONSUMER_GROUP_HEARTBEAT_REQUEST, schema::CONSUMER_GROUP_HEARTBEAT_RESPONSE),
    // 69: ConsumerGroupDescribe
    api(1, 0, schema::GROUPS_FIRST, schema::THROTTLE_FIRST),
    // 70: ControllerRegistration
    api(0, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 71: GetTelemetrySubscriptions
    api(0, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 72: PushTelemetry
    api(0, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 73: AssignReplicasToDirs
    api(0, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 74: ListConfigResources
    api(1, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 75: DescribeTopicPartitions
    api(0, 0, schema::DESCRIBE_TOPIC_PARTITIONS_REQUEST, schema::DESCRIBE_TOPIC_PARTITIONS_RESPONSE),
    // 76: ShareGroupHeartbeat
    api(1, 0, schema::GROUP_FIRST, schema::THROTTLE_THEN_ERROR),
    // 77: ShareGroupDescribe
    api(1, 0, schema::GROUPS_FIRST, schema::THROTTLE_FIRST),
    // 78: ShareFetch
    api(2, 0, schema::SHARE_FETCH_REQUEST, schema::SHARE_FETCH_RESPONSE),
    // 79: ShareAcknowledge
    api(2, 0, schema::SHARE_ACKNOWLEDGE_REQUEST, schema::SHARE_ACKNOWLEDGE_RESPONSE),
    // 80: AddRaftVoter
    api(1, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 81: RemoveRaftVoter
    api(0, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 82: UpdateRaftVoter
    api(0, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
    // 83: InitializeShareGroupState
    api(0, 0, schema::GROUP_FIRST, schema::UNREAD),
    // 84: ReadShareGroupState
    api(0, 0, schema::GROUP_FIRST, schema::UNREAD),
    // 85: WriteShareGroupState
    api(1, 0, schema::GROUP_FIRST, schema::UNREAD),
    // 86: DeleteShareGroupState
    api(0, 0, schema::GROUP_FIRST, schema::UNREAD),
    // 87: ReadShareGroupStateSummary
    api(1, 0, schema::GROUP_FIRST, schema::UNREAD),
    // 88: StreamsGroupHeartbeat
    api(1, 0, schema::GROUP_FIRST, schema::THROTTLE_THEN_ERROR),
    // 89: StreamsGroupDescribe
    api(1, 0, schema::GROUPS_FIRST, schema::THROTTLE_FIRST),
    // 90: DescribeShareGroupOffsets
    api(1, 0, schema::UNREAD, schema::THROTTLE_FIRST),
    // 91: AlterShareGroupOffsets
    api(0, 0, schema::GROUP_FIRST, schema::THROTTLE_THEN_ERROR),
    // 92: DeleteShareGroupOffsets
    api(0, 0, schema::GROUP_FIRST, schema::THROTTLE_THEN_ERROR),
    // 93: StreamsGroupTopologyDescriptionUpdate
    api(0, 0, schema::GROUP_FIRST, schema::THROTTLE_THEN_ERROR),
    // 94: UnregisterController
    api(0, 0, schema::UNREAD, schema::THROTTLE_THEN_ERROR),
];
