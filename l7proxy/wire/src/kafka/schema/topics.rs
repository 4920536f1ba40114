//! The messages about topics, and those that begin a connection.

use super::{
    BOOLEAN, BYTES, CLUSTER_ID, ERROR, Field, INDEX, INT8, INT16, INT32, INT64, OFFSET, PARTITION_ERROR, REST_OF_ERROR,
    TEXT, THROTTLE, TOPIC, TOPIC_ID, array, bare, optional,
};

pub(in crate::kafka) static METADATA_REQUEST: &[Field] = &[
    array(&[TOPIC_ID.since(10), TOPIC]),
    // whether to create topics; what the client may do with the cluster and with topics
    BOOLEAN.since(4),
    BOOLEAN.since(8).until(10),
    BOOLEAN.since(8),
];

pub(in crate::kafka) static METADATA_RESPONSE: &[Field] = &[
    THROTTLE.since(3),
    // node, host, port, rack of a broker
    array(&[INT32, TEXT, INT32, TEXT.since(1)]),
    CLUSTER_ID.since(2),
    // controller
    INT32.since(1),
    array(&[
        ERROR,
        TOPIC,
        TOPIC_ID.since(10),
        BOOLEAN.since(1),
        // error, number, leader and its epoch, replicas: all, in sync, offline
        array(&[ERROR, INT32, INT32, INT32.since(7), bare(&[INT32]), bare(&[INT32]), bare(&[INT32]).since(5)]),
        INT32.since(8),
    ]),
    INT32.since(8).until(10),
    ERROR.since(13),
];

pub(in crate::kafka) static CREATE_TOPICS_REQUEST: &[Field] = &[
    array(&[
        TOPIC,
        // partitions, replicas, their places, settings
        INT32,
        INT16,
        array(&[INT32, bare(&[INT32])]),
        array(&[TEXT, TEXT]),
    ]),
    // timeout, whether to try only
    INT32,
    BOOLEAN.since(1),
];

pub(in crate::kafka) static CREATE_TOPICS_RESPONSE: &[Field] = &[
    THROTTLE.since(2),
    array(&[
        TOPIC,
        TOPIC_ID.since(7),
        ERROR,
        // message, partitions, replicas, settings
        TEXT.since(1),
        INT32.since(5),
        INT16.since(5),
        array(&[TEXT, TEXT, BOOLEAN, INT8, BOOLEAN]).since(5),
    ]),
];

pub(in crate::kafka) static DELETE_TOPICS_REQUEST: &[Field] =
    &[array(&[TOPIC, TOPIC_ID]).since(6), bare(&[TOPIC]).until(5), INT32];

pub(in crate::kafka) static DELETE_TOPICS_RESPONSE: &[Field] =
    &[THROTTLE.since(1), array(&[TOPIC, TOPIC_ID.since(6), ERROR, TEXT.since(5)])];

pub(in crate::kafka) static DESCRIBE_CLUSTER_REQUEST: &[Field] = &[
    // whether to tell what the client may do; the kind of servers, whether to tell those that are fenced off
    BOOLEAN,
    INT8.since(1),
    BOOLEAN.since(2),
];

pub(in crate::kafka) static DESCRIBE_CLUSTER_RESPONSE: &[Field] = &[
    THROTTLE,
    ERROR,
    // message, the kind of servers
    TEXT,
    INT8.since(1),
    CLUSTER_ID,
    // controller; node, host, port, rack of a broker, whether it is fenced off; what the client may do
    INT32,
    array(&[INT32, TEXT, INT32, TEXT, BOOLEAN.since(2)]),
    INT32,
];

pub(in crate::kafka) static DESCRIBE_TOPIC_PARTITIONS_REQUEST: &[Field] =
    &[array(&[TOPIC]), INT32, optional(&[TEXT, INT32])];

pub(in crate::kafka) static DESCRIBE_TOPIC_PARTITIONS_RESPONSE: &[Field] = &[
    THROTTLE,
    array(&[
        ERROR,
        TOPIC,
        TOPIC_ID,
        BOOLEAN,
        // error and number; leader and its epoch; replicas: all, in sync, eligible, last known, offline
        array(&[
            PARTITION_ERROR,
            INDEX,
            INT32,
            INT32,
            bare(&[INT32]),
            bare(&[INT32]),
            bare(&[INT32]),
            bare(&[INT32]),
            bare(&[INT32]),
        ]),
        INT32,
    ]),
    optional(&[TEXT, INT32]),
];

pub(in crate::kafka) static API_VERSIONS_REQUEST: &[Field] = &[
    // the client's software and its version, and whom it means to ask: cluster and broker
    TEXT.since(3),
    TEXT.since(3),
    TEXT.since(5),
    INT32.since(5),
];

/// A broker that doesn't know the version asked for answers in version 0, with an error (KIP-511).
pub(in crate::kafka) static API_VERSIONS_RESPONSE: &[Field] =
    &[ERROR, REST_OF_ERROR, array(&[INT16, INT16, INT16]), THROTTLE.since(1)];

pub(in crate::kafka) static SASL_HANDSHAKE_REQUEST: &[Field] = &[TEXT];

pub(in crate::kafka) static SASL_HANDSHAKE_RESPONSE: &[Field] = &[ERROR, bare(&[TEXT])];

pub(in crate::kafka) static SASL_AUTHENTICATE_REQUEST: &[Field] = &[BYTES];

pub(in crate::kafka) static SASL_AUTHENTICATE_RESPONSE: &[Field] = &[ERROR, TEXT, BYTES, INT64.since(1)];

pub(in crate::kafka) static CREATE_PARTITIONS_REQUEST: &[Field] =
    &[array(&[TOPIC, INT32, array(&[bare(&[INT32])])]), INT32, BOOLEAN];

pub(in crate::kafka) static CREATE_PARTITIONS_RESPONSE: &[Field] = &[THROTTLE, array(&[TOPIC, ERROR, TEXT])];

pub(in crate::kafka) static DELETE_RECORDS_REQUEST: &[Field] =
    &[array(&[TOPIC, array(&[INDEX, OFFSET]).partitions()]), INT32];

pub(in crate::kafka) static DELETE_RECORDS_RESPONSE: &[Field] =
    &[THROTTLE, array(&[TOPIC, array(&[INDEX, INT64, PARTITION_ERROR]).partitions()])];

/// What is altered: an error and its message, the kind of thing and its name.
pub(in crate::kafka) static ALTER_CONFIGS_RESPONSE: &[Field] = &[THROTTLE, array(&[ERROR, TEXT, INT8, TEXT])];

pub(in crate::kafka) static CREATE_ACLS_RESPONSE: &[Field] = &[THROTTLE, array(&[ERROR, TEXT])];
