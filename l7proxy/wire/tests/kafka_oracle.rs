//! Another implementation of the protocol reads the same in bodies that were made up at random, of every kind whose
//! details are told and of every version that both know. What it has to read in them is taken from the structures that it
//! makes, so a field too many, too few or in the wrong place shows.

#[path = "support/kafka_bytes.rs"]
mod kafka_bytes;
#[path = "support/kafka_kinds.rs"]
mod kafka_kinds;
#[path = "support/kafka_side.rs"]
mod kafka_side;
#[path = "support/kafka_told.rs"]
mod kafka_told;

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use flowfold_wire::kafka::body_of;
use kafka_bytes::Choices;
use kafka_kinds::kinds;
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::{Encodable, StrBytes};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, Record, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};
use kafka_side::{Asked, Side};
use kafka_told::{request_told, response_told};
use proptest::prelude::*;

/// The kinds whose bodies are read to their end.
const READ: [ApiKey; 31] = [
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::SyncGroup,
    ApiKey::DescribeGroups,
    ApiKey::SaslHandshake,
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::InitProducerId,
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddOffsetsToTxn,
    ApiKey::EndTxn,
    ApiKey::TxnOffsetCommit,
    ApiKey::SaslAuthenticate,
    ApiKey::ConsumerGroupHeartbeat,
    ApiKey::DescribeCluster,
    ApiKey::DescribeTopicPartitions,
    ApiKey::CreatePartitions,
    ApiKey::DeleteRecords,
    ApiKey::OffsetDelete,
    ApiKey::DeleteGroups,
    ApiKey::ShareFetch,
    ApiKey::ShareAcknowledge,
];

/// Batches of format 2 as a producer makes them, each with some records.
fn records(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut out = BytesMut::new();
    for _ in 0..choices.below(3) {
        let count = i32::try_from(choices.below(5)).expect("few");
        let records: Vec<Record> = (0..=count)
            .map(|at| Record {
                transactional: false,
                control: false,
                delete_horizon: false,
                partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
                producer_id: NO_PRODUCER_ID,
                producer_epoch: NO_PRODUCER_EPOCH,
                timestamp_type: TimestampType::Creation,
                offset: i64::from(at),
                sequence: NO_SEQUENCE + at + 1,
                timestamp: 1_700_000_000_000,
                key: None,
                value: Some(Bytes::from_static(b"a value")),
                headers: [].into_iter().collect(),
            })
            .collect();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        RecordBatchEncoder::encode(&mut out, &records, &options).expect("valid records");
    }
    out.to_vec()
}

/// A message with its length in front.
fn framed(header: &[u8], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(header.len() + body.len()).expect("short");
    [&length.to_be_bytes()[..], header, body].concat()
}

fn request(api: ApiKey, version: i16, body: &[u8]) -> Vec<u8> {
    let header = RequestHeader::default()
        .with_request_api_key(api as i16)
        .with_request_api_version(version)
        .with_correlation_id(7)
        .with_client_id(Some(StrBytes::from_static_str("rdkafka")));
    let mut out = BytesMut::new();
    header.encode(&mut out, api.request_header_version(version)).expect("valid header");
    framed(&out, body)
}

fn response(api: ApiKey, version: i16, body: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let header = ResponseHeader::default().with_correlation_id(7);
    header.encode(&mut out, api.response_header_version(version)).expect("valid header");
    framed(&out, body)
}

fn asked(api: ApiKey, version: i16) -> Asked {
    BTreeMap::from([(7, (api as i16, version))])
}

/// What is said behind the head of a message.
fn said(side: &Side) -> &[String] {
    assert_eq!(side.error, None);
    assert_eq!(side.events.last().map(String::as_str), Some("closed: Clean"));
    &side.events[1..side.events.len() - 1]
}

/// A piece after the other, of these lengths over and over.
fn pieces<'a>(mut stream: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if stream.is_empty() {
            break;
        }
        let (piece, rest) = stream.split_at((*length).min(stream.len()));
        pieces.push(piece);
        stream = rest;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn requests_are_read_alike(
        choices in prop::collection::vec(any::<u8>(), 0..600),
        lengths in prop::collection::vec(1_usize..40, 1..8),
    ) {
        for api in READ {
            let mut versions = 0;
            for version in api.valid_versions().min..=api.valid_versions().max {
                let made = (api as i16, version, true);
                let body = kafka_bytes::body(made, &mut Choices(&choices), &records).expect("known");
                let mut left = Bytes::from(body.clone());
                let Ok(decoded) = RequestKind::decode(api, &mut left, version) else {
                    // Its requests end a version before its responses.
                    let ahead = matches!(api, ApiKey::OffsetCommit | ApiKey::OffsetFetch | ApiKey::InitProducerId);
                    prop_assert!(ahead && version == api.valid_versions().max, "{api:?} {version}: {body:?}");
                    continue;
                };
                prop_assert!(left.is_empty(), "{api:?} {version}: {} bytes are left over", left.len());
                let told = request_told(&decoded, version, "rdkafka");
                let stream = request(api, version, &body);
                let side = Side::client().reads_all([&stream[..]]);
                prop_assert_eq!(said(&side), told, "{:?} {}", api, version);
                let cut = Side::client().reads_all(pieces(&stream, &lengths));
                prop_assert_eq!((&cut.events, cut.totals), (&side.events, side.totals));
                versions += 1;
            }
            prop_assert!(versions > 0, "{api:?}");
        }
    }

    #[test]
    fn responses_are_read_alike(
        choices in prop::collection::vec(any::<u8>(), 0..600),
        lengths in prop::collection::vec(1_usize..40, 1..8),
    ) {
        for api in READ {
            for version in api.valid_versions().min..=api.valid_versions().max {
                let made = (api as i16, version, false);
                let mut body = kafka_bytes::body(made, &mut Choices(&choices), &records).expect("known");
                if api == ApiKey::ApiVersions {
                    // With an error it is one of version 0.
                    body[..2].fill(0);
                }
                let mut left = Bytes::from(body.clone());
                let decoded = ResponseKind::decode(api, &mut left, version);
                let decoded = decoded.map_err(|error| TestCaseError::fail(format!("{api:?} {version}: {error}")))?;
                prop_assert!(left.is_empty(), "{api:?} {version}: {} bytes are left over", left.len());
                let told = response_told(&decoded, version);
                let stream = response(api, version, &body);
                let side = Side::server(asked(api, version)).reads_all([&stream[..]]);
                prop_assert_eq!(said(&side), told, "{:?} {}", api, version);
                let cut = Side::server(asked(api, version)).reads_all(pieces(&stream, &lengths));
                prop_assert_eq!((&cut.events, cut.totals), (&side.events, side.totals));
            }
        }
    }
}

/// What another implementation writes is understood to its end, whatever the kind: with all that may be absent absent.
#[test]
fn every_kind_and_version_is_framed_and_understood() {
    let mut seen = 0;
    for (api, request_kind, response_kind) in kinds() {
        let key = api as i16;
        for version in api.valid_versions().min..=api.valid_versions().max {
            assert!(body_of(key, version, true).is_some(), "{api:?} {version}");
            let mut body = BytesMut::new();
            if request_kind.encode(&mut body, version).is_ok() {
                seen += understood(Side::client(), &request(api, version, &body), (api, version));
            }
            let mut body = BytesMut::new();
            if response_kind.encode(&mut body, version).is_ok() {
                let side = Side::server(asked(api, version));
                seen += understood(side, &response(api, version, &body), (api, version));
            }
        }
        let unknown = api.valid_versions().max + 20;
        let side = Side::client().reads_all([&request(api, unknown, &[1, 2, 3])[..]]);
        assert!(side.events.iter().any(|event| event.contains("details: Skipped")), "{:?}", side.events);
    }
    assert!(seen > 380, "only {seen} messages");
}

/// Reads a message twice.
fn understood(side: Side, stream: &[u8], kind: (ApiKey, i16)) -> usize {
    let side = side.reads_all([stream, stream]);
    let ends = side.events.iter().filter(|event| event.contains("details: Read")).count();
    assert_eq!(
        (ends, side.events.last().map(String::as_str)),
        (2, Some("closed: Clean")),
        "{kind:?}: {:?}",
        side.events
    );
    1
}

/// The places of errors and of throttling in responses of which nothing else is read.
#[test]
fn errors_and_throttling_are_found_in_other_kinds() {
    let mut seen = 0;
    for (api, _, response_kind) in kinds().into_iter().filter(|(api, ..)| !READ.contains(api)) {
        for version in api.valid_versions().min..=api.valid_versions().max {
            let Some((kind, throttle, error)) = with_places(response_kind.clone(), version) else { continue };
            let mut body = BytesMut::new();
            kind.encode(&mut body, version).expect("all fields are those of all versions");
            let stream = response(api, version, &body);
            let side = Side::server(asked(api, version)).reads_all([&stream[..]]);
            let end = said(&side).last().expect("an end");
            let throttle = throttle.then_some(1_234);
            assert!(
                end.contains(&format!("error_code: {}", if error { 77 } else { 0 }))
                    && end.contains(&format!("throttle_ms: {throttle:?}")),
                "{api:?} {version}: {end}"
            );
            seen += 1;
        }
    }
    assert!(seen > 60, "only {seen} responses");
}

/// Sets the fields that there are: whether throttling, and whether an error.
fn with_places(kind: ResponseKind, version: i16) -> Option<(ResponseKind, bool, bool)> {
    macro_rules! set {
        ($kind:ident, $response:ident, throttle $throttle:expr, error $error:expr) => {{
            let mut response = $response;
            if $throttle {
                response.throttle_time_ms = 1_234;
            }
            if $error {
                response.error_code = 77;
            }
            (ResponseKind::$kind(response), $throttle, $error)
        }};
        ($kind:ident, $response:ident, throttle) => {{
            let mut response = $response;
            response.throttle_time_ms = 1_234;
            (ResponseKind::$kind(response), true, false)
        }};
        ($kind:ident, $response:ident, error) => {{
            let mut response = $response;
            response.error_code = 77;
            (ResponseKind::$kind(response), false, true)
        }};
    }
    Some(match kind {
        ResponseKind::ListGroups(response) => set!(ListGroups, response, throttle version >= 1, error true),
        ResponseKind::OffsetForLeaderEpoch(response) => set!(OffsetForLeaderEpoch, response, throttle),
        ResponseKind::DescribeAcls(response) => set!(DescribeAcls, response, throttle true, error true),
        ResponseKind::DeleteAcls(response) => set!(DeleteAcls, response, throttle),
        ResponseKind::DescribeConfigs(response) => set!(DescribeConfigs, response, throttle),
        ResponseKind::DescribeLogDirs(response) => {
            set!(DescribeLogDirs, response, throttle true, error version >= 3)
        }
        ResponseKind::AlterReplicaLogDirs(response) => set!(AlterReplicaLogDirs, response, throttle),
        ResponseKind::CreateDelegationToken(response) => set!(CreateDelegationToken, response, error),
        ResponseKind::RenewDelegationToken(response) => set!(RenewDelegationToken, response, error),
        ResponseKind::ExpireDelegationToken(response) => set!(ExpireDelegationToken, response, error),
        ResponseKind::DescribeDelegationToken(response) => set!(DescribeDelegationToken, response, error),
        ResponseKind::ElectLeaders(response) => set!(ElectLeaders, response, throttle true, error version >= 1),
        ResponseKind::AlterPartitionReassignments(response) => {
            set!(AlterPartitionReassignments, response, throttle true, error true)
        }
        ResponseKind::ListPartitionReassignments(response) => {
            set!(ListPartitionReassignments, response, throttle true, error true)
        }
        ResponseKind::DescribeClientQuotas(response) => {
            set!(DescribeClientQuotas, response, throttle true, error true)
        }
        ResponseKind::AlterClientQuotas(response) => set!(AlterClientQuotas, response, throttle),
        ResponseKind::DescribeUserScramCredentials(response) => {
            set!(DescribeUserScramCredentials, response, throttle true, error true)
        }
        ResponseKind::AlterUserScramCredentials(response) => set!(AlterUserScramCredentials, response, throttle),
        ResponseKind::Vote(response) => set!(Vote, response, error),
        ResponseKind::BeginQuorumEpoch(response) => set!(BeginQuorumEpoch, response, error),
        ResponseKind::EndQuorumEpoch(response) => set!(EndQuorumEpoch, response, error),
        ResponseKind::DescribeQuorum(response) => set!(DescribeQuorum, response, error),
        ResponseKind::AlterPartition(response) => set!(AlterPartition, response, throttle true, error true),
        ResponseKind::UpdateFeatures(response) => set!(UpdateFeatures, response, throttle true, error true),
        ResponseKind::FetchSnapshot(response) => set!(FetchSnapshot, response, throttle true, error true),
        ResponseKind::DescribeProducers(response) => set!(DescribeProducers, response, throttle),
        ResponseKind::BrokerRegistration(response) => set!(BrokerRegistration, response, throttle true, error true),
        ResponseKind::BrokerHeartbeat(response) => set!(BrokerHeartbeat, response, throttle true, error true),
        ResponseKind::UnregisterBroker(response) => set!(UnregisterBroker, response, throttle true, error true),
        ResponseKind::DescribeTransactions(response) => set!(DescribeTransactions, response, throttle),
        ResponseKind::ListTransactions(response) => set!(ListTransactions, response, throttle true, error true),
        ResponseKind::AllocateProducerIds(response) => set!(AllocateProducerIds, response, throttle true, error true),
        ResponseKind::ConsumerGroupDescribe(response) => set!(ConsumerGroupDescribe, response, throttle),
        ResponseKind::ControllerRegistration(response) => {
            set!(ControllerRegistration, response, throttle true, error true)
        }
        ResponseKind::GetTelemetrySubscriptions(response) => {
            set!(GetTelemetrySubscriptions, response, throttle true, error true)
        }
        ResponseKind::PushTelemetry(response) => set!(PushTelemetry, response, throttle true, error true),
        ResponseKind::AssignReplicasToDirs(response) => {
            set!(AssignReplicasToDirs, response, throttle true, error true)
        }
        ResponseKind::ListConfigResources(response) => set!(ListConfigResources, response, throttle true, error true),
        ResponseKind::ShareGroupHeartbeat(response) => set!(ShareGroupHeartbeat, response, throttle true, error true),
        ResponseKind::ShareGroupDescribe(response) => set!(ShareGroupDescribe, response, throttle),
        ResponseKind::ShareFetch(response) => set!(ShareFetch, response, throttle true, error true),
        ResponseKind::ShareAcknowledge(response) => set!(ShareAcknowledge, response, throttle true, error true),
        ResponseKind::AddRaftVoter(response) => set!(AddRaftVoter, response, throttle true, error true),
        ResponseKind::RemoveRaftVoter(response) => set!(RemoveRaftVoter, response, throttle true, error true),
        ResponseKind::UpdateRaftVoter(response) => set!(UpdateRaftVoter, response, throttle true, error true),
        ResponseKind::DescribeShareGroupOffsets(response) => set!(DescribeShareGroupOffsets, response, throttle),
        ResponseKind::AlterShareGroupOffsets(response) => {
            set!(AlterShareGroupOffsets, response, throttle true, error true)
        }
        ResponseKind::DeleteShareGroupOffsets(response) => {
            set!(DeleteShareGroupOffsets, response, throttle true, error true)
        }
        _ => return None,
    })
}
