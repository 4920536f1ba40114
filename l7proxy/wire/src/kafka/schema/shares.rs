//! The messages by which the members of share groups read (KIP-932). Their versions 0 were never stable: of these, what stands in
//! front is read.

use super::{
    BOOLEAN, BYTES, ERROR, Field, GROUP, INDEX, INT8, INT16, INT32, INT64, PARTITION_ERROR, RECORDS, REST, Slot, TEXT,
    THROTTLE, TOPIC_ID, UUID, array, bare, structure,
};

/// Batches of records, from their first offset to their last, and what became of each record: bytes in an array, which is written
/// like bytes without one.
const ACKNOWLEDGED: Field = array(&[INT64, INT64, BYTES]);

/// The leader of a partition, and its epoch.
const LEADER: Field = structure(&[INT32, INT32]);

/// Where leaders are that a partition names: number, host, port, rack.
const ENDPOINTS: Field = array(&[INT32, TEXT, INT32, TEXT]);

pub(in crate::kafka) static SHARE_FETCH_REQUEST: &[Field] = &[
    GROUP,
    REST.until(0),
    // member, session epoch
    TEXT,
    INT32,
    INT32.to(Slot::MaxWait),
    INT32.to(Slot::MinBytes),
    // most bytes, most records, records of a batch, how records are acquired, whether any are held for longer
    INT32,
    INT32,
    INT32,
    INT8.since(2),
    BOOLEAN.since(2),
    array(&[TOPIC_ID, array(&[INDEX, ACKNOWLEDGED]).partitions()]),
    // partitions that the session forgets
    array(&[UUID, bare(&[INT32])]),
];

/// What was acknowledged with the request has an error of its own in each partition, whatever the partition gives.
pub(in crate::kafka) static SHARE_FETCH_RESPONSE: &[Field] = &[
    THROTTLE,
    ERROR,
    REST.until(0),
    // what the error says, time until records are given to others
    TEXT,
    INT32,
    array(&[
        TOPIC_ID,
        array(&[
            INDEX,
            PARTITION_ERROR,
            TEXT,
            ERROR,
            TEXT,
            LEADER,
            RECORDS,
            // and how often these were given to somebody
            array(&[INT64.to(Slot::GivenFrom), INT64.to(Slot::GivenTo), INT16]),
        ])
        .partitions(),
    ]),
    ENDPOINTS,
];

pub(in crate::kafka) static SHARE_ACKNOWLEDGE_REQUEST: &[Field] = &[
    GROUP,
    REST.until(0),
    // member, session epoch, whether records are to be held for longer
    TEXT,
    INT32,
    BOOLEAN.since(2),
    array(&[TOPIC_ID, array(&[INDEX, ACKNOWLEDGED]).partitions()]),
];

pub(in crate::kafka) static SHARE_ACKNOWLEDGE_RESPONSE: &[Field] = &[
    THROTTLE,
    ERROR,
    REST.until(0),
    // what the error says, time until records are given to others
    TEXT,
    INT32.since(2),
    array(&[TOPIC_ID, array(&[INDEX, PARTITION_ERROR, TEXT, LEADER]).partitions()]),
    ENDPOINTS,
];
