//! Datagrams that pass by: followed as flows, and read as DNS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowfold_flow::{
    ConnectionInfo, ConnectionOutcome, FailureReason, Outcome, Protocol, Reporters, Side, UnparsedReason, Workload,
};
use flowfold_proxy::{Datagram, DatagramReader, MAX_FLOWS};

use crate::dns_messages::{answer, question};
use crate::recording::{ConnectionRecord, Heard, Recording, Records};

/// A reader, and a clock that a test moves.
struct Reading {
    reader: DatagramReader<Recording>,
    recording: Recording,
    records: Records,
    now: Instant,
}

/// A client's socket.
#[derive(Clone, Copy)]
struct Socket {
    number: u64,
    local: SocketAddr,
}

fn socket(number: u64) -> Socket {
    let port = 40_000 + u16::try_from(number).expect("a test has few");
    Socket { number, local: SocketAddr::from(([10, 0, 0, 1], port)) }
}

fn server() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 53], 53))
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Reading {
    fn start() -> Self {
        Self::with_room(MAX_FLOWS)
    }

    fn with_room(max_flows: usize) -> Self {
        Self::with(max_flows, |_| {})
    }

    fn with(max_flows: usize, change: impl FnOnce(&mut Recording)) -> Self {
        let (mut recording, records) = Recording::new();
        change(&mut recording);
        Self { reader: DatagramReader::new(recording.clone(), max_flows), recording, records, now: Instant::now() }
    }

    /// A datagram of a kind passes by, a millisecond after the one before. Whether there was room for it.
    fn pass(&mut self, socket: Socket, side: Side, payload: &[u8], bytes: usize) -> bool {
        self.now += Duration::from_millis(1);
        let datagram = Datagram {
            socket: socket.number,
            is_at_server: false,
            client: socket.local,
            server: server(),
            side,
            bytes: bytes as u64,
            payload,
            at: self.now,
        };
        self.reader.read(&datagram, || ConnectionInfo {
            reporters: Reporters::CLIENT,
            client: socket.local,
            server: server(),
            source: Arc::new(Workload::named("client")),
            destination: Arc::new(Workload::named("server")),
        })
    }

    fn ask(&mut self, socket: Socket, message: &[u8]) {
        assert!(self.pass(socket, Side::ClientToServer, message, message.len()));
    }

    fn answer(&mut self, socket: Socket, message: &[u8]) {
        assert!(self.pass(socket, Side::ServerToClient, message, message.len()));
    }

    /// Time goes by.
    fn wait(&mut self, duration: Duration) {
        self.now += duration;
        self.reader.look(self.now);
    }

    /// What was told until now.
    fn heard(&self) -> Vec<Heard> {
        self.recording.exchanges.lock().expect("no panic").clone()
    }

    /// Names, and how they ended.
    fn outcomes(&self) -> Vec<(String, Outcome)> {
        self.heard().into_iter().map(|heard| (heard.path, heard.outcome)).collect()
    }

    /// Ends everything and returns what was told of the only flow.
    fn finish(mut self) -> ConnectionRecord {
        self.reader.finish();
        let record = self.records.next();
        drop((self.reader, self.recording));
        assert!(self.records.is_over(), "there was one flow");
        record
    }
}

const ANSWERED: Outcome = Outcome::Answered;
const TIMED_OUT: Outcome = Outcome::Failed(FailureReason::Timeout);
const UNREACHABLE: Outcome = Outcome::Failed(FailureReason::ConnectFailed);

fn named(name: &str, outcome: Outcome) -> (String, Outcome) {
    (name.to_owned(), outcome)
}

#[test]
fn many_questions_of_one_socket_find_their_answers() {
    let mut reading = Reading::start();
    let questions: Vec<_> = (0..100).map(|id| question(id, 1, &format!("h{id}.example"))).collect();
    for question in &questions {
        reading.ask(socket(1), question);
    }
    for question in questions.iter().rev() {
        reading.answer(socket(1), &answer(question, 0));
    }
    // The flow ends by itself, once it is quiet.
    reading.wait(secs(3));
    let record = reading.records.next();
    assert_eq!((record.protocols, record.outcome), (vec![Protocol::Dns], Some(ConnectionOutcome::Silent)));
    assert_eq!(record.exchanges.len(), 100);
    assert!(record.exchanges.iter().all(|heard| heard.outcome == ANSWERED && heard.method == "udp 1"));
    assert_eq!(record.exchanges[0].path, "h99.example");
}

#[test]
fn the_same_id_of_two_sockets_is_two_questions() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    for number in [1, 2] {
        reading.ask(socket(number), &asked);
    }
    reading.answer(socket(2), &answer(&asked, 3));
    assert_eq!(reading.outcomes(), [named("example.com", ANSWERED)]);
    reading.answer(socket(1), &answer(&asked, 0));
    assert_eq!(reading.heard().iter().map(|heard| heard.status).collect::<Vec<_>>(), [Some(3), Some(0)]);
}

#[test]
fn a_socket_that_took_over_a_port_has_a_flow_of_its_own() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    reading.ask(socket(1), &asked);
    let other = Socket { number: 2, ..socket(1) };
    reading.answer(other, &answer(&asked, 0));
    assert_eq!(reading.outcomes(), [], "it is not the one that asked");
    assert_eq!(reading.recording.open(), 1, "nor has it asked at all");
    reading.answer(socket(1), &answer(&asked, 0));
    assert_eq!(reading.outcomes(), [named("example.com", ANSWERED)]);
}

#[test]
fn a_question_that_is_asked_again_is_one() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    for _ in 0..2 {
        reading.ask(socket(1), &asked);
    }
    for _ in 0..3 {
        reading.answer(socket(1), &answer(&asked, 0));
    }
    let record = reading.finish();
    let [lookup] = &record.exchanges[..] else { panic!("{:?}", record.exchanges) };
    assert_eq!((lookup.outcome, lookup.request_bytes), (ANSWERED, 2 * asked.len() as u64));
    assert_eq!(record.to_client.reason, Some(UnparsedReason::UnexpectedResponse), "the third answer");
    assert_eq!(record.to_client.unparsed, asked.len() as u64);
}

#[test]
fn the_same_id_with_another_name_is_another_question() {
    let mut reading = Reading::start();
    let questions = ["a.example", "b.example"].map(|name| question(7, 1, name));
    for asked in &questions {
        reading.ask(socket(1), asked);
    }
    for asked in questions.iter().rev() {
        reading.answer(socket(1), &answer(asked, 0));
    }
    assert_eq!(reading.outcomes(), [named("b.example", ANSWERED), named("a.example", ANSWERED)]);
}

#[test]
fn a_question_without_an_answer_is_given_up_and_a_late_answer_is_the_same_flows() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    reading.ask(socket(1), &asked);
    reading.wait(secs(9));
    assert_eq!(reading.outcomes(), []);
    reading.wait(secs(2));
    assert_eq!(reading.outcomes(), [named("example.com", TIMED_OUT)]);
    reading.answer(socket(1), &answer(&asked, 0));
    let record = reading.finish();
    assert_eq!((record.exchanges.len(), record.to_client.total()), (1, asked.len() as u64));
}

#[test]
fn whether_there_was_an_answer_is_not_known_where_datagrams_were_missed() {
    let mut reading = Reading::start();
    reading.ask(socket(1), &question(1, 1, "before.example"));
    reading.reader.missed(reading.now + Duration::from_micros(1));
    reading.ask(socket(1), &question(2, 1, "after.example"));
    reading.wait(secs(11));
    let expected = [named("before.example", Outcome::Unfinished), named("after.example", TIMED_OUT)];
    assert_eq!(reading.outcomes(), expected);
}

#[test]
fn the_answer_to_an_update_may_take_its_time() {
    let mut reading = Reading::start();
    let mut update = question(7, 6, "example.com");
    update[2] = 5 << 3;
    reading.ask(socket(1), &update);
    reading.wait(secs(20));
    reading.answer(socket(1), &answer(&update, 0));
    let record = reading.finish();
    assert_eq!((record.exchanges.len(), record.to_client.unparsed), (0, 0));
}

#[test]
fn what_is_no_dns_is_counted() {
    let mut reading = Reading::start();
    let mut all = 0;
    for length in [0, 1, 12, 1400, 60_000] {
        let datagram: Vec<u8> = (0..length).map(|at: u32| at.to_le_bytes()[0]).collect();
        // Of a long one there is no more than the beginning.
        let copied = &datagram[..datagram.len().min(4096)];
        for side in Side::ALL {
            assert!(reading.pass(socket(1), side, copied, datagram.len()));
        }
        all += u64::from(length);
    }
    let record = reading.finish();
    assert_eq!((record.to_server.total(), record.to_client.total()), (all, all));
    assert_eq!(record.to_client.unparsed + record.to_client.parsed, all);
}

#[test]
fn an_answer_of_which_there_is_but_the_beginning_is_one() {
    let mut reading = Reading::start();
    let asked = question(7, 16, "example.com");
    reading.ask(socket(1), &asked);
    let mut long = answer(&asked, 0);
    long[7] = 1;
    long.extend(b"\xc0\x0c\0\x10\0\x01\0\0\0\x3c\xff\xff");
    assert!(reading.pass(socket(1), Side::ServerToClient, &long, 60_000));
    let heard = reading.heard();
    assert_eq!((heard[0].outcome, heard[0].response_bytes), (ANSWERED, 60_000));
}

#[test]
fn an_error_of_the_network_ends_the_question_that_it_is_about() {
    let mut reading = Reading::start();
    for id in [1, 2, 3] {
        reading.ask(socket(1), &question(id, 1, &format!("h{id}.example")));
    }
    let elsewhere = SocketAddr::from(([10, 0, 0, 99], 53));
    let stranger = SocketAddr::from(([10, 0, 0, 2], socket(1).local.port()));
    let now = reading.now;
    let second = question(2, 1, "h2.example");
    reading.reader.unreachable(socket(1).local, elsewhere, &second, now);
    reading.reader.unreachable(stranger, server(), &second, now);
    reading.reader.unreachable(socket(9).local, server(), &second, now);
    assert_eq!(reading.outcomes(), [], "it is about somebody else's");
    reading.reader.unreachable(socket(1).local, server(), &second, now);
    assert_eq!(reading.outcomes(), [named("h2.example", UNREACHABLE)]);
    // Routers need not tell more than the ports.
    reading.reader.unreachable(socket(1).local, server(), b"", now);
    let rest = [named("h1.example", UNREACHABLE), named("h3.example", UNREACHABLE)];
    assert_eq!(reading.outcomes()[1..], rest);
}

#[test]
fn flows_are_kept_for_as_long_as_something_may_come() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    reading.ask(socket(1), &asked);
    reading.answer(socket(1), &answer(&asked, 0));
    reading.ask(socket(2), b"who knows");
    reading.wait(Duration::from_millis(1500));
    assert_eq!(reading.recording.open(), 2);
    reading.wait(secs(1));
    assert_eq!(reading.recording.open(), 1);
    reading.wait(secs(26));
    assert_eq!(reading.recording.open(), 1);
    reading.wait(secs(2));
    assert_eq!(reading.recording.open(), 0);
}

#[test]
fn room_is_made_at_the_cost_of_a_flow_in_which_nothing_is_waited_for() {
    let mut reading = Reading::with_room(2);
    let [waits, idle, third] = [1, 2, 3].map(socket);
    let asked = |name| question(7, 1, name);
    reading.ask(waits, &asked("waits.example"));
    reading.ask(idle, &asked("idle.example"));
    reading.answer(idle, &answer(&asked("idle.example"), 0));
    reading.ask(third, &asked("third.example"));
    assert_eq!(reading.records.next().exchanges[0].path, "idle.example");
    reading.answer(waits, &answer(&asked("waits.example"), 0));
    assert_eq!(reading.outcomes()[1], named("waits.example", ANSWERED), "the older flow was spared");
}

#[test]
fn without_room_a_datagram_is_not_read() {
    let mut reading = Reading::with_room(2);
    for number in [1, 2] {
        reading.ask(socket(number), &question(7, 1, "waits.example"));
    }
    let asked = question(7, 1, "third.example");
    assert!(!reading.pass(socket(3), Side::ClientToServer, &asked, asked.len()));
    // There is room for more to flows that are known.
    reading.ask(socket(1), &question(8, 1, "more.example"));
    for number in [1, 2] {
        reading.answer(socket(number), &answer(&question(7, 1, "waits.example"), 0));
    }
    reading.wait(Duration::from_millis(200));
    reading.ask(socket(3), &asked);
}

#[test]
fn a_socket_that_is_closed_ends_its_flows() {
    let mut reading = Reading::start();
    let asked = |name| question(7, 1, name);
    reading.ask(socket(1), &asked("slow.example"));
    reading.now += secs(2);
    reading.ask(socket(2), &asked("spared.example"));
    reading.ask(socket(1), &question(8, 1, "answered.example"));
    reading.answer(socket(1), &answer(&question(8, 1, "answered.example"), 0));
    reading.ask(socket(1), &question(9, 1, "needless.example"));
    reading.reader.closed(socket(1).number, reading.now);
    let expected = [
        named("answered.example", ANSWERED),
        named("slow.example", TIMED_OUT),
        named("needless.example", Outcome::Unfinished),
    ];
    assert_eq!((&reading.outcomes()[..], reading.recording.open()), (&expected[..], 1));
    // The end of one that asked nothing, and an answer that comes after the end.
    reading.reader.closed(99, reading.now);
    reading.answer(socket(1), &answer(&asked("slow.example"), 0));
    assert_eq!((reading.outcomes().len(), reading.recording.open()), (3, 1));
    reading.reader.closed(socket(2).number, reading.now);
    assert_eq!((reading.reader.open_lookups(), reading.recording.open()), (0, 0));
}

#[test]
fn at_the_end_only_answers_that_are_waited_for_are_read() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    reading.ask(socket(1), &asked);
    reading.ask(socket(2), &asked);
    reading.answer(socket(2), &answer(&asked, 0));
    let late = answer(&asked, 0);
    for (number, side, payload) in [
        (1, Side::ClientToServer, &asked),
        (2, Side::ServerToClient, &late),
        (3, Side::ServerToClient, &late),
        (1, Side::ServerToClient, &late),
    ] {
        let (Socket { number, local }, bytes, at) = (socket(number), payload.len() as u64, reading.now);
        let (socket, client, server, is_at_server) = (number, local, server(), false);
        reading.reader.read_awaited(&Datagram { socket, is_at_server, client, server, side, bytes, payload, at });
    }
    assert_eq!((reading.heard().len(), reading.reader.open_lookups()), (2, 0));
    reading.reader.finish();
    let records = [reading.records.next(), reading.records.next()];
    assert!(records.iter().all(|record| record.to_client.unparsed + record.to_server.unparsed == 0));
}

#[test]
fn the_end_of_the_agent_cuts_lookups_off() {
    let mut reading = Reading::start();
    reading.ask(socket(1), &question(7, 1, "example.com"));
    assert_eq!(reading.reader.open_lookups(), 1);
    reading.reader.finish();
    assert_eq!(reading.reader.open_lookups(), 0);
    assert_eq!(reading.outcomes(), [named("example.com", Outcome::Failed(FailureReason::AgentStopped))]);
}

#[test]
fn a_fault_costs_one_datagram() {
    let mut reading = Reading::with(MAX_FLOWS, |recording| recording.faulty_path = Some("faulty.example"));
    let [faulty, sound] = ["faulty.example", "sound.example"].map(|name| question(7, 1, name));
    for asked in [&faulty, &sound] {
        reading.ask(socket(1), asked);
        reading.answer(socket(1), &answer(asked, 0));
    }
    let record = reading.finish();
    assert_eq!(record.exchanges.iter().map(|heard| &heard.path[..]).collect::<Vec<_>>(), ["sound.example"]);
    assert_eq!(record.to_client.unparsed, faulty.len() as u64);
}
