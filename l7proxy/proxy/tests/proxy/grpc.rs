//! What is heard of gRPC calls.

use std::time::Duration;

use flowfold_flow::{FailureReason, GrpcCall, GrpcFlavour, GrpcMessages, GrpcStatus, Outcome, Protocol, TraceContext};

use crate::frames::{END_STREAM, PREFACE, SETTINGS, data, headers, message, reset};
use crate::recording::{Heard, HeardCall};
use crate::running::{Running, expect_end, pass};

const TRAILERS_OK: &[(&str, &str)] = &[("grpc-status", "0"), ("grpc-message", "")];
const ANSWER: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/grpc+proto")];

fn call(stream: u32, flags: u8, more: &[(&str, &str)]) -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/shop.Ratings/Get"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    headers(stream, flags, &[&fields[..], more].concat())
}

/// What is heard of the only call of a connection, whose client or server may stop with a reset of its stream.
fn hear(steps: &[(Sender, Vec<u8>)]) -> Heard {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, &[PREFACE, SETTINGS].concat());
    for (sender, bytes) in steps {
        match sender {
            Client => pass(&mut client, &mut server, bytes),
            Server => pass(&mut server, &mut client, bytes),
            Nobody => std::thread::sleep(Duration::from_millis(60)),
        }
    }
    drop(server);
    expect_end(&mut client);
    drop(client);
    let mut record = proxy.records.next();
    assert_eq!(record.protocols, [Protocol::Http2]);
    assert_eq!(record.exchanges.len(), 1, "{:?}", record.exchanges);
    record.exchanges.remove(0)
}

#[derive(Clone, Copy)]
enum Sender {
    Client,
    Server,
    Nobody,
}

use Sender::{Client, Nobody, Server};

fn unary(trailers: &[(&str, &str)]) -> Heard {
    hear(&[
        (Client, [call(1, 0, &[]), data(1, END_STREAM, &message(b"ask"))].concat()),
        (Server, [headers(1, 0, ANSWER), data(1, 0, &message(b"answer")), headers(1, END_STREAM, trailers)].concat()),
    ])
}

#[test]
fn a_unary_call_tells_its_messages_and_its_status() {
    let heard = unary(TRAILERS_OK);
    assert_eq!((&*heard.path, heard.status, heard.outcome), ("shop.Ratings/Get", Some(200), Outcome::Answered));
    assert_eq!(
        heard.call,
        Some(HeardCall {
            flavour: GrpcFlavour::Grpc,
            status: Some(GrpcStatus::Ok),
            call: GrpcCall::Unary,
            request: GrpcMessages { count: 1, bytes: 3 },
            response: GrpcMessages { count: 1, bytes: 6 },
            timeout: None,
            first_message_known: true,
        })
    );
    assert_eq!(unary(&[("grpc-status", "5")]).call.expect("a call").status, Some(GrpcStatus::NotFound));
    assert_eq!(unary(&[("grpc-status", "77")]).call.expect("a call").status, Some(GrpcStatus::Unknown));
    assert_eq!(unary(&[("other", "1")]).call.expect("a call").status, Some(GrpcStatus::Unknown));
}

#[test]
fn an_answer_of_trailers_alone_has_the_status() {
    let only = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "16")];
    let heard = hear(&[
        (Client, [call(1, 0, &[]), data(1, END_STREAM, &message(b"ask"))].concat()),
        (Server, headers(1, END_STREAM, &only)),
    ]);
    let told = heard.call.expect("a call");
    assert_eq!((told.status, told.response.count), (Some(GrpcStatus::Unauthenticated), 0));
    assert!(!told.first_message_known && heard.first_byte_known);
}

#[test]
fn an_answer_that_is_not_grpc_has_the_status_that_clients_make_of_it() {
    for (http, grpc) in [("404", GrpcStatus::Unimplemented), ("503", GrpcStatus::Unavailable)] {
        let heard = hear(&[
            (Client, call(1, END_STREAM, &[])),
            (Server, headers(1, END_STREAM, &[(":status", http), ("content-type", "text/html")])),
        ]);
        assert_eq!(heard.call.expect("a call").status, Some(grpc));
    }
}

/// What a proxy in front of the server says in its own words holds no messages.
#[test]
fn content_of_an_answer_that_is_not_grpc_is_no_message() {
    for content in [&b"upstream connect error"[..], &message(b"as if")] {
        let heard = hear(&[
            (Client, call(1, END_STREAM, &[])),
            (Server, headers(1, 0, &[(":status", "503"), ("content-type", "text/plain")])),
            (Server, data(1, END_STREAM, content)),
        ]);
        let told = heard.call.expect("a call");
        assert_eq!((told.response.count, told.first_message_known), (0, false));
        assert_eq!(told.status, Some(GrpcStatus::Unavailable));
    }
}

/// A client of gRPC-Web may ask in one of its two forms and accept the other.
#[test]
fn an_answer_is_read_in_the_form_that_it_has() {
    let fields = [(":method", "POST"), (":path", "/shop.Ratings/Get"), ("content-type", "application/grpc-web")];
    let heard = hear(&[
        (Client, [headers(1, 0, &fields), data(1, END_STREAM, &message(b"ask"))].concat()),
        (Server, headers(1, 0, &[(":status", "200"), ("content-type", "application/grpc-web-text")])),
        // A message of three bytes, and `grpc-status:7` as trailers.
        (Server, data(1, END_STREAM, b"AAAAAANhc2s=gAAAAA1ncnBjLXN0YXR1czo3")),
    ]);
    let told = heard.call.expect("a call");
    assert_eq!(told.response, GrpcMessages { count: 1, bytes: 3 });
    assert_eq!(told.status, Some(GrpcStatus::PermissionDenied));
}

#[test]
fn streams_show_in_their_messages() {
    let two = [message(b"one"), message(b"two")].concat();
    let (front, back) = two.split_at(5);
    let cases = [
        (two.clone(), message(b"x"), GrpcCall::ClientStream),
        (message(b"x"), two.clone(), GrpcCall::ServerStream),
        (two.clone(), two.clone(), GrpcCall::BidiStream),
        (Vec::new(), Vec::new(), GrpcCall::Unary),
    ];
    for (asked, answered, expected) in cases {
        let heard = hear(&[
            (Client, [call(1, 0, &[]), data(1, END_STREAM, &asked)].concat()),
            (Server, [headers(1, 0, ANSWER), data(1, 0, &answered), headers(1, END_STREAM, TRAILERS_OK)].concat()),
        ]);
        assert_eq!(heard.call.expect("a call").call, expected);
    }
    // Frames need not end where messages do.
    let heard = hear(&[
        (Client, [call(1, 0, &[]), data(1, 0, front), data(1, END_STREAM, back)].concat()),
        (Server, [headers(1, 0, ANSWER), headers(1, END_STREAM, TRAILERS_OK)].concat()),
    ]);
    assert_eq!(heard.call.expect("a call").request, GrpcMessages { count: 2, bytes: 6 });
}

#[test]
fn a_client_that_gives_up_cancels_and_after_its_own_deadline_it_timed_out() {
    let cancelled = hear(&[(Client, call(1, 0, &[("grpc-timeout", "10S")])), (Client, reset(1, 8))]);
    assert_eq!(cancelled.outcome, Outcome::Failed(FailureReason::ClientCancelled));
    let told = cancelled.call.expect("a call");
    assert_eq!((told.status, told.timeout), (Some(GrpcStatus::Cancelled), Some(Duration::from_secs(10))));

    let late = hear(&[(Client, call(1, 0, &[("grpc-timeout", "50m")])), (Nobody, Vec::new()), (Client, reset(1, 8))]);
    assert_eq!(late.outcome, Outcome::Failed(FailureReason::DeadlineExceeded));
    assert_eq!(late.call.expect("a call").status, Some(GrpcStatus::DeadlineExceeded));
}

#[test]
fn a_server_that_breaks_off_and_a_connection_that_is_lost_are_told_apart() {
    let broken = hear(&[(Client, call(1, 0, &[])), (Server, [headers(1, 0, ANSWER), reset(1, 11)].concat())]);
    assert_eq!(broken.outcome, Outcome::Failed(FailureReason::StreamReset));
    assert_eq!(broken.call.expect("a call").status, Some(GrpcStatus::ResourceExhausted));

    let lost = hear(&[(Client, call(1, END_STREAM, &[]))]);
    assert_eq!(lost.outcome, Outcome::Failed(FailureReason::ServerClosed));
    assert_eq!(lost.call.expect("a call").status, Some(GrpcStatus::Unavailable));
}

#[test]
fn a_call_belongs_to_the_trace_that_its_client_names() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let heard = hear(&[
        (Client, call(1, END_STREAM, &[("traceparent", parent)])),
        (Server, headers(1, END_STREAM, &[(":status", "200"), ("grpc-status", "0")])),
    ]);
    let trace = TraceContext {
        trace_id: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes(),
        parent_span_id: 0xb7ad_6b71_6920_3331_u64.to_be_bytes(),
        sampled: true,
    };
    assert_eq!(heard.trace, Some(trace));
}

/// What is heard of a call of gRPC-Web in HTTP/1 with this answer.
fn web_call(fields: &str, content: &[u8]) -> Heard {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    let ask = message(b"ask");
    let start = format!(
        "POST /shop.Ratings/Get HTTP/1.1\r\nContent-Type: application/grpc-web+proto\r\nContent-Length: {}\r\n\r\n",
        ask.len()
    );
    pass(&mut client, &mut server, &[start.as_bytes(), &ask].concat());
    let start = format!("HTTP/1.1 {fields}\r\nContent-Length: {}\r\n\r\n", content.len());
    pass(&mut server, &mut client, &[start.as_bytes(), content].concat());
    drop((client, server));
    proxy.records.next().exchanges.remove(0)
}

#[test]
fn grpc_web_over_http1_is_a_call_of_its_own_kind() {
    let answer = [&message(b"answer")[..], &[0x80, 0, 0, 0, 16], b"grpc-status: 7\r\n"].concat();
    let heard = web_call("200 OK\r\nContent-Type: application/grpc-web+proto", &answer);
    assert_eq!((&*heard.path, heard.outcome), ("shop.Ratings/Get", Outcome::Answered));
    let told = heard.call.expect("a call");
    assert_eq!((told.flavour, told.status), (GrpcFlavour::Web, Some(GrpcStatus::PermissionDenied)));
    assert_eq!((told.request.count, told.response.count), (1, 1));
}

/// A call that has no messages is answered in the head, in HTTP/1 too.
#[test]
fn an_answer_of_grpc_web_over_http1_may_have_its_status_in_the_head() {
    let heard = web_call("200 OK\r\nContent-Type: application/grpc-web+proto\r\ngrpc-status: 12", b"");
    assert_eq!(heard.call.expect("a call").status, Some(GrpcStatus::Unimplemented));
    let told = web_call("503 Down\r\nContent-Type: text/plain", b"no server").call.expect("a call");
    assert_eq!((told.status, told.first_message_known), (Some(GrpcStatus::Unavailable), false));
}
