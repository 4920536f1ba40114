//! DNS on connections.

use flowfold_flow::{ConnectionOutcome, FailureReason, Outcome, Protocol, UnparsedReason};

use crate::dns_messages::{answer, answer_with, framed, question};
use crate::running::{Running, expect_end, pass};

#[test]
fn answers_find_their_questions_in_any_order() {
    let running = Running::start();
    let (mut client, mut server) = running.connect();
    let questions: Vec<_> = (0..3).map(|id| question(id, 1, &format!("Host{id}.example.com"))).collect();
    for question in &questions {
        pass(&mut client, &mut server, &framed(question));
    }
    for (place, rcode) in [(2, 0), (0, 3), (1, 2)] {
        pass(&mut server, &mut client, &framed(&answer(&questions[place], rcode)));
    }
    drop(client);
    expect_end(&mut server);
    drop(server);
    let record = running.records.next();
    assert_eq!(record.protocols, [Protocol::Dns]);
    let heard: Vec<_> = record.exchanges.iter().map(|heard| (heard.path.as_str(), heard.status)).collect();
    assert_eq!(heard, [("host2.example.com", Some(0)), ("host0.example.com", Some(3)), ("host1.example.com", Some(2))]);
    assert!(record.exchanges.iter().all(|heard| heard.method == "tcp 1" && heard.outcome == Outcome::Answered));
    let bytes: u64 = questions.iter().map(|question| question.len() as u64 + 2).sum();
    assert_eq!((record.to_server.parsed, record.to_client.parsed), (bytes, bytes));
    assert_eq!(record.outcome, Some(ConnectionOutcome::Closed));
}

#[test]
fn an_answer_tells_the_addresses_of_the_name_that_was_asked_for() {
    let running = Running::start();
    let (mut client, mut server) = running.connect();
    for id in 0..4 {
        let question = question(id, 1, "Api.example");
        let mut answer = match id {
            0 | 1 => answer_with(&question, [[192, 0, 2, 7], [192, 0, 2, 8]]),
            2 => answer_with(&question, (0..40).map(|last| [10, 0, 0, last])),
            _ => answer(&question, 0),
        };
        if id == 1 {
            // Refused.
            answer[3] |= 5;
        }
        pass(&mut client, &mut server, &framed(&question));
        pass(&mut server, &mut client, &framed(&answer));
    }
    drop((client, server));
    let heard = running.records.next().exchanges;
    assert!(heard.iter().all(|heard| heard.path == "api.example"));
    assert_eq!(heard[0].addresses, [("192.0.2.7".to_owned(), 20), ("192.0.2.8".to_owned(), 20)]);
    let counts: Vec<_> = heard.iter().map(|heard| heard.addresses.len()).collect();
    assert_eq!(counts, [2, 0, 32, 0], "an error tells none, and a long answer the first ones");
}

#[test]
fn messages_in_pieces_are_read() {
    let running = Running::start();
    let (mut client, mut server) = running.connect();
    let question = question(7, 28, "example.com");
    for byte in framed(&question) {
        pass(&mut client, &mut server, &[byte]);
    }
    for byte in framed(&answer(&question, 0)) {
        pass(&mut server, &mut client, &[byte]);
    }
    drop((client, server));
    let record = running.records.next();
    assert_eq!(record.exchanges.len(), 1);
    assert_eq!((record.exchanges[0].method.as_str(), record.exchanges[0].status), ("tcp 28", Some(0)));
    assert_eq!(record.exchanges[0].request_bytes, question.len() as u64 + 2);
    assert_eq!(record.to_server.total(), question.len() as u64 + 2);
}

#[test]
fn a_question_without_an_answer_ends_with_the_connection() {
    let running = Running::start();
    let (mut client, mut server) = running.connect();
    pass(&mut client, &mut server, &framed(&question(7, 1, "example.com")));
    drop(server);
    expect_end(&mut client);
    drop(client);
    let record = running.records.next();
    assert_eq!(record.exchanges[0].outcome, Outcome::Failed(FailureReason::ServerClosed));
    assert_eq!(record.exchanges[0].status, None);
}

#[test]
fn what_cannot_be_read_is_counted_and_the_next_message_is_read() {
    let running = Running::start();
    let (mut client, mut server) = running.connect();
    let good = question(7, 1, "example.com");
    pass(&mut client, &mut server, &framed(&good));
    pass(&mut client, &mut server, &framed(b"\0\0\0\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01"));
    pass(&mut server, &mut client, &framed(&answer(&question(9, 1, "nobody.asked"), 0)));
    pass(&mut server, &mut client, &framed(&answer(&good, 0)));
    drop((client, server));
    let record = running.records.next();
    assert_eq!(record.exchanges.len(), 1);
    assert_eq!((record.to_server.unparsed, record.to_server.reason), (20, Some(UnparsedReason::MalformedMessage)));
    assert_eq!(record.to_client.reason, Some(UnparsedReason::UnexpectedResponse));
}
