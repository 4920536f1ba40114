//! The messages of transactions.

use super::{
    BOOLEAN, ERROR, Field, GROUP, INDEX, INT16, INT32, INT64, OFFSET, PARTITION_ERROR, PRODUCER_EPOCH, PRODUCER_ID,
    Slot, TEXT, THROTTLE, TOPIC, TOPIC_ID, TRANSACTIONAL_ID, array, bare,
};

pub(in crate::kafka) static INIT_PRODUCER_ID_REQUEST: &[Field] = &[
    TRANSACTIONAL_ID,
    INT32.to(Slot::TransactionTimeout),
    // producer and its epoch, two phases
    INT64.since(3),
    INT16.since(3),
    BOOLEAN.since(6),
    BOOLEAN.since(6),
];

pub(in crate::kafka) static INIT_PRODUCER_ID_RESPONSE: &[Field] =
    &[THROTTLE, ERROR, INT64, INT16, INT64.since(6), INT16.since(6)];

pub(in crate::kafka) static ADD_PARTITIONS_TO_TXN_REQUEST: &[Field] = &[
    array(&[
        // transaction, producer and its epoch, whether to verify only
        TEXT,
        INT64,
        INT16,
        BOOLEAN,
        array(&[TOPIC, bare(&[INDEX]).partitions()]),
    ])
    .since(4),
    TEXT.until(3),
    INT64.until(3),
    INT16.until(3),
    array(&[TOPIC, bare(&[INDEX]).partitions()]).until(3),
];

pub(in crate::kafka) static ADD_PARTITIONS_TO_TXN_RESPONSE: &[Field] = &[
    THROTTLE,
    ERROR.since(4),
    array(&[TEXT, array(&[TOPIC, array(&[INDEX, PARTITION_ERROR]).partitions()])]).since(4),
    array(&[TOPIC, array(&[INDEX, PARTITION_ERROR]).partitions()]).until(3),
];

pub(in crate::kafka) static ADD_OFFSETS_TO_TXN_REQUEST: &[Field] = &[TEXT, INT64, INT16, GROUP];

pub(in crate::kafka) static ADD_OFFSETS_TO_TXN_RESPONSE: &[Field] = &[THROTTLE, ERROR];

pub(in crate::kafka) static END_TXN_REQUEST: &[Field] =
    &[TRANSACTIONAL_ID, PRODUCER_ID, PRODUCER_EPOCH, BOOLEAN.to(Slot::Commits)];

pub(in crate::kafka) static END_TXN_RESPONSE: &[Field] = &[THROTTLE, ERROR, INT64.since(5), INT16.since(5)];

pub(in crate::kafka) static TXN_OFFSET_COMMIT_REQUEST: &[Field] = &[
    TRANSACTIONAL_ID,
    GROUP,
    PRODUCER_ID,
    PRODUCER_EPOCH,
    // generation, member and its instance
    INT32.since(3),
    TEXT.since(3),
    TEXT.since(3),
    array(&[
        TOPIC.until(5),
        TOPIC_ID.since(6),
        // leader epoch and metadata are behind
        array(&[INDEX, OFFSET, INT32.since(2), TEXT]).partitions(),
    ]),
];

pub(in crate::kafka) static TXN_OFFSET_COMMIT_RESPONSE: &[Field] =
    &[THROTTLE, array(&[TOPIC.until(5), TOPIC_ID.since(6), array(&[INDEX, PARTITION_ERROR]).partitions()])];
