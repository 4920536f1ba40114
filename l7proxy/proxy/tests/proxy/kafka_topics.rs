//! Which topics and partitions the messages of a Kafka connection are about, and how many are told.

use crate::kafka::{converse, fetch, produced, told};
use crate::kafka_messages::{array, batch, int, request, response, short, sized, text};

/// An answer to a Fetch in version 2, with these partitions of `orders`: each an error and no records.
fn fetched(partitions: impl Iterator<Item = (i32, i16)>) -> Vec<u8> {
    fetched_as(1, partitions)
}

/// The same to the request of this number.
fn fetched_as(correlation: i32, partitions: impl Iterator<Item = (i32, i16)>) -> Vec<u8> {
    let partition = |(index, error)| [int(index), short(error), vec![0; 8], sized(&[])].concat();
    let partitions: Vec<_> = partitions.map(partition).collect();
    response(correlation, &[int(0), array(&[[text("orders"), array(&partitions)].concat()])].concat())
}

#[test]
fn partitions_beyond_the_limit_have_an_error_of_their_own() {
    let fine = || (0..300).map(|index| (index, 0));
    let record = converse(&[(fetch(1, 0), fetched(fine()))]);
    assert_eq!((told(&record)[0].partitions.len(), told(&record)[0].more), (256, (0, 0, 0)));
    let record = converse(&[(fetch(1, 0), fetched(fine().chain([(1_000, 6)])))]);
    assert_eq!((told(&record)[0].error, told(&record)[0].more), (6, (0, 0, 6)));
    // One that is told has its own.
    let record = converse(&[(fetch(1, 0), fetched([(1_000, 6)].into_iter().chain(fine())))]);
    assert_eq!((told(&record)[0].error, told(&record)[0].more), (6, (0, 0, 0)));
}

/// A topic that a response tells by its name and by its id is one topic.
#[test]
fn what_has_a_name_and_an_id_is_about_that_topic() {
    let topic = [&[7][..], b"orders", &int(3), &short(1), &[1, 1, 0]].concat();
    let create = request(19, 7, 1, &[&[0][..], &[2], &topic, &int(1_000), &[0, 0]].concat());
    let created = [&[7][..], b"orders", &[9; 16], &short(0), &[0], &int(3), &short(1), &[1, 0]].concat();
    let created = response(1, &[&[0][..], &int(0), &[2], &created, &[0]].concat());
    let by_id = [&[0][..], &[9; 16], &[0]].concat();
    let delete = request(20, 6, 2, &[&[0][..], &[2], &by_id, &int(1_000), &[0]].concat());
    let deleted = [&[7][..], b"orders", &[9; 16], &short(0), &[0, 0]].concat();
    let deleted = response(2, &[&[0][..], &int(0), &[2], &deleted, &[0]].concat());
    let record = converse(&[(create, created), (delete, deleted)]);
    assert_eq!(record.unparsed_reason(), None);
    let topics: Vec<_> = told(&record).iter().map(|one| one.topic.as_deref()).collect();
    assert_eq!(topics, [Some("orders"), Some("orders")]);
}

/// What is told under no name and under no id belongs to no topic, least of all to the one before it.
#[test]
fn partitions_of_no_topic_are_those_of_none() {
    let records = batch(0, 2, 19);
    let partition = array(&[[int(3), sized(&records)].concat()]);
    let topics = array(&[[text("orders"), partition.clone()].concat(), [text(""), partition].concat()]);
    let asked = request(0, 2, 1, &[short(1), int(1_000), topics].concat());
    let record = converse(&[(asked, produced(1, 0))]);
    assert_eq!(told(&record)[0].partitions, [("orders".into(), 3, 0, 2, 80, None, None)]);
    assert_eq!(told(&record)[0].more, (2, 80, 0));
    // By ids likewise: the second is none.
    let length = u8::try_from(records.len() + 1).expect("short");
    let partition = [&[2][..], &int(0), &[length], &records, &[0, 0]].concat();
    let topics = [&[3][..], &[7; 16], &partition, &[0; 16], &partition].concat();
    let asked = request(0, 13, 1, &[&[0, 0][..], &short(1), &int(1_000), &topics, &[0]].concat());
    let record = converse(&[(asked, response(1, &[0, 1, 0, 0, 0, 0, 0]))]);
    assert_eq!(record.unparsed_reason(), None);
    assert_eq!(told(&record)[0].partitions, [("?".into(), 0, 0, 2, 80, None, None)]);
    assert_eq!(told(&record)[0].more, (2, 80, 0));
}

/// A broker tells the id of its cluster with its topics, or to who asks for nothing else; in the oldest versions it has none.
#[test]
fn a_broker_tells_whose_it_is() {
    let metadata = |correlation, version| request(3, version, correlation, &array(&[]));
    let broker = [int(1), text("kafka-0"), int(9092), text("rack")].concat();
    let oldest = response(1, &[array(&[[int(1), text("kafka-0"), int(9092)].concat()]), array(&[])].concat());
    let metadata_told = response(2, &[array(&[broker]), text("blue"), int(1), array(&[])].concat());
    let describe = request(60, 0, 4, &[0, 0, 0]);
    let described = [&[0][..], &int(0), &short(0), &[0], &[6], b"green", &int(1), &[1], &int(0), &[0]].concat();
    let record = converse(&[
        (metadata(1, 0), oldest),
        (metadata(2, 2), metadata_told),
        (fetch(3, 0), fetched_as(3, [(3, 0)].into_iter())),
        (describe, response(4, &described)),
    ]);
    assert_eq!(record.unparsed_reason(), None);
    let clusters: Vec<_> = told(&record).iter().map(|one| &*one.cluster).collect();
    assert_eq!(clusters, ["", "blue", "blue", "green"]);
}
