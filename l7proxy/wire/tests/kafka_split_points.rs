//! Messages of old versions and of odd shapes say what they should, however they are cut.

#[path = "support/kafka_messages.rs"]
mod kafka_messages;
#[path = "support/kafka_new_versions.rs"]
mod kafka_new_versions;
#[path = "support/kafka_side.rs"]
mod kafka_side;
#[path = "support/kafka_tokens.rs"]
mod kafka_tokens;

use kafka_messages::{
    array, batch, batch_at, entry, fetched, int, long, produce, request, response, short, sized, text,
};
use kafka_side::{Asked, Side};

struct Fixture {
    name: &'static str,
    /// What the stream answers; with nothing, it is the client's.
    answers: Asked,
    stream: Vec<u8>,
    /// A part of each event.
    expected: Vec<&'static str>,
}

fn of_client(name: &'static str, stream: Vec<u8>, expected: &[&'static str]) -> Fixture {
    Fixture { name, answers: Asked::new(), stream, expected: expected.to_vec() }
}

fn of_server(name: &'static str, asked: (i16, i16), stream: Vec<u8>, expected: &[&'static str]) -> Fixture {
    Fixture { name, answers: Asked::from([(7, asked)]), stream, expected: expected.to_vec() }
}

const CLIENT: &str = "ClientId(\"client\")";
const READ: &str = "details: Read";
const MALFORMED: &str = "details: Malformed";
const SKIPPED: &str = "details: Skipped";
const ORDERS: &str = "Topic(\"orders\")";
const CLEAN: &str = "closed: Clean";

fn produces() -> Vec<Fixture> {
    let entries = [entry(0, b"one"), entry(0, b"")].concat();
    let newer = [entry(1, b"three"), entry(1, b"four"), entry(1, &[b'x'; 300])].concat();
    let batches = [batch(0, 10, 100), batch(1, 500, 77), batch(0x20, 1, 20)].concat();
    let sizes = (entries.len(), newer.len(), batches.len());
    assert_eq!(sizes, (26 + 3 + 26, 3 * 34 + 5 + 4 + 300, 3 * 61 + 197));
    let produced = |records: &'static str| vec!["api_key: 0, api_version: 2", CLIENT, ORDERS, records, READ, CLEAN];
    vec![
        of_client("format 0", produce(1, 1, &entries), &produced("index: 3, error_code: 0, records: 2, bytes: 55")),
        of_client("format 1", produce(1, -1, &newer), &produced("records: 3, bytes: 411")),
        // Markers of transactions are no records.
        of_client("format 2", produce(1, 0, &batches), &produced("records: 510, bytes: 380")),
        of_client("no records", produce(1, 1, &[]), &produced("records: 0, bytes: 0")),
        of_client("negative count", produce(1, 1, &batch(0, -5, 10)), &produced("records: 0, bytes: 71")),
        of_client("no batch at all", produce(1, 1, b"whatever this is, it is no batch"), &produced("records: 0")),
        of_client(
            "a batch that is too short to be one",
            produce(1, 1, &[&long(0)[..], &int(10), &int(0), &[2], &[0; 60]].concat()),
            &produced("records: 0, bytes: 0"),
        ),
        of_client(
            "without acknowledgements",
            [produce(1, 0, &batch(0, 1, 9)), produce(2, 0, &batch(0, 2, 9))].concat(),
            &[
                "correlation_id: 1",
                CLIENT,
                ORDERS,
                "records: 1",
                "acks: Some(0)",
                "correlation_id: 2",
                CLIENT,
                ORDERS,
                "records: 2",
                "acks: Some(0)",
                CLEAN,
            ],
        ),
    ]
}

fn fetches() -> Vec<Fixture> {
    let whole = [batch(0, 10, 100), batch(0, 5, 50)].concat();
    let old = [entry(1, b"one"), entry(1, b"two")].concat();
    let at = [batch_at(100, 5), batch_at(105, 3), batch_at(108, 9)[..70].to_vec()].concat();
    let beyond = batch_at(i64::MAX, 5);
    let told = |records: &'static str, end: &'static str| vec!["correlation_id: 7", ORDERS, records, end, CLEAN];
    let (throttled, never) = ("throttle_ms: Some(7)", "throttle_ms: None");
    let first = 61 + 100;
    vec![
        of_server("a fetch", (1, 2), fetched(2, 7, &whole), &told("records: 15, bytes: 272", throttled)),
        of_server(
            "of version 0",
            (1, 0),
            fetched(0, 7, &old),
            &told("records: 2, bytes: 74, high_watermark: Some(42)", never),
        ),
        of_server(
            "cut in records",
            (1, 2),
            fetched(2, 7, &whole[..first + 70]),
            &told("records: 10, bytes: 161", throttled),
        ),
        of_server(
            "cut in a head",
            (1, 2),
            fetched(2, 7, &whole[..first + 30]),
            &told("records: 10, bytes: 161", throttled),
        ),
        of_server(
            "cut in an offset",
            (1, 2),
            fetched(2, 7, &whole[..first + 3]),
            &told("records: 10, bytes: 161", throttled),
        ),
        of_server("cut in the first", (1, 2), fetched(2, 7, &whole[..70]), &told("records: 0, bytes: 0", throttled)),
        of_server("offsets", (1, 2), fetched(2, 7, &at), &told("offset: None, next_offset: Some(108)", throttled)),
        of_server("old offsets", (1, 0), fetched(0, 7, &old), &told("offset: None, next_offset: Some(1)", never)),
        of_server("no offset", (1, 2), fetched(2, 7, &beyond), &told("records: 5, bytes: 71, high", throttled)),
        of_server(
            "none behind it",
            (1, 2),
            fetched(2, 7, &beyond),
            &told("offset: None, next_offset: None", throttled),
        ),
        of_server("answers nothing known", (99, 1), fetched(2, 7, &whole), &["correlation_id: 7", SKIPPED, CLEAN]),
        of_server("answers a later version", (1, 99), fetched(2, 7, &whole), &["correlation_id: 7", SKIPPED, CLEAN]),
        of_server(
            "is shorter than it should be, and the next one is not",
            (12, 1),
            [response(7, &int(5)), response(7, &[int(5), short(27)].concat())].concat(),
            &["Response", MALFORMED, "Response", "error_code: 27, throttle_ms: Some(5)", CLEAN],
        ),
        of_server(
            "is longer than it should be, and the next one is not",
            (12, 1),
            [response(7, &[0; 9]), response(7, &[int(5), short(0)].concat())].concat(),
            &["Response", MALFORMED, "Response", READ, CLEAN],
        ),
        of_server("is empty", (12, 1), response(7, &[]), &["Response", MALFORMED, CLEAN]),
        of_server(
            "refuses a version with version 0",
            (18, 3),
            response(7, &[short(35), array(&[[short(18), short(0), short(2)].concat()])].concat()),
            &[
                "Response",
                "details: Read, acks: None, max_wait_ms: None, min_bytes: None, coordinator_kind: None, error_code: 35",
                CLEAN,
            ],
        ),
    ]
}

fn requests() -> Vec<Fixture> {
    let long_name = "n".repeat(300);
    let heartbeat = |group: &str| [text(group), int(1), text("member")].concat();
    vec![
        of_client(
            "a controlled shutdown names no client",
            sized(&[short(7), short(0), int(1), int(5)].concat()),
            &["api_key: 7, api_version: 0", READ, CLEAN],
        ),
        of_client(
            "no client id",
            sized(&[short(12), short(0), int(1), short(-1), heartbeat("g")].concat()),
            &["api_key: 12", "ClientId(\"\")", "Group(\"g\")", READ, CLEAN],
        ),
        of_client(
            "a long name is cut",
            request(12, 0, 1, &heartbeat(&long_name)),
            &["api_key: 12", CLIENT, "Group(\"nnnnnnnn", READ, CLEAN],
        ),
        of_client(
            "a name that is no text is none",
            request(12, 0, 1, &[short(4), b"ab\xff\xfe".to_vec(), int(1), text("")].concat()),
            &["api_key: 12", CLIENT, "Group(\"\")", READ, CLEAN],
        ),
        of_client("nobody knows it", request(1234, 0, 1, &[0xff; 99]), &["api_key: 1234", CLIENT, SKIPPED, CLEAN]),
        of_client(
            "the client id is longer than the request",
            sized(&[short(12), short(0), int(1), short(1000), vec![b'x'; 20]].concat()),
            &["api_key: 12", MALFORMED, CLEAN],
        ),
        of_client(
            "a negative length of a text",
            request(12, 0, 1, &[short(-2), vec![0; 20]].concat()),
            &["api_key: 12", CLIENT, MALFORMED, CLEAN],
        ),
        of_client(
            "a tagged field that is longer than the request",
            sized(&[short(18), short(3), int(1), text("c"), vec![1, 0, 0xff, 0xff, 3], vec![0; 50]].concat()),
            &["api_key: 18", "ClientId(\"c\")", MALFORMED, CLEAN],
        ),
        of_client(
            "a number of six bytes",
            sized(&[short(18), short(3), int(1), text("c"), vec![0, 0x80, 0x80, 0x80, 0x80, 0x80, 1]].concat()),
            &["api_key: 18", "ClientId(\"c\")", MALFORMED, CLEAN],
        ),
        of_client(
            "a number beyond 32 bits",
            sized(&[short(18), short(3), int(1), text("c"), vec![0, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat()),
            &["api_key: 18", "ClientId(\"c\")", MALFORMED, CLEAN],
        ),
        of_client(
            "broken off",
            request(12, 0, 1, &heartbeat("g"))[..30].to_vec(),
            &["api_key: 12", CLIENT, "Group(\"g\")", "closed: Truncated"],
        ),
        of_client(
            "a negative length",
            [request(12, 0, 1, &heartbeat("g")), int(-1), int(0)].concat(),
            &["api_key: 12", CLIENT, "Group(\"g\")", READ, "MalformedFrame"],
        ),
        of_client("a length of zero", int(0), &["MalformedFrame"]),
        of_client("a length without room for a header", int(7), &["MalformedFrame"]),
    ]
}

/// Versions that no other implementation writes any more.
fn old_versions() -> Vec<Fixture> {
    let one = |partition: Vec<u8>| array(&[[text("orders"), array(&[partition])].concat()]);
    let commit = |version: i16, member: Vec<u8>, time: Vec<u8>| {
        let partition = [int(3), long(77), time, text("metadata")].concat();
        request(8, version, 1, &[text("shop"), member, one(partition)].concat())
    };
    let committed = &[
        "api_key: 8",
        CLIENT,
        "Group(\"shop\")",
        ORDERS,
        "index: 3, error_code: 0, records: 0, bytes: 0, high_watermark: None, offset: Some(77)",
        READ,
        CLEAN,
    ];
    let member = [int(1), text("member")].concat();
    let listed = [int(3), short(0), array(&[long(5), long(0)])].concat();
    let appended = |times: usize| one([int(3), short(6), long(9).repeat(times)].concat());
    let produced = |throttle: &'static str| ["Response", ORDERS, "index: 3, error_code: 6", throttle, CLEAN];
    let failed = "index: 3, error_code: 3";
    vec![
        of_client("a commit of version 0", commit(0, Vec::new(), Vec::new()), committed),
        of_client("a commit of version 1", commit(1, member, long(0)), committed),
        of_client(
            "offsets of version 0",
            request(2, 0, 1, &[int(-1), one([int(3), long(-1), int(1)].concat())].concat()),
            &["api_key: 2", CLIENT, ORDERS, "index: 3", READ, CLEAN],
        ),
        of_server(
            "found in version 0",
            (2, 0),
            response(7, &one(listed)),
            &["Response", ORDERS, "index: 3", READ, CLEAN],
        ),
        of_server("produced in version 0", (0, 0), response(7, &appended(1)), &produced("throttle_ms: None")),
        of_server(
            "in version 1",
            (0, 1),
            response(7, &[appended(1), int(5)].concat()),
            &produced("throttle_ms: Some(5)"),
        ),
        of_server(
            "in version 2",
            (0, 2),
            response(7, &[appended(2), int(5)].concat()),
            &produced("throttle_ms: Some(5)"),
        ),
        of_client(
            "a fetch of version 3",
            request(
                1,
                3,
                1,
                &[int(-1), int(500), int(1), int(1 << 20), one([int(3), long(32), int(9)].concat())].concat(),
            ),
            &["api_key: 1", CLIENT, ORDERS, "offset: Some(32)", "max_wait_ms: Some(500), min_bytes: Some(1)", CLEAN],
        ),
        of_client(
            "offsets of a group of version 0",
            request(9, 0, 1, &[text("shop"), array(&[[text("orders"), array(&[int(3)])].concat()])].concat()),
            &["api_key: 9", CLIENT, "Group(\"shop\")", ORDERS, "index: 3", READ, CLEAN],
        ),
        of_server(
            "offsets of a group found in version 0",
            (9, 0),
            response(7, &one([int(3), long(77), text("metadata"), short(3)].concat())),
            &[
                "Response",
                ORDERS,
                failed,
                "details: Read, acks: None, max_wait_ms: None, min_bytes: None, coordinator_kind: None, error_code: 3",
                CLEAN,
            ],
        ),
        of_server(
            "topics made in version 0",
            (19, 0),
            response(7, &array(&[[text("orders"), short(36)].concat()])),
            &["Response", ORDERS, "error_code: 36, throttle_ms: None", CLEAN],
        ),
        of_server(
            "topics gone in version 0",
            (20, 0),
            response(7, &array(&[[text("orders"), short(0)].concat()])),
            &["Response", ORDERS, READ, CLEAN],
        ),
    ]
}

/// What ends the offsets of groups.
fn deletions() -> Vec<Fixture> {
    let partition = |told: Vec<u8>| array(&[[text("orders"), array(&[told])].concat()]);
    let groups = [[text("shop"), short(0)].concat(), [text("billing"), short(68)].concat()];
    let (first, second) = (["Group(\"shop\")", "GroupError(0)"], ["Group(\"billing\")", "GroupError(68)"]);
    // Each length is one more than it says, and tagged fields follow the header, each group, and the whole.
    let compact = [&[0][..], &int(5), &[3, 5], b"shop", &short(0), &[0, 8], b"billing", &short(68), &[0, 0]].concat();
    let told = [&["Response"][..], &first, &second, &["error_code: 68, throttle_ms: Some(5)", CLEAN]].concat();
    let names = array(&[text("shop"), text("billing")]);
    vec![
        of_client(
            "groups to be deleted",
            request(42, 1, 1, &names),
            &["api_key: 42", CLIENT, first[0], second[0], READ, CLEAN],
        ),
        of_server("groups deleted", (42, 1), response(7, &[int(5), array(&groups)].concat()), &told),
        of_server("in a flexible version", (42, 2), response(7, &compact), &told),
        of_server(
            "fewer groups than it says",
            (42, 0),
            response(7, &[int(5), int(2), groups[0].clone()].concat()),
            &["Response", first[0], first[1], MALFORMED, CLEAN],
        ),
        of_client(
            "offsets to be deleted",
            request(47, 0, 1, &[text("shop"), partition(int(3))].concat()),
            &["api_key: 47", CLIENT, first[0], ORDERS, "index: 3", READ, CLEAN],
        ),
        of_server(
            "offsets deleted",
            (47, 0),
            response(7, &[short(0), int(5), partition([int(3), short(86)].concat())].concat()),
            &["Response", ORDERS, "index: 3, error_code: 86", "error_code: 86, throttle_ms: Some(5)", CLEAN],
        ),
    ]
}

fn fixtures() -> Vec<Fixture> {
    [
        produces(),
        fetches(),
        requests(),
        old_versions(),
        kafka_new_versions::fixtures(),
        deletions(),
        kafka_tokens::fixtures(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn read<'a>(fixture: &Fixture, pieces: impl IntoIterator<Item = &'a [u8]>) -> Side {
    let side = if fixture.answers.is_empty() { Side::client() } else { Side::server(fixture.answers.clone()) };
    side.with_tokens().reads_all(pieces)
}

#[test]
fn fixtures_say_what_they_should() {
    for fixture in fixtures() {
        let events = read(&fixture, [&fixture.stream[..]]).events;
        let told = events.len() == fixture.expected.len()
            && events.iter().zip(&fixture.expected).all(|(event, part)| event.contains(part));
        assert!(told, "{}: {events:#?}\nexpected {:#?}", fixture.name, fixture.expected);
    }
}

#[test]
fn two_pieces_say_what_one_says() {
    for fixture in fixtures() {
        let whole = read(&fixture, [&fixture.stream[..]]);
        for cut in 0..=fixture.stream.len() {
            let (front, back) = fixture.stream.split_at(cut);
            let side = read(&fixture, [front, back]);
            assert_eq!(whole.events, side.events, "{}, cut at {cut}", fixture.name);
            assert!(whole.error.is_some() || whole.totals == side.totals, "{}, cut at {cut}", fixture.name);
        }
    }
}

#[test]
fn small_pieces_say_what_one_says() {
    for fixture in fixtures() {
        let whole = read(&fixture, [&fixture.stream[..]]);
        for length in 1..=7 {
            let side = read(&fixture, fixture.stream.chunks(length));
            assert_eq!(whole.events, side.events, "{}, in pieces of {length}", fixture.name);
            assert!(whole.error.is_some() || whole.totals == side.totals, "{}, in pieces of {length}", fixture.name);
        }
    }
}

#[test]
fn records_are_content_and_all_else_is_not() {
    let records = batch(0, 10, 10_000);
    let stream = produce(1, 1, &records);
    let side = Side::client().reads_all(stream.chunks(1000));
    assert_eq!(side.totals.body, records.len());
    assert_eq!(side.totals.head, 4 + 8 + 2 + "client".len());
}
