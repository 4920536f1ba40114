//! Datagrams: relayed as they are, and read as DNS.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use flowfold_flow::{ConnectionInfo, ConnectionOutcome, FailureReason, Outcome, Protocol, Refusal, UnparsedReason};
use flowfold_proxy::{Accepted, FixedDestination, MAX_FLOWS, OriginalDestination};

use crate::dns_messages::{answer, question};
use crate::running::{Running, fixed};

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
fn a_question_that_is_asked_again_is_one() {
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
    let [lookup] = &record.exchanges[..] else { panic!("{:?}", record.exchanges) };
    assert_eq!((lookup.outcome, lookup.request_bytes), (Outcome::Answered, 2 * asked.len() as u64));
    assert_eq!(record.to_client.reason, Some(UnparsedReason::UnexpectedResponse), "the third answer");
    assert_eq!(record.to_client.unparsed, asked.len() as u64);
}

#[test]
fn the_same_id_with_another_name_is_another_question() {
    let (running, server) = start();
    let client = client_of(&running);
    let questions = ["a.example", "b.example"].map(|name| question(7, 1, name));
    let at_server = questions.each_ref().map(|asked| {
        client.send(asked).expect("it can be sent");
        receive(&server)
    });
    for (asked, from) in at_server.iter().rev() {
        server.send_to(&answer(asked, 0), from).expect("it can be sent");
        assert_eq!(receive(&client).0, answer(asked, 0));
    }
    running.start_drain(Duration::ZERO);
    let record = running.records.next();
    let names: Vec<_> = record.exchanges.iter().map(|heard| (&heard.path[..], heard.outcome)).collect();
    assert_eq!(names, [("b.example", Outcome::Answered), ("a.example", Outcome::Answered)]);
}

/// Longer than a lookup is waited for.
const LATE: Duration = Duration::from_millis(10_500);

#[test]
fn an_answer_after_the_time_out_is_handed_on() {
    let (running, server) = start();
    let client = client_of(&running);
    let asked = question(7, 1, "example.com");
    client.send(&asked).expect("it can be sent");
    let from = receive(&server).1;
    std::thread::sleep(LATE);
    assert_eq!(
        running.recording.exchanges.lock().expect("no panic")[0].outcome,
        Outcome::Failed(FailureReason::Timeout)
    );
    server.send_to(&answer(&asked, 0), from).expect("it can be sent");
    assert_eq!(receive(&client).0, answer(&asked, 0));
}

#[test]
fn the_answer_to_an_update_may_take_its_time() {
    let (running, server) = start();
    let client = client_of(&running);
    let mut update = question(7, 6, "example.com");
    update[2] = 5 << 3;
    client.send(&update).expect("it can be sent");
    let (got, from) = receive(&server);
    assert_eq!(got, update);
    std::thread::sleep(Duration::from_secs(4));
    server.send_to(&answer(&update, 0), from).expect("it can be sent");
    assert_eq!(receive(&client).0, answer(&update, 0));
    running.start_drain(Duration::ZERO);
    let record = running.records.next();
    assert_eq!((record.exchanges.len(), record.to_client.unparsed), (0, 0));
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

/// A worker that holds two flows, and what its destinations do.
fn start_with_room_for_two() -> (Running, UdpSocket) {
    let server = socket();
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let destinations = fixed(server.local_addr().expect("it is bound"));
    (Running::with_flows(listener, destinations, 2, |_| {}), server)
}

/// Asks, and waits until the server has the question.
fn ask(client: &UdpSocket, server: &UdpSocket, name: &str) -> (Vec<u8>, SocketAddr) {
    client.send(&question(7, 1, name)).expect("it can be sent");
    receive(server)
}

#[test]
fn room_is_made_at_the_cost_of_an_idle_flow() {
    let (running, server) = start_with_room_for_two();
    let [waits, idle, third] = [(); 3].map(|()| client_of(&running));
    let waiting = ask(&waits, &server, "waits.example");
    let answered = ask(&idle, &server, "idle.example");
    server.send_to(&answer(&answered.0, 0), answered.1).expect("it can be sent");
    receive(&idle);
    ask(&third, &server, "third.example");
    let record = running.records.next();
    assert_eq!((&record.exchanges[0].path[..], record.exchanges[0].outcome), ("idle.example", Outcome::Answered));
    server.send_to(&answer(&waiting.0, 0), waiting.1).expect("it can be sent");
    assert_eq!(receive(&waits).0, answer(&waiting.0, 0), "the older flow was spared");
}

#[test]
fn room_is_made_at_the_cost_of_the_oldest_flow_where_all_wait() {
    let (running, server) = start_with_room_for_two();
    let clients = [(); 4].map(|()| client_of(&running));
    let names = ["a.example", "b.example", "c.example", "d.example"];
    let asked: Vec<_> = clients.iter().zip(names).map(|(client, name)| ask(client, &server, name)).collect();
    for name in &names[..2] {
        let record = running.records.next();
        let lost = &record.exchanges[0];
        assert_eq!((&lost.path[..], lost.outcome), (*name, Outcome::Failed(FailureReason::AgentStopped)));
    }
    for (client, (asked, from)) in clients.iter().zip(asked).skip(2) {
        server.send_to(&answer(&asked, 0), from).expect("it can be sent");
        assert_eq!(receive(client).0, answer(&asked, 0));
    }
}

/// Does as it is told by what a client's first datagram meets.
struct Odd {
    fixed: FixedDestination,
    /// Panics when it is asked for the first time.
    is_faulty: Cell<bool>,
    has_no_sockets: bool,
    /// How long it looks for the destination, which holds up the datagrams behind.
    takes: Duration,
    told: Sender<(SocketAddr, ErrorKind)>,
}

impl OriginalDestination for Odd {
    fn resolve(&self, accepted: &Accepted) -> Result<Arc<ConnectionInfo>, Refusal> {
        self.fixed.resolve(accepted)
    }

    fn prepare(&self, socket: BorrowedFd<'_>, info: &ConnectionInfo) -> io::Result<()> {
        self.fixed.prepare(socket, info)
    }

    fn out_of_ports(&self, info: &ConnectionInfo) {
        self.fixed.out_of_ports(info);
    }

    fn resolve_datagram(&self, accepted: &Accepted) -> Result<Arc<ConnectionInfo>, Refusal> {
        assert!(!self.is_faulty.take(), "a fault that a test asked for");
        std::thread::sleep(self.takes);
        self.fixed.resolve_datagram(accepted)
    }

    fn prepare_datagrams(&self, _socket: BorrowedFd<'_>, _info: &ConnectionInfo) -> io::Result<()> {
        if self.has_no_sockets { Err(ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }

    fn tell_unreachable(&self, accepted: &Accepted, error: &io::Error) {
        self.told.send((accepted.peer, error.kind())).expect("the test listens");
    }
}

fn start_odd(is_faulty: bool, has_no_sockets: bool) -> (Running, UdpSocket, Receiver<(SocketAddr, ErrorKind)>) {
    let server = socket();
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let fixed = fixed(server.local_addr().expect("it is bound"));
    let (told, hears) = channel();
    let odd = Odd { fixed, is_faulty: Cell::new(is_faulty), has_no_sockets, takes: Duration::ZERO, told };
    (Running::with_flows(listener, odd, MAX_FLOWS, |_| {}), server, hears)
}

#[test]
fn a_client_that_gets_no_socket_is_told() {
    let (running, _server, hears) = start_odd(false, true);
    let client = client_of(&running);
    client.send(&question(7, 1, "example.com")).expect("it can be sent");
    let told = hears.recv_timeout(PATIENCE).expect("the client is told");
    assert_eq!(told, (client.local_addr().expect("it is bound"), ErrorKind::ConnectionRefused));
    assert_eq!(running.status.open_connections(), 0);
}

#[test]
fn a_client_whose_flow_was_just_closed_gets_another() {
    let server = socket();
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let fixed = fixed(server.local_addr().expect("it is bound"));
    let (told, _hears) = channel();
    let (is_faulty, takes) = (Cell::new(false), Duration::from_millis(100));
    let slow = Odd { fixed, is_faulty, has_no_sockets: false, takes, told };
    let running = Running::with_flows(listener, slow, 2, |_| {});
    let [first, second, third] = [(); 3].map(|()| client_of(&running));
    ask(&first, &server, "first.example");
    ask(&second, &server, "second.example");
    // Both are taken in one turn: the third client's costs the first one's flow, and that one asks again at once.
    third.send(&question(7, 1, "third.example")).expect("it can be sent");
    first.send(&question(8, 1, "again.example")).expect("it can be sent");
    let at_server = [(); 2].map(|()| receive(&server));
    let (again, from) =
        at_server.iter().find(|(got, _)| *got == question(8, 1, "again.example")).expect("it was asked");
    server.send_to(&answer(again, 0), from).expect("it can be sent");
    assert_eq!(receive(&first).0, answer(again, 0));
}

#[test]
fn a_fault_costs_one_datagram() {
    let (running, server, _hears) = start_odd(true, false);
    let client = client_of(&running);
    for name in ["lost.example", "comes.example"] {
        client.send(&question(7, 1, name)).expect("it can be sent");
    }
    assert_eq!(receive(&server).0, question(7, 1, "comes.example"));
    assert_eq!(running.recording.lost.load(Ordering::Relaxed), 1);
}
