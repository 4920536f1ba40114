//! What is heard of connections to a Kafka broker.

use std::time::Duration;

use flowfold_flow::{ConnectionOutcome, FailureReason, Outcome, Protocol, UnparsedReason};

use crate::kafka_messages::{array, batch, fetched, int, long, produce, request, response, short, sized, text};
use crate::recording::{ConnectionRecord, HeardKafka};
use crate::running::{Running, pass};

/// Asks for the versions of the broker in version 0, as number 100: with it the connection is known for what it is.
fn hello() -> Vec<u8> {
    request(18, 0, 100, &[])
}

/// The broker knows nothing.
fn hello_back() -> Vec<u8> {
    response(100, &[short(0), array(&[])].concat())
}

/// The client sends, then the broker, for each pair, and what was heard until both are gone.
pub(crate) fn converse(turns: &[(Vec<u8>, Vec<u8>)]) -> ConnectionRecord {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, &hello());
    pass(&mut server, &mut client, &hello_back());
    for (from_client, from_server) in turns {
        pass(&mut client, &mut server, from_client);
        pass(&mut server, &mut client, from_server);
    }
    drop(client);
    drop(server);
    let mut record = proxy.records.next();
    assert_eq!(record.protocols, [Protocol::Kafka]);
    let size = |of: fn(&(Vec<u8>, Vec<u8>)) -> usize| turns.iter().map(of).sum::<usize>() as u64;
    assert_eq!(record.to_server.total(), hello().len() as u64 + size(|turn| turn.0.len()));
    assert_eq!(record.to_client.total(), hello_back().len() as u64 + size(|turn| turn.1.len()));
    let first = record.exchanges.remove(0);
    assert_eq!((&*first.method, first.outcome), ("ApiVersions", Outcome::Answered));
    record
}

pub(crate) fn told(record: &ConnectionRecord) -> Vec<&HeardKafka> {
    record.exchanges.iter().map(|one| one.kafka.as_ref().expect("it is Kafka")).collect()
}

fn ends(record: &ConnectionRecord) -> Vec<(&str, i16, Outcome)> {
    let kafka = |one: &crate::recording::Heard| one.kafka.as_ref().map_or(0, |kafka| kafka.error);
    record.exchanges.iter().map(|one| (&*one.method, kafka(one), one.outcome)).collect()
}

/// A response to a Produce in version 2: this error for partition 3 of `orders`.
pub(crate) fn produced(correlation: i32, error: i16) -> Vec<u8> {
    let partition = [int(3), short(error), long(0), long(-1)].concat();
    response(correlation, &[array(&[[text("orders"), array(&[partition])].concat()]), int(25)].concat())
}

/// A Fetch in version 2 of partition 3 of `orders` from this offset on.
pub(crate) fn fetch(correlation: i32, offset: i64) -> Vec<u8> {
    let partition = [int(3), long(offset), int(1 << 20)].concat();
    let topics = array(&[[text("orders"), array(&[partition])].concat()]);
    request(1, 2, correlation, &[int(-1), int(500), int(1), topics].concat())
}

fn heartbeat(correlation: i32) -> Vec<u8> {
    request(12, 0, correlation, &[text("shop"), int(1), text("member")].concat())
}

#[test]
fn a_produce_is_joined_with_its_response() {
    let records = [batch(0, 10, 500), batch(0, 7, 300)].concat();
    let (asked, answer) = (produce(1, -1, &records), produced(1, 6));
    let record = converse(&[(asked.clone(), answer.clone())]);
    let [exchange] = &record.exchanges[..] else { panic!("one exchange: {:?}", record.exchanges) };
    assert_eq!((&*exchange.method, exchange.outcome), ("Produce", Outcome::Answered));
    assert_eq!((exchange.request_bytes, exchange.response_bytes), (asked.len() as u64, answer.len() as u64));
    assert!(exchange.first_byte_known);
    let expected = HeardKafka {
        version: 2,
        cluster: String::new(),
        client_id: Some("client".into()),
        group: None,
        topic: Some("orders".into()),
        error: 6,
        throttle: Some(Duration::from_millis(25)),
        max_wait: None,
        partitions: vec![("orders".into(), 3, 6, 17, records.len() as u64, None, None)],
        more: (0, 0, 0),
        log_ends: vec![],
        no_offsets: vec![],
        deleted_groups: vec![],
        transaction: None,
        is_replica: false,
    };
    assert_eq!(told(&record), [&expected]);
    assert_eq!(record.to_server.body, records.len() as u64);
    assert_eq!(record.outcome, Some(ConnectionOutcome::Closed));
}

#[test]
fn a_produce_without_acknowledgement_is_an_exchange() {
    let one = produce(1, 0, &batch(0, 3, 100));
    let record = converse(&[(one.clone(), Vec::new()), ([one, heartbeat(2)].concat(), response(2, &short(0)))]);
    let answered = Outcome::Answered;
    assert_eq!(ends(&record), [("Produce", 0, answered), ("Produce", 0, answered), ("Heartbeat", 0, answered)]);
    assert!(!record.exchanges[0].first_byte_known);
    assert_eq!(record.exchanges[0].response_bytes, 0);
    assert_eq!(told(&record)[1].partitions[0].3, 3);
}

#[test]
fn a_fetch_tells_what_was_asked_and_what_came() {
    let records = [batch(0, 10, 900), batch(0x20, 1, 20)].concat();
    let record = converse(&[(fetch(1, 32), fetched(2, 1, &records))]);
    let [fetch] = told(&record)[..] else { panic!("one exchange") };
    assert_eq!((fetch.max_wait, fetch.throttle), (Some(Duration::from_millis(500)), Some(Duration::from_millis(7))));
    assert_eq!(fetch.partitions, [("orders".into(), 3, 0, 10, records.len() as u64, Some(42), Some(32))]);
    assert_eq!(record.to_client.body, records.len() as u64);
}

#[test]
fn many_may_be_in_flight_and_each_has_its_own_response() {
    let asked = [produce(1, 1, &batch(0, 1, 10)), fetch(2, 0), heartbeat(3)].concat();
    let answers = [produced(1, 0), fetched(2, 2, &[]), response(3, &short(27))].concat();
    let record = converse(&[(asked, answers)]);
    let answered = Outcome::Answered;
    assert_eq!(ends(&record), [("Produce", 0, answered), ("Fetch", 0, answered), ("Heartbeat", 27, answered)]);
    // By their ids, even where the order is another one.
    let answers = [response(3, &short(0)), fetched(2, 1, &[])].concat();
    let record = converse(&[([fetch(1, 0), heartbeat(3)].concat(), answers)]);
    assert_eq!(ends(&record), [("Heartbeat", 0, answered), ("Fetch", 0, answered)]);
}

#[test]
fn a_member_names_its_group_for_the_connection() {
    let commit = {
        let partition = [int(3), long(77), text("")].concat();
        let topics = array(&[[text("orders"), array(&[partition])].concat()]);
        request(8, 2, 2, &[text("shop"), int(1), text("member"), long(-1), topics].concat())
    };
    let committed = array(&[[text("orders"), array(&[[int(3), short(0)].concat()])].concat()]);
    let record = converse(&[
        (fetch(1, 0), fetched(2, 1, &[])),
        (commit, response(2, &committed)),
        (fetch(3, 0), fetched(2, 3, &[])),
    ]);
    let groups: Vec<_> = told(&record).iter().map(|one| one.group.as_deref()).collect();
    assert_eq!(groups, [None, Some("shop"), Some("shop")]);
    assert_eq!(told(&record)[1].partitions, [("orders".into(), 3, 0, 0, 0, None, Some(77))]);
}

/// Whoever names a group is a member of it when the broker says so, and not before.
#[test]
fn a_group_that_the_broker_does_not_confirm_is_that_of_its_request_alone() {
    let named = |group: &str| [text(group), int(1), text("member")].concat();
    // A heartbeat that is refused, and what any client may ask about any group.
    let refused = (request(12, 0, 1, &named("refused")), response(1, &short(25)));
    let sought = (request(10, 0, 2, &text("sought")), response(2, &[short(0), int(1), text("b"), int(9)].concat()));
    let left = (request(13, 0, 3, &[text("left"), text("member")].concat()), response(3, &short(0)));
    // One without an answer yet, when a Fetch in front of it is answered.
    let open = ([fetch(4, 0), request(12, 0, 5, &named("open"))].concat(), fetched(2, 4, &[]));
    let record = converse(&[refused, sought, left, open]);
    let groups: Vec<_> = told(&record).iter().map(|one| one.group.as_deref()).collect();
    assert_eq!(groups, [Some("refused"), Some("sought"), Some("left"), None, Some("open")]);
}

/// A Fetch in version 13 of partition 0 of the topic with this id, and its response with one batch.
fn fetch_by_id(correlation: i32, id: [u8; 16]) -> (Vec<u8>, Vec<u8>) {
    let partition = [&int(0)[..], &int(-1), &long(5), &int(-1), &long(-1), &int(1 << 20), &[0]].concat();
    let topics = [&[2][..], &id, &[2], &partition, &[0]].concat();
    let numbers = [int(-1), int(500), int(1), int(1 << 20), vec![0], int(0), int(-1)].concat();
    let body = [&[0][..], &numbers, &topics, &[1, 1, 0]].concat();
    let records = batch(0, 4, 30);
    let length = u8::try_from(records.len() + 1).expect("short");
    let numbers = [int(0), short(0), long(9), long(9), long(0)].concat();
    let partition = [&numbers[..], &[0], &int(-1), &[length], &records, &[0]].concat();
    let answer = [&[0][..], &int(0), &short(0), &int(0), &[2], &id, &[2], &partition, &[0, 0]].concat();
    (request(1, 13, correlation, &body), response(correlation, &answer))
}

/// Asks for all topics in version 10, and is told of one.
fn metadata(correlation: i32, name: &str, id: [u8; 16]) -> (Vec<u8>, Vec<u8>) {
    let length = u8::try_from(name.len() + 1).expect("short");
    let topic = [&short(0)[..], &[length], name.as_bytes(), &id, &[0, 1], &int(0), &[0]].concat();
    let answer = [&[0][..], &int(0), &[1, 0], &int(0), &[2], &topic, &int(0), &[0]].concat();
    (request(3, 10, correlation, &[0, 0, 0, 0, 0, 0]), response(correlation, &answer))
}

#[test]
fn ids_of_topics_get_the_names_that_metadata_tells_even_on_another_connection() {
    let id = [7; 16];
    let proxy = Running::start();
    let ask = |turns: &[(Vec<u8>, Vec<u8>)]| {
        let (mut client, mut server) = proxy.connect();
        for (asked, answer) in turns {
            pass(&mut client, &mut server, &[hello(), asked.clone()].concat());
            pass(&mut server, &mut client, &[hello_back(), answer.clone()].concat());
        }
        drop((client, server));
        let record = proxy.records.next();
        assert_eq!(record.unparsed_reason(), None);
        record.exchanges.into_iter().filter_map(|one| one.kafka).filter(|one| one.version > 0).collect::<Vec<_>>()
    };
    let before = ask(&[fetch_by_id(1, id)]);
    assert_eq!((before[0].topic.as_deref(), before[0].partitions[0].3), (Some("?"), 4));
    let metadata = ask(&[metadata(2, "orders", id), metadata(3, "no name!", [8; 16])]);
    assert_eq!(metadata[0].topic, None);
    let after = ask(&[fetch_by_id(4, id), fetch_by_id(5, [8; 16])]);
    assert_eq!(after[0].partitions, [("orders".into(), 0, 0, 4, 91, Some(9), Some(5))]);
    assert_eq!(after[1].topic.as_deref(), Some("?"));
}

#[test]
fn partitions_beyond_the_limit_are_summed_up() {
    let records = batch(0, 2, 19);
    let partitions: Vec<_> = (0..300).map(|index| [int(index), sized(&records)].concat()).collect();
    let topic = [text("orders"), array(&partitions)].concat();
    let asked = request(0, 2, 1, &[short(1), int(1_000), array(&[topic])].concat());
    let record = converse(&[(asked, produced(1, 0))]);
    let [produce] = told(&record)[..] else { panic!("one exchange") };
    assert_eq!(produce.partitions.len(), 256);
    assert_eq!(produce.more, (44 * 2, 44 * 80, 0));
    assert_eq!(produce.topic.as_deref(), Some("orders"));
}

#[test]
fn what_nobody_knows_is_joined_all_the_same() {
    let turns = [(request(999, 4, 1, &[1; 500]), response(1, &[2; 500])), (heartbeat(2), response(2, &short(0)))];
    let record = converse(&turns);
    let answered = Outcome::Answered;
    assert_eq!(ends(&record), [("unknown", 0, answered), ("Heartbeat", 0, answered)]);
    assert_eq!(told(&record)[0].throttle, None);
}

#[test]
fn a_malformed_body_ends_its_own_details_only() {
    let behind = vec![0; 30];
    let malformed = request(12, 0, 1, &[short(-2), behind.clone()].concat());
    let record = converse(&[(malformed, response(1, &[])), (heartbeat(2), response(2, &short(0)))]);
    let answered = Outcome::Answered;
    assert_eq!(ends(&record), [("Heartbeat", 0, answered), ("Heartbeat", 0, answered)]);
    assert_eq!(told(&record)[0].group, None);
    assert_eq!(record.unparsed_reason(), Some(UnparsedReason::MalformedMessage));
    assert_eq!((record.to_server.unparsed, record.to_client.unparsed), (behind.len() as u64, 0));
}

/// Of a Produce that is not understood nobody knows whether it asked for a response.
#[test]
fn a_produce_that_may_have_no_response_does_not_wait_for_ever() {
    let later = request(0, 99, 1, &[0; 40]);
    let record = converse(&[([later, heartbeat(2)].concat(), response(2, &short(0)))]);
    assert_eq!(ends(&record), [("Produce", 0, Outcome::Unfinished), ("Heartbeat", 0, Outcome::Answered)]);
}

#[test]
fn the_side_that_closes_first_has_given_up_what_is_open() {
    for (client_first, reason) in [(true, FailureReason::ClientClosed), (false, FailureReason::ServerClosed)] {
        let proxy = Running::start();
        let (mut client, mut server) = proxy.connect();
        pass(&mut client, &mut server, &[hello(), fetch(1, 0)].concat());
        pass(&mut server, &mut client, &hello_back());
        if client_first {
            drop(client);
            crate::running::expect_end(&mut server);
            drop(server);
        } else {
            drop(server);
            crate::running::expect_end(&mut client);
            drop(client);
        }
        assert_eq!(ends(&proxy.records.next())[1..], [("Fetch", 0, Outcome::Failed(reason))]);
    }
}

#[test]
fn a_response_that_was_not_asked_for_ends_the_reading() {
    let record = converse(&[(heartbeat(1), response(55, &short(0)))]);
    assert_eq!(record.unparsed_reason(), Some(UnparsedReason::UnexpectedResponse));
    assert_eq!(ends(&record), [("Heartbeat", 0, Outcome::Unfinished)]);
}

#[test]
fn a_length_that_cannot_be_ends_the_reading() {
    let record = converse(&[([heartbeat(1), int(-1), int(0)].concat(), response(1, &short(0)))]);
    assert_eq!(record.unparsed_reason(), Some(UnparsedReason::MalformedFrame));
    assert_eq!(ends(&record), [("Heartbeat", 0, Outcome::Unfinished)]);
}

#[test]
fn too_many_requests_in_flight_end_the_reading() {
    let requests: Vec<u8> = (0..16_385).flat_map(heartbeat).collect();
    let record = converse(&[(requests, response(0, &short(0)))]);
    assert_eq!(record.unparsed_reason(), Some(UnparsedReason::TooManyInFlight));
    assert_eq!(record.exchanges.len(), 16_384);
}

/// A client of librdkafka sends on and on by default, whatever the broker is at.
#[test]
fn thousands_of_requests_may_be_in_flight() {
    let requests: Vec<u8> = (0..16_384).flat_map(heartbeat).collect();
    let responses: Vec<u8> = (0..16_384).flat_map(|id| response(id, &short(0))).collect();
    let record = converse(&[(requests, responses)]);
    assert_eq!(record.unparsed_reason(), None);
    assert_eq!(record.exchanges.len(), 16_384);
    assert!(record.exchanges.iter().all(|exchange| exchange.outcome == Outcome::Answered));
}

/// The response to a request that is still on its way, as to one that is too large, is told once.
#[test]
fn a_request_is_answered_once() {
    let large = produce(1, 1, &batch(0, 1, 500));
    let (front, back) = (large[..300].to_vec(), large[300..].to_vec());
    let once = converse(&[(front.clone(), produced(1, 10)), (back.clone(), Vec::new())]);
    assert_eq!((ends(&once), once.unparsed_reason()), (vec![("Produce", 10, Outcome::Answered)], None));
    let twice = converse(&[(front, [produced(1, 10), produced(1, 0)].concat()), (back, Vec::new())]);
    assert_eq!(ends(&twice), [("Produce", 10, Outcome::Answered)]);
    assert_eq!(twice.unparsed_reason(), Some(UnparsedReason::UnexpectedResponse));
}

#[test]
fn tokens_behind_an_old_handshake_are_skipped() {
    let handshake = request(17, 0, 1, &text("PLAIN"));
    let refused = response(1, &[short(33), array(&[text("GSSAPI")])].concat());
    let agreed = response(1, &[short(0), array(&[text("PLAIN")])].concat());
    let tokens = (sized(b"\0alice\0secret"), sized(b""));
    let (asked, answer) = (produce(2, 1, &batch(0, 3, 10)), produced(2, 0));
    let (asked_bytes, answer_bytes) = (asked.len() as u64, answer.len() as u64);
    // after a refusal any request may come, whatever it is
    let other = (request(999, 0, 5, b"other"), response(5, b"thing"));
    let turns = [(handshake.clone(), refused), other, (handshake, agreed), tokens.clone(), tokens, (asked, answer)];
    let record = converse(&turns);
    assert_eq!(record.unparsed_reason(), None);
    let ended = |name, error| (name, error, Outcome::Answered);
    let names = [("SaslHandshake", 33), ("unknown", 0), ("SaslHandshake", 0), ("Produce", 0)];
    assert_eq!(ends(&record), names.map(|(name, error)| ended(name, error)));
    // tokens are part of no exchange
    let last = record.exchanges.last().expect("some");
    assert_eq!((last.request_bytes, last.response_bytes), (asked_bytes, answer_bytes));
}

/// Whoever asks more behind the handshake, before it was answered, gets answers and no tokens.
#[test]
fn requests_may_follow_an_old_handshake_at_once() {
    let agreed = [short(0), array(&[text("PLAIN")])].concat();
    let asked = [request(17, 0, 1, &text("PLAIN")), heartbeat(2), heartbeat(3)].concat();
    let answers = [response(1, &agreed), response(2, &short(0)), response(3, &short(0))].concat();
    let record = converse(&[(asked, answers)]);
    let ended = |name| (name, 0, Outcome::Answered);
    assert_eq!(ends(&record), [ended("SaslHandshake"), ended("Heartbeat"), ended("Heartbeat")]);
    assert_eq!(record.unparsed_reason(), None);
}

#[test]
fn a_connection_may_begin_with_any_request_where_kafka_is_expected() {
    let (asked, answer) = (produce(1, 1, &batch(0, 3, 10)), produced(1, 0));
    for (proxy, protocol, heard) in
        [(Running::start(), Protocol::Opaque, 0), (Running::expecting(Protocol::Kafka), Protocol::Kafka, 1)]
    {
        let (mut client, mut server) = proxy.connect();
        pass(&mut client, &mut server, &asked);
        pass(&mut server, &mut client, &answer);
        drop((client, server));
        let record = proxy.records.next();
        assert_eq!((&record.protocols[..], record.exchanges.len()), (&[protocol][..], heard));
    }
    // What it says itself counts for more.
    let proxy = Running::expecting(Protocol::Kafka);
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, b"GET / HTTP/1.1\r\n\r\n");
    drop((client, server));
    assert_eq!(proxy.records.next().protocols, [Protocol::Http1]);
}
