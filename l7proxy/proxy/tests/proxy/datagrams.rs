//! Datagrams: relayed as they are, and read as DNS.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use flowfold_flow::{ConnectionOutcome, FailureReason, Outcome, Protocol, UnparsedReason};

use crate::dns_messages::{answer, question};
use crate::running::Running;

const PATIENCE: Duration = Duration::from_secs(20);

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback can be bound");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    socket
}

/// A worker in front of a server of datagrams, and the server.
fn start() -> (Running, UdpSocket) {
    let server = socket();
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    (Running::in_front_of(listener, server.local_addr().expect("it is bound"), |_| {}), server)
}

fn client_of(running: &Running) -> UdpSocket {
    let client = socket();
    client.connect(running.datagrams).expect("loopback has a route");
    client
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let (length, from) = socket.recv_from(&mut buffer).expect("a datagram comes");
    buffer.truncate(length);
    (buffer, from)
}

#[test]
fn many_questions_of_one_socket_find_their_answers() {
    let (running, server) = start();
    let client = client_of(&running);
    let questions: Vec<_> = (0..100).map(|id| question(id, 1, &format!("h{id}.example"))).collect();
    let mut at_server = Vec::new();
    for question in &questions {
        client.send(question).expect("it can be sent");
        at_server.push(receive(&server));
    }
    let from = at_server[0].1;
    assert!(at_server.iter().zip(&questions).all(|((got, port), sent)| got == sent && *port == from));
    for (question, _) in at_server.iter().rev() {
        server.send_to(&answer(question, 0), from).expect("it can be sent");
        assert_eq!(receive(&client), (answer(question, 0), running.datagrams));
    }
    // The flow ends by itself, once it is quiet.
    let record = running.records.next();
    assert_eq!((record.protocols, record.outcome), (vec![Protocol::Dns], Some(ConnectionOutcome::Silent)));
    assert_eq!(record.exchanges.len(), 100);
    assert!(record.exchanges.iter().all(|heard| heard.outcome == Outcome::Answered && heard.method == "udp 1"));
    assert_eq!(record.exchanges[0].path, "h99.example");
    assert_eq!(running.status.open_connections(), 0);
}

#[test]
fn clients_have_a_socket_each() {
    let (running, server) = start();
    let clients = [client_of(&running), client_of(&running)];
    let asked = question(7, 1, "example.com");
    let ports: Vec<_> = clients
        .iter()
        .map(|client| {
            client.send(&asked).expect("it can be sent");
            receive(&server).1
        })
        .collect();
    assert_ne!(ports[0], ports[1]);
    for (client, port) in clients.iter().zip(ports) {
        server.send_to(&answer(&asked, 3), port).expect("it can be sent");
        assert_eq!(receive(client).0, answer(&asked, 3));
    }
}

#[test]
fn a_question_that_is_asked_again_is_two() {
    let (running, server) = start();
    let client = client_of(&running);
    let asked = question(7, 1, "example.com");
    for _ in 0..2 {
        client.send(&asked).expect("it can be sent");
    }
    let from = receive(&server).1;
    for _ in 0..3 {
        server.send_to(&answer(&asked, 0), from).expect("it can be sent");
        receive(&client);
    }
    running.start_drain(Duration::ZERO);
    let record = running.records.next();
    assert_eq!(record.exchanges.len(), 2);
    assert_eq!(record.to_client.reason, Some(UnparsedReason::UnexpectedResponse), "the third answer");
    assert_eq!(record.to_client.unparsed, asked.len() as u64);
}

#[test]
fn what_is_no_dns_passes_and_is_counted() {
    let (running, server) = start();
    let client = client_of(&running);
    for length in [0, 1, 12, 1400, 60_000] {
        let datagram: Vec<u8> = (0..length).map(|at: u32| at.to_le_bytes()[0]).collect();
        client.send(&datagram).expect("it can be sent");
        let (got, from) = receive(&server);
        assert_eq!(got, datagram);
        server.send_to(&got, from).expect("it can be sent");
        assert_eq!(receive(&client).0, datagram);
    }
    running.start_drain(Duration::ZERO);
    let record = running.records.next();
    let all = 1 + 12 + 1400 + 60_000;
    assert_eq!((record.to_server.total(), record.to_client.total()), (all, all));
    assert_eq!(record.to_client.unparsed + record.to_client.parsed, all);
}

#[test]
fn a_server_that_refuses_fails_the_lookup() {
    let gone = socket().local_addr().expect("it was bound");
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let running = Running::in_front_of(listener, gone, |_| {});
    let client = client_of(&running);
    client.send(&question(7, 1, "example.com")).expect("it can be sent");
    let record = running.records.next();
    assert_eq!(record.exchanges[0].outcome, Outcome::Failed(FailureReason::ConnectFailed));
}

#[test]
fn a_drain_waits_for_answers_and_not_for_silence() {
    let (mut running, server) = start();
    let client = client_of(&running);
    let asked = question(7, 1, "example.com");
    client.send(&asked).expect("it can be sent");
    let from = receive(&server).1;
    running.start_drain(PATIENCE);
    std::thread::sleep(Duration::from_millis(300));
    server.send_to(&answer(&asked, 0), from).expect("it can be sent");
    assert_eq!(receive(&client).0, answer(&asked, 0));
    let since = std::time::Instant::now();
    running.join();
    assert!(since.elapsed() < Duration::from_secs(2), "the flow would have been kept for longer");
    assert_eq!(running.records.next().exchanges[0].outcome, Outcome::Answered);
}

#[test]
fn a_drain_that_ends_cuts_lookups_off() {
    let (mut running, server) = start();
    let client = client_of(&running);
    client.send(&question(7, 1, "example.com")).expect("it can be sent");
    receive(&server);
    running.start_drain(Duration::from_millis(100));
    running.join();
    assert_eq!(running.records.next().exchanges[0].outcome, Outcome::Failed(FailureReason::AgentStopped));
}
