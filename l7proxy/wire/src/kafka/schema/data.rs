//! The messages that carry records, and those that ask where they are.

use super::{
    ERROR, Field, INDEX, INT8, INT16, INT32, INT64, OFFSET, PARTITION_ERROR, RECORDS, Slot, TEXT, THROTTLE, TOPIC,
    TOPIC_ID, UUID, array, bare, tagged,
};

pub(in crate::kafka) static PRODUCE_REQUEST: &[Field] = &[
    // transactional id
    TEXT.since(3),
    INT16.to(Slot::Acks),
    // timeout
    INT32,
    array(&[TOPIC.until(12), TOPIC_ID.since(13), array(&[INDEX, RECORDS]).partitions()]),
];

pub(in crate::kafka) static PRODUCE_RESPONSE: &[Field] = &[
    array(&[
        TOPIC.until(12),
        TOPIC_ID.since(13),
        array(&[
            INDEX,
            PARTITION_ERROR,
            // time of appending and start of the log are behind the offset
            OFFSET,
            INT64.since(2),
            INT64.since(5),
            // errors of single batches
            array(&[INT32, TEXT]).since(8),
            TEXT.since(8),
        ])
        .partitions(),
    ]),
    THROTTLE.since(1),
];

pub(in crate::kafka) static FETCH_REQUEST: &[Field] = &[
    INT32.to(Slot::Replica).until(14),
    INT32.to(Slot::MaxWait),
    INT32.to(Slot::MinBytes),
    // most bytes, isolation level, session and its epoch
    INT32.since(3),
    INT8.since(4),
    INT32.since(7),
    INT32.since(7),
    array(&[
        TOPIC.until(12),
        TOPIC_ID.since(13),
        array(&[
            INDEX,
            // leader epoch
            INT32.since(9),
            OFFSET,
            // epoch of the last record, start of the log, most bytes
            INT32.since(12),
            INT64.since(5),
            INT32,
        ])
        .partitions(),
    ]),
    // topics and partitions that the session forgets
    array(&[TEXT.until(12), UUID.since(13), bare(&[INT32])]).since(7),
    // rack
    TEXT.since(11),
    tagged(1, Slot::Replica).since(15),
];

pub(in crate::kafka) static FETCH_RESPONSE: &[Field] = &[
    THROTTLE.since(1),
    ERROR.since(7),
    // session
    INT32.since(7),
    array(&[
        TOPIC.until(12),
        TOPIC_ID.since(13),
        array(&[
            INDEX,
            PARTITION_ERROR,
            INT64.to(Slot::HighWatermark),
            // last stable offset, start of the log, aborted transactions
            INT64.since(4),
            INT64.since(5),
            array(&[INT64, INT64]).since(4),
            // preferred replica
            INT32.since(11),
            RECORDS,
        ])
        .partitions(),
    ]),
];

pub(in crate::kafka) static LIST_OFFSETS_REQUEST: &[Field] = &[
    // replica, isolation level
    INT32,
    INT8.since(2),
    array(&[
        TOPIC,
        array(&[
            INDEX,
            // leader epoch, and most offsets behind the time
            INT32.since(4),
            INT64.to(Slot::Timestamp),
            INT32.until(0),
        ])
        .partitions(),
    ]),
    // timeout
    INT32.since(10),
];

pub(in crate::kafka) static LIST_OFFSETS_RESPONSE: &[Field] = &[
    THROTTLE.since(2),
    array(&[
        TOPIC,
        array(&[
            INDEX,
            PARTITION_ERROR,
            // several offsets, time
            bare(&[INT64]).until(0),
            INT64.since(1),
            OFFSET.since(1),
            // leader epoch
            INT32.since(4),
        ])
        .partitions(),
    ]),
];
