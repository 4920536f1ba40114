//! What is heard of HTTP/1 connections.

use std::io::Write;
use std::net::Shutdown;

use flowfold_flow::{FailureReason, HttpVersion, Outcome, Protocol, UnparsedReason};

use crate::recording::Heard;
use crate::running::{Running, expect_end, pass};

fn answered(method: &str, path: &str, status: u16, request: &[u8], response: &[u8]) -> Heard {
    Heard {
        method: method.into(),
        path: path.into(),
        status: Some(status),
        version: HttpVersion::Http11,
        outcome: Outcome::Answered,
        tunnel: false,
        request_bytes: request.len() as u64,
        response_bytes: response.len() as u64,
        first_byte_known: true,
        call: None,
        kafka: None,
        addresses: Vec::new(),
        trace: None,
    }
}

const GET: &[u8] = b"GET /items/7?q=1 HTTP/1.1\r\nHost: shop\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn keep_alive_exchanges_are_heard_one_by_one() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    for _ in 0..3 {
        pass(&mut client, &mut server, GET);
        pass(&mut server, &mut client, OK);
    }
    drop(client);
    expect_end(&mut server);
    drop(server);
    let record = proxy.records.next();
    assert_eq!(record.protocols, [Protocol::Http1]);
    assert_eq!(record.exchanges, vec![answered("GET", "/items/7", 200, GET, OK); 3]);
    assert_eq!(record.to_server.parsed, 3 * GET.len() as u64);
    assert_eq!((record.to_client.body, record.to_client.total()), (15, 3 * OK.len() as u64));
}

#[test]
fn pipelined_requests_are_paired_in_order() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    let requests = b"HEAD /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nxyGET /c HTTP/1.1\r\n\r\n";
    pass(&mut client, &mut server, requests);
    let responses = [
        &b"HTTP/1.1 404 no\r\nContent-Length: 9\r\n\r\n"[..],
        b"HTTP/1.1 100 go on\r\n\r\nHTTP/1.1 201 made\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\nT: u\r\n\r\n",
        b"HTTP/1.1 304 same\r\n\r\n",
    ];
    pass(&mut server, &mut client, &responses.concat());
    drop((client, server));
    let heard = proxy.records.next().exchanges;
    let [first, second, third] = &heard[..] else { panic!("three exchanges: {heard:?}") };
    assert_eq!((&*first.method, &*first.path, first.status), ("HEAD", "/a", Some(404)));
    assert_eq!((&*second.method, &*second.path, second.status), ("POST", "/b", Some(201)));
    assert_eq!(second.response_bytes, responses[1].len() as u64);
    assert_eq!((&*third.method, &*third.path, third.status), ("GET", "/c", Some(304)));
}

#[test]
fn an_early_answer_counts_when_its_request_has_ended() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, b"PUT /big HTTP/1.1\r\nContent-Length: 4\r\n\r\nab");
    pass(&mut server, &mut client, b"HTTP/1.1 413 too big\r\nContent-Length: 0\r\n\r\n");
    pass(&mut client, &mut server, b"cd");
    pass(&mut client, &mut server, GET);
    pass(&mut server, &mut client, OK);
    drop((client, server));
    let heard = proxy.records.next().exchanges;
    assert_eq!(
        heard.iter().map(|one| (one.status, one.outcome)).collect::<Vec<_>>(),
        [(Some(413), Outcome::Answered), (Some(200), Outcome::Answered)]
    );
}

#[test]
fn a_server_that_closes_without_an_answer_has_failed() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, GET);
    pass(&mut server, &mut client, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    drop(server);
    expect_end(&mut client);
    drop(client);
    let heard = proxy.records.next().exchanges;
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].status, heard[0].outcome), (Some(200), Outcome::Failed(FailureReason::ServerClosed)));
}

#[test]
fn a_client_that_stops_in_its_request_has_failed() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab");
    client.shutdown(Shutdown::Write).expect("half a close");
    expect_end(&mut server);
    drop(server);
    expect_end(&mut client);
    let heard = proxy.records.next().exchanges;
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].status, heard[0].outcome), (None, Outcome::Failed(FailureReason::ClientClosed)));
    assert!(!heard[0].first_byte_known);
}

#[test]
fn an_answer_without_a_length_ends_with_the_connection() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, b"GET / HTTP/1.0\r\n\r\n");
    pass(&mut server, &mut client, b"HTTP/1.0 200 OK\r\n\r\nand so on");
    drop(server);
    expect_end(&mut client);
    drop(client);
    let heard = proxy.records.next().exchanges;
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].version, heard[0].outcome), (HttpVersion::Http10, Outcome::Answered));
}

#[test]
fn a_tunnel_ends_the_reading_and_its_bytes_are_opaque() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    let upgrade = b"GET /chat HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    // The client doesn't wait for the answer before it uses the tunnel.
    pass(&mut client, &mut server, &[&upgrade[..], b"\x81\x02hi"].concat());
    pass(
        &mut server,
        &mut client,
        b"HTTP/1.1 101 switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x01x",
    );
    pass(&mut client, &mut server, b"GET /not-a-request HTTP/1.1\r\n\r\n");
    drop((client, server));
    let record = proxy.records.next();
    assert_eq!(record.protocols, [Protocol::Http1, Protocol::Opaque]);
    assert_eq!(record.exchanges.len(), 1);
    assert!(record.exchanges[0].tunnel);
    assert_eq!(record.exchanges[0].status, Some(101));
    assert_eq!((record.to_server.opaque, record.to_client.opaque), (4 + 31, 3));
}

#[test]
fn a_refused_upgrade_goes_on_as_http() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    let upgrade = b"GET /a HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n";
    pass(&mut client, &mut server, &[&upgrade[..], GET].concat());
    pass(&mut server, &mut client, &[OK, OK].concat());
    drop((client, server));
    let record = proxy.records.next();
    let paths: Vec<_> = record.exchanges.iter().map(|one| (&*one.path, one.status)).collect();
    assert_eq!(paths, [("/a", Some(200)), ("/items/7", Some(200))]);
    assert_eq!(record.to_server.parsed, (upgrade.len() + GET.len()) as u64);
}

#[test]
fn what_breaks_the_grammar_flows_on_unread() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, GET);
    pass(&mut server, &mut client, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab");
    pass(&mut client, &mut server, b"anything at all");
    pass(&mut server, &mut client, b"and back");
    drop((client, server));
    let record = proxy.records.next();
    assert_eq!(record.unparsed_reason(), Some(UnparsedReason::AmbiguousLength));
    assert_eq!(record.exchanges.iter().map(|one| one.outcome).collect::<Vec<_>>(), [Outcome::Unfinished]);
    assert_eq!(record.to_server.unparsed, 15);
}

#[test]
fn a_fault_in_what_listens_ends_the_reading_alone() {
    let proxy = Running::start_with(|recording| recording.faulty_path = Some("/items/7"));
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, GET);
    pass(&mut server, &mut client, OK);
    pass(&mut client, &mut server, GET);
    pass(&mut server, &mut client, OK);
    drop((client, server));
    let record = proxy.records.next();
    assert_eq!(record.unparsed_reason(), Some(UnparsedReason::DecoderFault));
    assert_eq!(record.to_client.total(), 2 * OK.len() as u64);
    assert_eq!(record.to_server.total(), 2 * GET.len() as u64);
}

#[test]
fn a_server_that_speaks_first_is_opaque() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    pass(&mut server, &mut client, b"220 ready\r\n");
    pass(&mut client, &mut server, b"GET / HTTP/1.1\r\n\r\n");
    drop((client, server));
    let record = proxy.records.next();
    assert_eq!(record.protocols, [Protocol::Opaque]);
    assert_eq!((record.to_server.opaque, record.to_client.opaque), (18, 11));
}

#[test]
fn a_request_that_arrives_byte_by_byte_is_heard_once() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    for byte in GET {
        pass(&mut client, &mut server, std::slice::from_ref(byte));
    }
    for byte in OK {
        pass(&mut server, &mut client, std::slice::from_ref(byte));
    }
    drop((client, server));
    assert_eq!(proxy.records.next().exchanges, [answered("GET", "/items/7", 200, GET, OK)]);
}

#[test]
fn too_many_requests_in_flight_flow_on_unread() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    let many = GET.repeat(300);
    pass(&mut client, &mut server, &many);
    pass(&mut server, &mut client, &OK.repeat(300));
    client.flush().expect("sent");
    drop((client, server));
    let record = proxy.records.next();
    assert_eq!(record.unparsed_reason(), Some(UnparsedReason::TooManyInFlight));
    assert_eq!(record.exchanges.len(), 257);
    assert_eq!(record.to_server.total(), many.len() as u64);
}
