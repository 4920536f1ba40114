//! How far brokers and readers are, as exchanges with a Kafka broker tell it.

use std::time::Duration;

use crate::kafka::{converse, fetch, produced, told};
use crate::kafka_messages::{array, batch, batch_at, fetched, int, long, produce, request, response, short, text};

/// A response to a Produce in version 2: the first record got this offset.
fn produced_at(correlation: i32, first: i64) -> Vec<u8> {
    let partition = [int(3), short(0), long(first), long(-1)].concat();
    response(correlation, &[array(&[[text("orders"), array(&[partition])].concat()]), int(0)].concat())
}

/// Asks for the offset at or behind this time in version 1: it is 40.
fn list_offsets(correlation: i32, time: i64, error: i16) -> (Vec<u8>, Vec<u8>) {
    let asked = array(&[[text("orders"), array(&[[int(3), long(time)].concat()])].concat()]);
    let told = [int(3), short(error), long(-1), long(40)].concat();
    let told = array(&[[text("orders"), array(&[told])].concat()]);
    (request(2, 1, correlation, &[int(-1), asked].concat()), response(correlation, &told))
}

#[test]
fn a_produce_tells_where_the_log_ends_behind_it() {
    let records = [batch(0, 10, 50), batch(0, 5, 50)].concat();
    let record = converse(&[
        (produce(1, -1, &records), produced_at(1, 100)),
        // Nothing was written, or nobody says where.
        (produce(2, -1, &records), produced_at(2, -1)),
        (produce(3, -1, &records), produced(3, 6)),
        (produce(4, 0, &records), Vec::new()),
        (produce(5, -1, &records), produced_at(5, i64::MAX)),
    ]);
    let ends: Vec<_> = told(&record).iter().map(|one| &one.log_ends[..]).collect();
    assert_eq!(ends, [&[115][..], &[], &[], &[], &[]]);
    assert!(told(&record).iter().all(|one| one.partitions[0].6.is_none()), "nobody has read to there");
}

#[test]
fn the_latest_offset_is_where_the_log_ends() {
    let (latest, earliest, at_a_time) = (-1, -2, 1_700_000_000_000);
    let record = converse(&[
        list_offsets(1, latest, 0),
        list_offsets(2, earliest, 0),
        list_offsets(3, at_a_time, 0),
        list_offsets(4, latest, 6),
    ]);
    let ends: Vec<_> = told(&record).iter().map(|one| &one.log_ends[..]).collect();
    assert_eq!(ends, [&[40][..], &[], &[], &[]]);
}

#[test]
fn a_reader_is_behind_what_its_fetch_has_brought() {
    let batches = [batch_at(30, 5), batch_at(35, 5)].concat();
    let record = converse(&[
        (fetch(1, 32), fetched(2, 1, &batches)),
        // Nothing came; and what came is in front of what was asked for.
        (fetch(2, 40), fetched(2, 2, &[])),
        (fetch(3, 40), fetched(2, 3, &batch_at(30, 5))),
    ]);
    let offsets: Vec<_> = told(&record).iter().map(|one| one.partitions[0].6).collect();
    assert_eq!(offsets, [Some(40), Some(40), Some(40)]);
    assert!(told(&record).iter().all(|one| !one.is_replica));
}

#[test]
fn a_broker_that_keeps_a_copy_is_told_from_a_consumer() {
    let partition = [int(3), long(0), int(1 << 20)].concat();
    let topics = array(&[[text("orders"), array(&[partition])].concat()]);
    let of = |replica: i32| {
        let asked = request(1, 2, 1, &[int(replica), int(500), int(1), topics.clone()].concat());
        told(&converse(&[(asked, fetched(2, 1, &[]))]))[0].is_replica
    };
    // A consumer that debugs is none.
    assert_eq!([2, 0, -1, -2].map(of), [true, true, false, false]);
    let newer = |tags: &[u8]| {
        let numbers = [int(500), int(1), int(1 << 20), vec![0], int(0), int(-1)].concat();
        let asked = request(1, 15, 1, &[&[0][..], &numbers, &[1, 1, 1], tags].concat());
        let answer = response(1, &[&[0][..], &int(0), &short(0), &int(0), &[1, 0]].concat());
        let record = converse(&[(asked, answer)]);
        assert_eq!(record.unparsed_reason(), None);
        told(&record)[0].is_replica
    };
    let state = |replica: i32| [&[1, 13][..], &int(replica), &long(7), &[0]].concat();
    let one = |field: &[u8]| [&[1], field].concat();
    assert_eq!([newer(&[0]), newer(&one(&state(3))), newer(&one(&state(-1)))], [false, true, false]);
    // Behind another field; and with a value that is too short to name a broker.
    assert!(newer(&[&[2, 0, 2][..], b"id", &state(0)].concat()));
    assert!(!newer(&[1, 1, 3, 0, 0, 0]));
}

/// A part of a request or of a response about partitions of `orders`.
fn of_orders(partitions: &[Vec<u8>]) -> Vec<u8> {
    array(&[[text("orders"), array(partitions)].concat()])
}

#[test]
fn an_offset_that_a_group_does_not_have_is_told() {
    let asked = |id| request(9, 1, id, &[text("shop"), of_orders(&[int(0), int(1), int(2), int(3)])].concat());
    let found =
        |partition: i32, offset: i64, error: i16| [int(partition), long(offset), text(""), short(error)].concat();
    let answer = of_orders(&[found(0, 5, 0), found(1, -1, 0), found(2, -1, 3)]);
    // Of partition 3 nothing is said; nor of any, where the answer is cut short.
    let record = converse(&[(asked(1), response(1, &answer)), (asked(2), response(2, &int(1)))]);
    let heard = told(&record);
    assert_eq!((&heard[0].no_offsets[..], &heard[1].no_offsets[..]), (&[1][..], &[][..]));
    assert_eq!(heard[0].partitions.iter().map(|one| one.6).collect::<Vec<_>>(), [Some(5), None, None, None]);
}

#[test]
fn offsets_that_are_deleted_are_told() {
    let asked = |id| request(47, 0, id, &[text("shop"), of_orders(&[int(0), int(1), int(2)])].concat());
    let gone = |partition: i32, error: i16| [int(partition), short(error)].concat();
    let answer = [short(0), int(0), of_orders(&[gone(0, 0), gone(1, 86)])].concat();
    let refusal = [short(69), int(0), array(&[])].concat();
    let record = converse(&[(asked(1), response(1, &answer)), (asked(2), response(2, &refusal))]);
    let heard = told(&record);
    assert_eq!((heard[0].group.as_deref(), heard[0].error), (Some("shop"), 86));
    assert_eq!((&heard[0].no_offsets[..], &heard[1].no_offsets[..]), (&[0][..], &[][..]));
}

#[test]
fn groups_that_are_deleted_are_told() {
    let member = request(12, 0, 1, &[text("other"), int(1), text("member")].concat());
    let asked = request(42, 0, 2, &array(&["shop", "billing", "lost"].map(text)));
    let answer =
        array(&[("shop", 0), ("billing", 68), ("lost", 0)].map(|(name, error)| [text(name), short(error)].concat()));
    let many: Vec<_> = (0..20_000).map(|number| [text(&format!("group-{number}")), short(0)].concat()).collect();
    let record = converse(&[
        (member, response(1, &short(0))),
        (asked.clone(), response(2, &[int(0), answer].concat())),
        (asked, response(2, &[int(0), array(&many)].concat())),
    ]);
    let heard = told(&record);
    assert_eq!(heard[1].deleted_groups, ["shop", "lost"]);
    // It is about several, and none of them is the client's own.
    assert_eq!((heard[1].error, heard[1].group.as_deref()), (68, None));
    let last = heard[2].deleted_groups.last().map(String::as_str);
    assert_eq!((heard[2].deleted_groups.len(), last), (16_384, Some("group-16383")));
}

#[test]
fn a_transaction_is_told_by_what_begins_and_ends_it() {
    let offset = of_orders(&[[int(3), long(50), text("")].concat()]);
    let end = |id, commits: u8| request(26, 0, id, &[text("app-1"), long(7), short(2), vec![commits]].concat());
    let over = |id| response(id, &[int(0), short(0)].concat());
    let begun = |id| response(id, &[int(0), short(0), long(7), short(2)].concat());
    let record = converse(&[
        (request(22, 0, 1, &[text("app-1"), int(60_000)].concat()), begun(1)),
        (
            request(28, 0, 2, &[text("app-1"), text("shop"), long(7), short(2), offset].concat()),
            response(2, &[int(0), of_orders(&[[int(3), short(0)].concat()])].concat()),
        ),
        (end(3, 1), over(3)),
        (end(4, 0), over(4)),
        // A producer without transactions.
        (request(22, 0, 5, &[short(-1), int(60_000)].concat()), begun(5)),
    ]);
    let heard: Vec<_> = told(&record).iter().map(|one| one.transaction.clone()).collect();
    let of = |commits| Some(("app-1".to_owned(), (7, 2), commits, None));
    let begins = Some(("app-1".to_owned(), (-1, -1), false, Some(Duration::from_mins(1))));
    assert_eq!(heard, [begins, of(false), of(true), of(false), None]);
    assert_eq!(told(&record)[1].partitions[0].6, Some(50));
}

/// A text as the newer versions write it.
fn compact(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len() + 1).expect("short")], text].concat()
}

/// Asks in version 8 for the offsets that groups have in partition 3 of `orders`: none has any.
fn fetch_offsets(correlation: i32, groups: &[&[u8]]) -> (Vec<u8>, Vec<u8>) {
    let count = u8::try_from(groups.len() + 1).expect("few");
    let of_each = |partition: &[u8], behind: &[u8]| -> Vec<u8> {
        let topics = [&[2], &compact(b"orders")[..], &[2], partition, &[0]].concat();
        groups.iter().flat_map(|group| [&compact(group)[..], &topics, behind, &[0]].concat()).collect()
    };
    let asked = [&[0, count][..], &of_each(&int(3), &[]), &[0, 0]].concat();
    let none = [int(3), long(-1), int(-1), compact(b""), short(0), vec![0]].concat();
    let told = [&[0][..], &int(0), &[count], &of_each(&none, &short(0)), &[0]].concat();
    (request(9, 8, correlation, &asked), response(correlation, &told))
}

#[test]
fn a_group_without_a_name_is_none_of_the_others() {
    let member = request(12, 0, 1, &[text("shop"), int(1), text("member")].concat());
    let record = converse(&[
        (member, response(1, &short(0))),
        fetch_offsets(2, &[b"billing"]),
        fetch_offsets(3, &[b"", b"billing"]),
        fetch_offsets(4, &[b"\xff", b"billing"]),
        fetch_offsets(5, &[b"billing", b""]),
        // The client's own is not meant either.
        fetch_offsets(6, &[b""]),
        fetch_offsets(7, &[b"\xff", b"\xfe"]),
        fetch_offsets(8, &[b"billing", b"billing"]),
    ]);
    assert_eq!(record.unparsed_reason(), None);
    let heard = &told(&record)[1..];
    assert!(heard.iter().all(|one| one.no_offsets.contains(&3)));
    let groups: Vec<_> = heard.iter().map(|one| one.group.as_deref()).collect();
    assert_eq!(groups, [Some("billing"), None, None, None, None, None, Some("billing")]);
}
