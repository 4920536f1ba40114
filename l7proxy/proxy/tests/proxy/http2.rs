//! What is heard of HTTP/2 connections.

use std::net::{Shutdown, TcpStream};

use flowfold_flow::{ConnectionOutcome, FailureReason, HttpVersion, Outcome, Protocol, UnparsedReason};

use crate::frames::{END_STREAM, PREFACE, SETTINGS, data, frame, get, go_away, headers, push_promise, reset};
use crate::recording::{ConnectionRecord, Heard};
use crate::running::{Running, expect_end, pass};

const OK: &[(&str, &str)] = &[(":status", "200")];

/// How many bytes these are.
fn bytes(pieces: &[impl AsRef<[u8]>]) -> u64 {
    pieces.iter().map(|piece| piece.as_ref().len() as u64).sum()
}

/// A connection that has begun.
fn connected(proxy: &Running) -> (TcpStream, TcpStream) {
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, &[PREFACE, SETTINGS].concat());
    pass(&mut server, &mut client, SETTINGS);
    (client, server)
}

/// The client sends, then the server, and what was heard until then.
fn converse(from_client: &[u8], from_server: &[u8]) -> ConnectionRecord {
    let proxy = Running::start();
    let (mut client, mut server) = connected(&proxy);
    pass(&mut client, &mut server, from_client);
    pass(&mut server, &mut client, from_server);
    drop(client);
    drop(server);
    let record = proxy.records.next();
    assert_eq!(record.to_server.total(), bytes(&[PREFACE, SETTINGS, from_client]));
    assert_eq!(record.to_client.total(), bytes(&[SETTINGS, from_server]));
    record
}

fn ends(record: &ConnectionRecord) -> Vec<(&str, Option<u16>, Outcome)> {
    record.exchanges.iter().map(|one: &Heard| (&*one.path, one.status, one.outcome)).collect()
}

/// Many servers send their settings as soon as they have accepted.
#[test]
fn the_server_may_speak_first() {
    for cut in [1, 5, SETTINGS.len()] {
        let proxy = Running::start();
        let (mut client, mut server) = proxy.connect();
        pass(&mut server, &mut client, &SETTINGS[..cut]);
        pass(&mut client, &mut server, &[PREFACE, SETTINGS, &get(1, "/a")].concat());
        pass(&mut server, &mut client, &[&SETTINGS[cut..], &headers(1, END_STREAM, OK)].concat());
        drop(client);
        drop(server);
        let record = proxy.records.next();
        assert_eq!(record.protocols, [Protocol::Http2], "cut at {cut}");
        assert_eq!(ends(&record), [("/a", Some(200), Outcome::Answered)], "cut at {cut}");
        assert_eq!((record.to_server.opaque, record.to_client.opaque), (0, 0));
        assert_eq!(record.to_client.total(), bytes(&[SETTINGS, &headers(1, END_STREAM, OK)]));
    }
}

#[test]
fn each_stream_is_an_exchange() {
    let requests = [
        headers(1, 0, &[(":method", "POST"), (":scheme", "https"), (":path", "/a?q=1")]),
        get(3, "/b"),
        data(1, 0, b"first "),
        data(1, END_STREAM, b"second"),
    ];
    let responses = [
        headers(3, 0, &[(":status", "103")]),
        headers(3, END_STREAM, &[(":status", "404")]),
        headers(1, 0, OK),
        frame(0x0, 0x8 | END_STREAM, 1, b"\x04body\0\0\0\0"),
    ];
    let record = converse(&requests.concat(), &responses.concat());
    assert_eq!(record.protocols, [Protocol::Http2]);
    let answered = Outcome::Answered;
    assert_eq!(ends(&record), [("/b", Some(404), answered), ("/a", Some(200), answered)]);
    let [short, long] = &record.exchanges[..] else { panic!("two exchanges") };
    assert_eq!((&*short.method, short.version), ("GET", HttpVersion::Http2));
    assert_eq!(short.request_bytes, bytes(&requests[1..2]));
    assert_eq!(short.response_bytes, bytes(&responses[..2]));
    assert_eq!(&*long.method, "POST");
    assert_eq!(long.request_bytes, bytes(&requests) - bytes(&requests[1..2]));
    assert_eq!(long.response_bytes, bytes(&responses[2..]));
    assert_eq!((record.to_server.body, record.to_client.body), (12, 4));
    assert_eq!(record.to_server.unparsed + record.to_client.unparsed, 0);
}

#[test]
fn an_answer_with_trailers_and_a_request_with_trailers_are_whole() {
    let requests = [
        headers(1, 0, &[(":method", "PUT"), (":path", "/t")]),
        data(1, 0, b"x"),
        headers(1, END_STREAM, &[("t", "1")]),
    ];
    let responses = [headers(1, 0, OK), data(1, 0, b"y"), headers(1, END_STREAM, &[("u", "2")])];
    let record = converse(&requests.concat(), &responses.concat());
    assert_eq!(ends(&record), [("/t", Some(200), Outcome::Answered)]);
    assert_eq!(record.exchanges[0].request_bytes, bytes(&requests));
}

#[test]
fn an_early_answer_ends_with_the_reset_that_follows_it() {
    let proxy = Running::start();
    let (mut client, mut server) = connected(&proxy);
    pass(&mut client, &mut server, &headers(1, 0, &[(":method", "POST"), (":path", "/upload")]));
    pass(&mut server, &mut client, &[headers(1, END_STREAM, &[(":status", "413")]), reset(1, 0)].concat());
    // What the client had sent before it heard of that belongs to no exchange any more.
    pass(&mut client, &mut server, &data(1, END_STREAM, b"late"));
    drop((client, server));
    let record = proxy.records.next();
    assert_eq!(ends(&record), [("/upload", Some(413), Outcome::Answered)]);
    assert_eq!(record.to_server.body, 4);
}

#[test]
fn resets_are_told_apart() {
    let requests = [get(1, "/cancelled"), get(3, "/broken"), get(5, "/refused"), reset(1, 8)];
    let responses = [headers(3, 0, OK), reset(3, 2), reset(5, 7), headers(1, END_STREAM, OK)];
    let record = converse(&requests.concat(), &responses.concat());
    assert_eq!(
        ends(&record),
        [
            ("/cancelled", None, Outcome::Failed(FailureReason::ClientCancelled)),
            ("/broken", Some(200), Outcome::Failed(FailureReason::StreamReset)),
            ("/refused", None, Outcome::Failed(FailureReason::Refused)),
        ]
    );
}

#[test]
fn what_a_server_that_goes_away_leaves_out_is_refused() {
    let proxy = Running::start();
    let (mut client, mut server) = connected(&proxy);
    pass(&mut client, &mut server, &[get(1, "/served"), get(3, "/left out")].concat());
    pass(&mut server, &mut client, &go_away(1));
    pass(&mut client, &mut server, &get(5, "/too late"));
    pass(&mut server, &mut client, &headers(1, END_STREAM, OK));
    drop((client, server));
    assert_eq!(
        ends(&proxy.records.next()),
        [
            ("/left out", None, Outcome::Failed(FailureReason::Refused)),
            ("/too late", None, Outcome::Failed(FailureReason::Refused)),
            ("/served", Some(200), Outcome::Answered),
        ]
    );
}

#[test]
fn a_lost_connection_ends_every_stream() {
    let proxy = Running::start();
    let (mut client, mut server) = connected(&proxy);
    pass(&mut client, &mut server, &[get(1, "/a"), get(3, "/b")].concat());
    pass(&mut server, &mut client, &headers(3, 0, OK));
    drop(server);
    expect_end(&mut client);
    drop(client);
    let record = proxy.records.next();
    let lost = Outcome::Failed(FailureReason::ServerClosed);
    assert_eq!(ends(&record), [("/a", None, lost), ("/b", Some(200), lost)]);
    assert_eq!(record.outcome, Some(ConnectionOutcome::Closed));
}

/// HTTP/2 has no half-closed connections: who closes first gives up what is open, whatever the other one does then.
#[test]
fn a_client_that_leaves_first_has_given_its_requests_up() {
    let proxy = Running::start();
    let (mut client, mut server) = connected(&proxy);
    pass(&mut client, &mut server, &[get(1, "/answered"), get(3, "/given up")].concat());
    client.shutdown(Shutdown::Write).expect("the client can stop");
    expect_end(&mut server);
    pass(&mut server, &mut client, &headers(1, END_STREAM, OK));
    drop((server, client));
    let left = Outcome::Failed(FailureReason::ClientClosed);
    assert_eq!(ends(&proxy.records.next()), [("/answered", Some(200), Outcome::Answered), ("/given up", None, left)]);
}

#[test]
fn a_request_that_crosses_the_close_of_its_server_is_lost_by_the_server() {
    let proxy = Running::start();
    let (mut client, mut server) = connected(&proxy);
    server.shutdown(Shutdown::Write).expect("the server can stop");
    expect_end(&mut client);
    pass(&mut client, &mut server, &get(1, "/late"));
    drop((client, server));
    assert_eq!(ends(&proxy.records.next()), [("/late", None, Outcome::Failed(FailureReason::ServerClosed))]);
}

/// What was begun is told all the same.
#[test]
fn a_sink_that_fails_on_one_stream_hears_of_the_others() {
    let proxy = Running::start_with(|recording| recording.faulty_path = Some("/b"));
    let (mut client, mut server) = connected(&proxy);
    pass(&mut client, &mut server, &[get(1, "/a"), get(3, "/b"), get(5, "/c")].concat());
    drop(server);
    expect_end(&mut client);
    drop(client);
    let lost = Outcome::Failed(FailureReason::ServerClosed);
    assert_eq!(ends(&proxy.records.next()), [("/a", None, lost), ("/c", None, Outcome::Unfinished)]);
}

#[test]
fn a_promised_answer_is_an_exchange() {
    let pushed = [(":method", "GET"), (":scheme", "http"), (":path", "/style.css")];
    let responses =
        [push_promise(1, 2, &pushed), headers(1, END_STREAM, OK), headers(2, 0, OK), data(2, END_STREAM, b"a{}")];
    let record = converse(&get(1, "/page"), &responses.concat());
    assert_eq!(ends(&record), [("/page", Some(200), Outcome::Answered), ("/style.css", Some(200), Outcome::Answered)]);
}

/// The last stream that a `GOAWAY` names is one of the client's: it says nothing of those that the server began.
#[test]
fn a_promise_is_not_refused_by_a_server_that_goes_away() {
    let proxy = Running::start();
    let (mut client, mut server) = connected(&proxy);
    pass(&mut client, &mut server, &get(1, "/page"));
    let pushed = [(":method", "GET"), (":scheme", "http"), (":path", "/style.css")];
    let responses = [push_promise(1, 2, &pushed), headers(1, END_STREAM, OK), go_away(1), headers(2, 0, OK)];
    pass(&mut server, &mut client, &responses.concat());
    drop(server);
    expect_end(&mut client);
    drop(client);
    let lost = Outcome::Failed(FailureReason::ServerClosed);
    assert_eq!(ends(&proxy.records.next()), [("/page", Some(200), Outcome::Answered), ("/style.css", Some(200), lost)]);
}

#[test]
fn a_tunnel_in_a_stream_is_opaque_and_its_neighbour_is_not() {
    let proxy = Running::start();
    let (mut client, mut server) = connected(&proxy);
    let connect = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat")];
    pass(&mut client, &mut server, &headers(1, 0, &connect));
    pass(&mut server, &mut client, &headers(1, 0, OK));
    pass(&mut client, &mut server, &[data(1, 0, b"0123456789"), get(3, "/b")].concat());
    pass(&mut server, &mut client, &[data(1, END_STREAM, b"01234"), headers(3, END_STREAM, OK)].concat());
    pass(&mut client, &mut server, &data(1, END_STREAM, b""));
    drop((client, server));
    let record = proxy.records.next();
    assert_eq!(ends(&record), [("/chat", Some(200), Outcome::Answered), ("/b", Some(200), Outcome::Answered)]);
    assert!(record.exchanges[0].tunnel && !record.exchanges[1].tunnel);
    assert_eq!((record.to_server.opaque, record.to_client.opaque), (10, 5));
    assert_eq!((record.to_server.body, record.to_client.body), (0, 0));
}

const CONNECT: &[(&str, &str)] = &[(":method", "CONNECT"), (":authority", "a:1")];

#[test]
fn a_tunnel_whose_client_had_said_all_before_it_began_ends_with_its_server() {
    let mut proxy = Running::start();
    let (mut client, mut server) = connected(&proxy);
    pass(&mut client, &mut server, &[headers(1, 0, CONNECT), data(1, END_STREAM, b"early")].concat());
    pass(&mut server, &mut client, &[headers(1, 0, OK), data(1, END_STREAM, b"all")].concat());
    // Nothing is open, so nothing is waited for.
    proxy.start_drain(std::time::Duration::from_secs(3));
    proxy.join();
    assert_eq!(proxy.records.next().outcome, Some(ConnectionOutcome::Closed));
}

#[test]
fn a_tunnel_does_not_end_with_one_side_that_ends_twice() {
    let from_client = [headers(1, 0, CONNECT), data(1, 0, b"")].concat();
    let proxy = Running::start();
    let (mut client, mut server) = connected(&proxy);
    pass(&mut client, &mut server, &from_client);
    pass(&mut server, &mut client, &headers(1, 0, OK));
    pass(&mut client, &mut server, &[data(1, END_STREAM, b""), data(1, END_STREAM, b"")].concat());
    pass(&mut server, &mut client, &data(1, END_STREAM, b"01234"));
    drop((client, server));
    let record = proxy.records.next();
    assert_eq!((record.to_client.opaque, record.to_client.body), (5, 0));
}

/// A server may grant the upgrade before it has the whole request, whose rest is HTTP/1 then (RFC 7540 section 3.2).
#[test]
fn an_upgrade_may_be_granted_before_the_request_is_whole() {
    let head = b"POST /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
        HTTP2-Settings: AAMAAABk\r\nContent-Length: 6\r\n\r\n";
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    for answered_first in [false, true] {
        let proxy = Running::start();
        let (mut client, mut server) = proxy.connect();
        pass(&mut client, &mut server, &[head, &b"ab"[..]].concat());
        pass(&mut server, &mut client, &[switch, SETTINGS].concat());
        pass(&mut client, &mut server, b"cd");
        let answer = headers(1, END_STREAM, &[(":status", "201")]);
        if answered_first {
            pass(&mut server, &mut client, &answer);
        }
        pass(&mut client, &mut server, &[b"ef", PREFACE, SETTINGS, &get(3, "/next")[..]].concat());
        if !answered_first {
            pass(&mut server, &mut client, &answer);
        }
        pass(&mut server, &mut client, &headers(3, END_STREAM, OK));
        drop((client, server));
        let record = proxy.records.next();
        let answered = Outcome::Answered;
        assert_eq!(ends(&record), [("/up", Some(201), answered), ("/next", Some(200), answered)], "{answered_first}");
        assert_eq!(record.exchanges[0].request_bytes, head.len() as u64 + 6);
        assert_eq!((record.to_server.body, record.to_server.unparsed, record.to_server.opaque), (6, 0, 0));
        assert_eq!(record.to_server.total(), bytes(&[head, &b"abcdef"[..], PREFACE, SETTINGS, &get(3, "/next")]));
    }
}

#[test]
fn an_upgrade_from_http1_answers_on_the_first_stream() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    let request = b"GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
        HTTP2-Settings: AAMAAABk\r\n\r\n";
    pass(&mut client, &mut server, request);
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    pass(&mut server, &mut client, &[switch, SETTINGS, &headers(1, 0, &[(":status", "201")])[..]].concat());
    pass(&mut client, &mut server, &[PREFACE, SETTINGS, &get(3, "/next")[..]].concat());
    pass(&mut server, &mut client, &[data(1, END_STREAM, b"made"), headers(3, END_STREAM, OK)].concat());
    drop((client, server));
    let record = proxy.records.next();
    assert_eq!(record.protocols, [Protocol::Http1, Protocol::Http2]);
    assert_eq!(ends(&record), [("/up", Some(201), Outcome::Answered), ("/next", Some(200), Outcome::Answered)]);
    assert_eq!(record.exchanges[0].version, HttpVersion::Http2);
    assert_eq!(record.to_server.opaque + record.to_client.opaque, 0);
    assert_eq!(record.to_client.body, 4);
}

#[test]
fn what_breaks_the_protocol_flows_on_unparsed() {
    let cases: [(&[u8], &[u8], UnparsedReason); 4] = [
        // an index that no table has
        (&frame(0x1, 0x5, 3, &[0xff, 0xff, 0x01]), b"rest", UnparsedReason::MalformedHead),
        // a header block that is interrupted
        (&[frame(0x1, 0, 3, &[0x82]), data(1, 0, b"x")].concat(), b"rest", UnparsedReason::MalformedFrame),
        // content of a stream that nobody opened
        (&data(9, 0, b"x"), b"rest", UnparsedReason::MalformedFrame),
        // an answer that nobody asked for
        (b"", &[&headers(11, 0, OK)[..], SETTINGS].concat(), UnparsedReason::UnexpectedResponse),
    ];
    for (from_client, from_server, reason) in cases {
        let record = converse(&[&get(1, "/a")[..], from_client].concat(), from_server);
        assert_eq!(record.unparsed_reason(), Some(reason));
        assert_eq!(ends(&record), [("/a", None, Outcome::Unfinished)], "{reason:?}");
    }
}

#[test]
fn a_drain_waits_for_open_streams_and_closes_between_them() {
    let mut proxy = Running::start();
    let (mut client, mut server) = connected(&proxy);
    pass(&mut client, &mut server, &get(1, "/slow"));
    proxy.start_drain(std::time::Duration::from_secs(20));
    pass(&mut server, &mut client, &headers(1, END_STREAM, OK));
    proxy.join();
    let record = proxy.records.next();
    assert_eq!(ends(&record), [("/slow", Some(200), Outcome::Answered)]);
    assert_eq!(record.outcome, Some(ConnectionOutcome::Closed));
}

/// Frames of every kind, on few streams, with lengths and flags that need not fit.
fn random_frames(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut frames = Vec::new();
    for _ in 0..random.usize(1..30) {
        let stream = random.u32(0..12);
        frames.extend(match random.u8(0..8) {
            0..=2 => headers(stream, random.u8(0..2), &[(":method", "GET"), (":path", "/r"), (":status", "200")]),
            3 => headers(stream, random.u8(0..2), &[("grpc-status", "0")]),
            4 => data(stream, random.u8(0..2), &vec![random.u8(..); random.usize(0..40)]),
            5 => reset(stream, random.u32(0..16)),
            6 => go_away(stream),
            _ => frame(random.u8(..), random.u8(..), stream, &vec![random.u8(..); random.usize(0..30)]),
        });
    }
    frames
}

#[test]
fn whatever_frames_come_every_byte_is_in_a_class_and_no_reader_fails() {
    let mut random = fastrand::Rng::with_seed(9113);
    for round in 0..150 {
        let (from_client, from_server) = (random_frames(&mut random), random_frames(&mut random));
        let record = converse(&from_client, &from_server);
        let tallies = record.to_server.unparsed + record.to_client.unparsed;
        assert_eq!(tallies > 0, record.unparsed_reason().is_some(), "round {round}");
        assert_ne!(record.unparsed_reason(), Some(UnparsedReason::DecoderFault), "round {round}");
    }
}
