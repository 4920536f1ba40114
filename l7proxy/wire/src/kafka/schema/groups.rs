//! The messages of consumer groups, and of their offsets.

use super::{
    BOOLEAN, BYTES, ERROR, Field, GROUP, GROUP_ERROR, INDEX, INT8, INT32, INT64, OFFSET, PARTITION_ERROR, REST, Slot,
    TEXT, THROTTLE, TOPIC, TOPIC_ID, UUID, array, bare, optional,
};

/// A request that begins with a group.
pub(in crate::kafka) static GROUP_FIRST: &[Field] = &[GROUP, REST];

/// A request that begins with groups.
pub(in crate::kafka) static GROUPS_FIRST: &[Field] = &[bare(&[GROUP]), REST];

pub(in crate::kafka) static OFFSET_COMMIT_REQUEST: &[Field] = &[
    GROUP,
    // generation, member, its instance, retention
    INT32.since(1),
    TEXT.since(1),
    TEXT.since(7),
    INT64.since(2).until(4),
    array(&[
        TOPIC.until(9),
        TOPIC_ID.since(10),
        array(&[
            INDEX,
            OFFSET,
            // leader epoch, time, metadata
            INT32.since(6),
            INT64.since(1).until(1),
            TEXT,
        ])
        .partitions(),
    ]),
];

pub(in crate::kafka) static OFFSET_COMMIT_RESPONSE: &[Field] =
    &[THROTTLE.since(3), array(&[TOPIC.until(9), TOPIC_ID.since(10), array(&[INDEX, PARTITION_ERROR]).partitions()])];

pub(in crate::kafka) static OFFSET_FETCH_REQUEST: &[Field] = &[
    GROUP.until(7),
    array(&[TOPIC, bare(&[INDEX]).partitions()]).until(7),
    array(&[
        GROUP,
        // member and its epoch
        TEXT.since(9),
        INT32.since(9),
        array(&[TOPIC.until(9), TOPIC_ID.since(10), bare(&[INDEX]).partitions()]),
    ])
    .since(8),
    // whether offsets have to be stable
    BOOLEAN.since(7),
];

pub(in crate::kafka) static OFFSET_FETCH_RESPONSE: &[Field] = &[
    THROTTLE.since(3),
    array(&[
        TOPIC,
        // leader epoch and metadata are between
        array(&[INDEX, OFFSET, INT32.since(5), TEXT, PARTITION_ERROR]).partitions(),
    ])
    .until(7),
    ERROR.since(2).until(7),
    array(&[
        GROUP,
        array(&[
            TOPIC.until(9),
            TOPIC_ID.since(10),
            array(&[INDEX, OFFSET, INT32, TEXT, PARTITION_ERROR]).partitions(),
        ]),
        ERROR,
    ])
    .since(8),
];

/// The keys are groups unless the kind says otherwise, which stands behind them in the older versions.
pub(in crate::kafka) static FIND_COORDINATOR_REQUEST: &[Field] =
    &[GROUP.until(3), INT8.to(Slot::CoordinatorKind).since(1), bare(&[GROUP]).since(4)];

pub(in crate::kafka) static FIND_COORDINATOR_RESPONSE: &[Field] = &[
    THROTTLE.since(1),
    ERROR.until(3),
    // message, node, host, port
    TEXT.since(1).until(3),
    INT32.until(3),
    TEXT.until(3),
    INT32.until(3),
    // key, node, host, port, and the message behind the error
    array(&[TEXT, INT32, TEXT, INT32, ERROR, TEXT]).since(4),
];

pub(in crate::kafka) static JOIN_GROUP_REQUEST: &[Field] = &[
    GROUP,
    // timeouts of the session and of a rebalance, member, its instance, kind of protocol
    INT32,
    INT32.since(1),
    TEXT,
    TEXT.since(5),
    TEXT,
    array(&[TEXT, BYTES]),
    // reason
    TEXT.since(8),
];

pub(in crate::kafka) static JOIN_GROUP_RESPONSE: &[Field] = &[
    THROTTLE.since(2),
    ERROR,
    // generation, kind of protocol, protocol, leader, whether to skip assignment, member
    INT32,
    TEXT.since(7),
    TEXT,
    TEXT,
    BOOLEAN.since(9),
    TEXT,
    array(&[TEXT, TEXT.since(5), BYTES]),
];

pub(in crate::kafka) static HEARTBEAT_REQUEST: &[Field] = &[GROUP, INT32, TEXT, TEXT.since(3)];

pub(in crate::kafka) static HEARTBEAT_RESPONSE: &[Field] = &[THROTTLE.since(1), ERROR];

pub(in crate::kafka) static LEAVE_GROUP_REQUEST: &[Field] =
    &[GROUP, TEXT.until(2), array(&[TEXT, TEXT, TEXT.since(5)]).since(3)];

pub(in crate::kafka) static LEAVE_GROUP_RESPONSE: &[Field] =
    &[THROTTLE.since(1), ERROR, array(&[TEXT, TEXT, ERROR]).since(3)];

pub(in crate::kafka) static SYNC_GROUP_REQUEST: &[Field] = &[
    GROUP,
    // generation, member, its instance, kind of protocol, protocol
    INT32,
    TEXT,
    TEXT.since(3),
    TEXT.since(5),
    TEXT.since(5),
    array(&[TEXT, BYTES]),
];

pub(in crate::kafka) static SYNC_GROUP_RESPONSE: &[Field] =
    &[THROTTLE.since(1), ERROR, TEXT.since(5), TEXT.since(5), BYTES];

pub(in crate::kafka) static DESCRIBE_GROUPS_REQUEST: &[Field] = &[bare(&[GROUP]), BOOLEAN.since(3)];

pub(in crate::kafka) static DESCRIBE_GROUPS_RESPONSE: &[Field] = &[
    THROTTLE.since(1),
    array(&[
        ERROR,
        // message; id, state, kind and data of the protocol
        TEXT.since(6),
        TEXT,
        TEXT,
        TEXT,
        TEXT,
        // id and instance of a member, its client and host, its metadata and assignment
        array(&[TEXT, TEXT.since(4), TEXT, TEXT, BYTES, BYTES]),
        // what the client may do
        INT32.since(3),
    ]),
];

pub(in crate::kafka) static CONSUMER_GROUP_HEARTBEAT_REQUEST: &[Field] = &[
    GROUP,
    // member, its epoch, its instance, rack, timeout of a rebalance
    TEXT,
    INT32,
    TEXT,
    TEXT,
    INT32,
    // topics subscribed to, by name and by pattern; assignor
    bare(&[TEXT]),
    TEXT.since(1),
    TEXT,
    array(&[UUID, bare(&[INT32])]),
];

pub(in crate::kafka) static CONSUMER_GROUP_HEARTBEAT_RESPONSE: &[Field] = &[
    THROTTLE,
    ERROR,
    // message, member, its epoch, interval, assignment
    TEXT,
    TEXT,
    INT32,
    INT32,
    optional(&[array(&[UUID, bare(&[INT32])])]),
];

pub(in crate::kafka) static DELETE_GROUPS_REQUEST: &[Field] = &[bare(&[GROUP])];

pub(in crate::kafka) static DELETE_GROUPS_RESPONSE: &[Field] = &[THROTTLE, array(&[GROUP, GROUP_ERROR, TEXT.since(3)])];

pub(in crate::kafka) static OFFSET_DELETE_REQUEST: &[Field] = &[GROUP, array(&[TOPIC, array(&[INDEX]).partitions()])];

pub(in crate::kafka) static OFFSET_DELETE_RESPONSE: &[Field] =
    &[ERROR, THROTTLE, array(&[TOPIC, array(&[INDEX, PARTITION_ERROR]).partitions()])];
