//! Messages of versions that the other implementation does not know yet. All are flexible: lengths are one more than they say, and
//! tagged fields follow each structure.

use crate::kafka_messages::{batch, int, long, request, response, short};
use crate::{CLEAN, CLIENT, Fixture, READ, of_client, of_server};

/// The topic that is told.
const ID: &str = "TopicId([171, 171, 171, 171, 171, 171, 171, 171, 171, 171, 171, 171, 171, 171, 171, 171])";
const GROUP: &str = "Group(\"shop\")";

/// No tagged fields.
const NO_TAGS: &[u8] = &[0];
/// A text that is absent.
const NO_TEXT: &[u8] = &[0];

fn name(name: &str) -> Vec<u8> {
    [&[u8::try_from(name.len() + 1).expect("short")], name.as_bytes()].concat()
}

/// An array of one element.
fn one(element: &[&[u8]]) -> Vec<u8> {
    [&[2][..], &element.concat(), NO_TAGS].concat()
}

/// One topic with one partition, whose number stands in front of these fields.
fn topic(partition: &[&[u8]]) -> Vec<u8> {
    let partition = one(&[&int(3), &partition.concat()]);
    one(&[&[0xab; 16], &partition])
}

/// A body, behind the tagged fields of its header.
fn body(fields: &[&[u8]]) -> Vec<u8> {
    [NO_TAGS, &fields.concat(), NO_TAGS].concat()
}

pub(crate) fn fixtures() -> Vec<Fixture> {
    [commits(), shares()].into_iter().flatten().collect()
}

fn commits() -> Vec<Fixture> {
    let hello = body(&[&name("java"), &name("4.4.0"), &name("cluster"), &int(1)]);
    let offset = topic(&[&long(77), &int(-1), &name("metadata")]);
    let member = [&int(5)[..], &name("member"), NO_TEXT].concat();
    let commit = body(&[&name("shop-1"), &name("shop"), &long(9), &short(1), &member, &offset]);
    let committed = body(&[&int(5), &topic(&[&short(6)])]);
    let deleted = body(&[&int(5), &one(&[&name("shop"), &short(69), &name("there is none")])]);
    vec![
        of_client("whom a client means to ask", request(18, 5, 1, &hello), &["api_key: 18", CLIENT, READ, CLEAN]),
        of_client(
            "a commit in a transaction, by the topic's id",
            request(28, 6, 1, &commit),
            &[
                "api_key: 28",
                CLIENT,
                "TransactionalId(\"shop-1\")",
                GROUP,
                ID,
                "index: 3, error_code: 0, records: 0, bytes: 0, high_watermark: None, offset: Some(77)",
                "producer_id: Some(9), producer_epoch: Some(1)",
                CLEAN,
            ],
        ),
        of_server(
            "answered by it",
            (28, 6),
            response(7, &committed),
            &["Response", ID, "index: 3, error_code: 6", "error_code: 6, throttle_ms: Some(5)", CLEAN],
        ),
        of_server(
            "a group that was not deleted, in words",
            (42, 3),
            response(7, &deleted),
            &["Response", GROUP, "GroupError(69)", "error_code: 69, throttle_ms: Some(5)", CLEAN],
        ),
    ]
}

fn shares() -> Vec<Fixture> {
    let acknowledged = one(&[&long(0), &long(9), &[2, 1]]);
    let forgotten = one(&[&[0xcd; 16], &[2], &int(4)]);
    let member = [name("member"), int(1)].concat();
    let limits = [int(500), int(1), vec![0x7f; 12], vec![1, 0]].concat();
    let asked = body(&[&name("shop"), &member, &limits, &topic(&[&acknowledged]), &forgotten]);
    let records = batch(0, 10, 30);
    let errors = [&short(0)[..], NO_TEXT, &short(121), &name("it is another's")].concat();
    let leader = [&int(1)[..], &int(8), NO_TAGS].concat();
    let length = [u8::try_from(records.len() + 1).expect("short")];
    let range = |from, to| [&long(from)[..], &long(to), &short(1), NO_TAGS].concat();
    let answer = |ranges: &[(i64, i64)]| {
        let count = [u8::try_from(ranges.len() + 1).expect("few")];
        let ranges: Vec<u8> = ranges.iter().flat_map(|(from, to)| range(*from, *to)).collect();
        let given = topic(&[&errors, &leader, &length, &records, &count, &ranges]);
        let endpoint = one(&[&int(1), &name("broker"), &int(9092), NO_TEXT]);
        response(7, &body(&[&int(5), &short(0), NO_TEXT, &int(30_000), &given, &endpoint]))
    };
    let told = |records: &'static str| ["Response", ID, records, "error_code: 121, throttle_ms: Some(5)", CLEAN];
    let given = |name, ranges: &[(i64, i64)], records| of_server(name, (78, 2), answer(ranges), &told(records));
    vec![
        of_client(
            "a member of a share group reads",
            request(78, 2, 1, &asked),
            &[
                "api_key: 78",
                CLIENT,
                GROUP,
                ID,
                "index: 3, error_code: 0, records: 0",
                "details: Read, acks: None, max_wait_ms: Some(500), min_bytes: Some(1)",
                CLEAN,
            ],
        ),
        given("is given some", &[(0, 5), (9, 9)], "index: 3, error_code: 0, records: 7, bytes: 91"),
        given("is not told what it is given", &[], "index: 3, error_code: 0, records: 10, bytes: 91"),
        given("is given more than there is", &[(i64::MIN, i64::MAX), (0, 1)], "error_code: 0, records: 10, bytes: 91"),
        given("ends before it begins", &[(5, 0)], "index: 3, error_code: 0, records: 0, bytes: 91"),
        of_client(
            "as it was never stable",
            request(78, 0, 1, &body(&[&name("shop"), &[0xff; 40]])),
            &["api_key: 78", CLIENT, GROUP, READ, CLEAN],
        ),
    ]
}
