//! Datagrams at the sockets of local servers: a flow for each client's address, whatever ports it uses.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowfold_flow::{ConnectionInfo, FailureReason, Outcome, Reporters, Side, UnparsedReason, Workload};
use flowfold_proxy::{Datagram, DatagramReader, MAX_FLOWS};

use crate::dns_messages::{answer, question};
use crate::recording::{Recording, Records};

/// A reader, and a clock that a test moves.
struct Reading {
    reader: DatagramReader<Recording>,
    recording: Recording,
    records: Records,
    now: Instant,
    /// Who the server is, for one who asks.
    destination: &'static str,
}

/// The server's socket.
const SERVER: u64 = 53;

const ANSWERED: Outcome = Outcome::Answered;
const TIMED_OUT: Outcome = Outcome::Failed(FailureReason::Timeout);
const CLOSED: Outcome = Outcome::Failed(FailureReason::ServerClosed);

/// Clients at some address.
fn client(host: u32, port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::from_bits(0x0a00_0000 | host), port))
}

impl Reading {
    fn start() -> Self {
        Self::with_room(MAX_FLOWS)
    }

    fn with_room(max_flows: usize) -> Self {
        let (recording, records) = Recording::new();
        let reader = DatagramReader::new(recording.clone(), max_flows);
        Self { reader, recording, records, now: Instant::now(), destination: "server" }
    }

    /// A datagram comes by, a millisecond after the one before. Whether there was room for it.
    fn pass(&mut self, client: SocketAddr, side: Side, payload: &[u8]) -> bool {
        self.pass_at(SERVER, client, side, payload)
    }

    fn pass_at(&mut self, socket: u64, client: SocketAddr, side: Side, payload: &[u8]) -> bool {
        self.now += Duration::from_millis(1);
        let server = SocketAddr::from(([10, 0, 0, 53], 53));
        let (bytes, at) = (payload.len() as u64, self.now);
        let datagram = Datagram { socket, is_at_server: true, client, server, side, bytes, payload, at };
        let destination = self.destination;
        self.reader.read(&datagram, || ConnectionInfo {
            reporters: Reporters::SERVER,
            client: SocketAddr::new(client.ip(), 0),
            server,
            source: Arc::new(Workload::named("client")),
            destination: Arc::new(Workload::named(destination)),
        })
    }

    fn ask(&mut self, client: SocketAddr, message: &[u8]) {
        assert!(self.pass(client, Side::ClientToServer, message));
    }

    fn answer(&mut self, client: SocketAddr, message: &[u8]) {
        assert!(self.pass(client, Side::ServerToClient, message));
    }

    fn wait(&mut self, duration: Duration) {
        self.now += duration;
        self.reader.look(self.now);
    }

    /// Names, and how they ended.
    fn outcomes(&self) -> Vec<(String, Outcome)> {
        let heard = self.recording.exchanges.lock().expect("no panic");
        heard.iter().map(|heard| (heard.path.clone(), heard.outcome)).collect()
    }

    /// The statuses of the answers.
    fn statuses(&self) -> Vec<Option<u16>> {
        self.recording.exchanges.lock().expect("no panic").iter().map(|heard| heard.status).collect()
    }
}

fn named(name: &str, outcome: Outcome) -> (String, Outcome) {
    (name.to_owned(), outcome)
}

#[test]
fn the_same_question_from_two_ports_is_two() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    let [first, second] = [client(1, 1000), client(1, 2000)];
    reading.ask(first, &asked);
    reading.ask(second, &asked);
    assert_eq!(reading.recording.open(), 1, "of one address there is one flow");
    reading.answer(second, &answer(&asked, 3));
    reading.answer(first, &answer(&asked, 0));
    assert_eq!(reading.statuses(), [Some(3), Some(0)]);
    assert_eq!(reading.reader.open_lookups(), 0);
}

#[test]
fn a_client_takes_a_new_port_for_each_question() {
    let mut reading = Reading::start();
    for port in 1000..3000 {
        let asked = question(port, 1, "example.com");
        reading.ask(client(1, port), &asked);
        reading.answer(client(1, port), &answer(&asked, 0));
    }
    assert_eq!((reading.outcomes().len(), reading.recording.open()), (2000, 1));
    reading.wait(Duration::from_secs(3));
    let record = reading.records.next();
    assert!(record.exchanges.iter().all(|heard| heard.outcome == ANSWERED));
    assert_eq!(record.to_server.unparsed + record.to_client.unparsed, 0);
}

#[test]
fn a_question_that_is_asked_again_from_its_port_is_one() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    let [again, other] = [client(1, 1000), client(1, 2000)];
    for client in [again, again, other] {
        reading.ask(client, &asked);
    }
    for client in [other, again, again] {
        reading.answer(client, &answer(&asked, 0));
    }
    let sent: Vec<_> = reading.recording.exchanges.lock().unwrap().iter().map(|heard| heard.request_bytes).collect();
    let once = asked.len() as u64;
    assert_eq!(sent, [once, 2 * once], "each answer to its own");
    // The other was asked once, so that this is one too many.
    reading.answer(other, &answer(&asked, 0));
    reading.reader.finish();
    let record = reading.records.next();
    assert_eq!((record.to_client.reason, record.to_client.unparsed), (Some(UnparsedReason::UnexpectedResponse), once));
}

#[test]
fn an_answer_to_another_address_answers_nothing() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    reading.ask(client(1, 1000), &asked);
    reading.answer(client(2, 1000), &answer(&asked, 0));
    assert_eq!((reading.outcomes(), reading.recording.open()), (vec![], 1));
    reading.wait(Duration::from_secs(11));
    assert_eq!(reading.outcomes(), [named("example.com", TIMED_OUT)]);
}

#[test]
fn an_answer_to_another_port_is_that_of_the_only_question_that_it_fits() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    // The host's firewall gives the client another port on the way in, and its own on the way out.
    reading.ask(client(1, 40_000), &asked);
    reading.ask(client(1, 40_001), &question(8, 1, "example.com"));
    reading.answer(client(1, 1000), &answer(&question(7, 28, "example.com"), 0));
    assert_eq!(reading.outcomes(), [], "another type was asked for");
    reading.answer(client(1, 1000), &answer(&asked, 0));
    assert_eq!(reading.outcomes(), [named("example.com", ANSWERED)]);
    // Of two, nobody knows which.
    for port in [40_002, 40_003] {
        reading.ask(client(1, port), &asked);
    }
    reading.answer(client(1, 1000), &answer(&asked, 0));
    assert_eq!((reading.outcomes(), reading.reader.open_lookups()), (vec![named("example.com", ANSWERED)], 3));
}

#[test]
fn a_client_that_never_rests_hears_of_a_server_by_its_new_name() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    let lookup = |reading: &mut Reading| {
        reading.ask(client(1, 1000), &asked);
        reading.wait(Duration::from_millis(500));
        reading.answer(client(1, 1000), &answer(&asked, 0));
    };
    (0..30).for_each(|_| lookup(&mut reading));
    assert_eq!(reading.records.come().count(), 0, "its ends were asked for again and are the same");
    reading.destination = "another";
    (0..30).for_each(|_| lookup(&mut reading));
    let ended: Vec<_> = reading.records.come().map(|record| record.exchanges.len()).collect();
    assert!(matches!(ended[..], [count] if (30..52).contains(&count)), "{ended:?}");
    assert_eq!((reading.recording.open(), reading.outcomes().len()), (1, 60));
}

#[test]
fn clients_at_two_addresses_are_two_flows() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    for host in [1, 2] {
        reading.ask(client(host, 1000), &asked);
    }
    assert_eq!(reading.recording.open(), 2);
    reading.answer(client(2, 1000), &answer(&asked, 0));
    reading.wait(Duration::from_secs(3));
    let record = reading.records.next();
    assert_eq!((record.exchanges.len(), reading.recording.open()), (1, 1));
}

#[test]
fn two_sockets_of_servers_are_two_flows() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    for socket in [1, 2] {
        assert!(reading.pass_at(socket, client(1, 1000), Side::ClientToServer, &asked));
    }
    assert_eq!((reading.recording.open(), reading.reader.open_lookups()), (2, 2));
}

#[test]
fn what_a_server_asks_from_its_own_port_is_not_read() {
    let mut reading = Reading::start();
    let forwarded = question(7, 1, "example.com");
    // It goes out to a peer and its answer comes in, also where that peer asks, too.
    for _ in 0..2 {
        reading.answer(client(9, 53), &forwarded);
        reading.ask(client(9, 53), &answer(&forwarded, 0));
        assert_eq!(reading.outcomes(), []);
        reading.ask(client(9, 53), &question(8, 1, "peer.example"));
    }
    reading.answer(client(9, 53), &answer(&question(8, 1, "peer.example"), 0));
    assert_eq!(reading.outcomes(), [named("peer.example", ANSWERED)]);
    reading.reader.finish();
    let record = reading.records.next();
    assert_eq!((record.to_server.unparsed, record.to_client.unparsed), (0, 0));
}

#[test]
fn what_is_no_dns_is_counted() {
    let mut reading = Reading::start();
    let mut all = 0;
    for length in [0, 1, 2, 12, 1400] {
        let datagram = vec![1; length];
        reading.ask(client(1, 1000), &datagram);
        all += length as u64;
    }
    reading.reader.finish();
    let record = reading.records.next();
    assert_eq!((record.to_server.total(), record.exchanges.len()), (all, 0));
}

#[test]
fn a_server_that_closes_its_socket_ends_the_lookups_there() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    for host in 1..=3 {
        reading.ask(client(host, 1000), &asked);
    }
    assert!(reading.pass_at(99, client(1, 1000), Side::ClientToServer, &asked));
    reading.reader.closed(SERVER, reading.now);
    assert_eq!(reading.outcomes(), vec![named("example.com", CLOSED); 3]);
    assert_eq!((reading.recording.open(), reading.reader.open_lookups()), (1, 1));
}

#[test]
fn an_error_of_the_network_is_about_no_server() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    reading.ask(client(1, 1000), &asked);
    let server = SocketAddr::from(([10, 0, 0, 53], 53));
    let now = reading.now;
    // The client's port is gone, or somebody says that the server's is.
    reading.reader.unreachable(server, client(1, 1000), &asked, now);
    reading.reader.unreachable(client(1, 1000), server, &asked, now);
    assert_eq!(reading.outcomes(), []);
}

#[test]
fn made_up_clients_are_bounded() {
    let mut reading = Reading::with_room(100);
    let asked = question(7, 1, "example.com");
    let follows = (0..10_000).filter(|host| reading.pass(client(*host, 1000), Side::ClientToServer, &asked)).count();
    assert_eq!((follows, reading.recording.open()), (100, 100), "all wait for their answers");
    assert_eq!(reading.reader.open_lookups(), 100);
    // Those that are answered make room.
    for host in 0..100 {
        reading.answer(client(host, 1000), &answer(&asked, 5));
    }
    reading.now += Duration::from_millis(100);
    reading.ask(client(20_000, 1000), &asked);
    assert_eq!(reading.recording.open(), 1);
}

#[test]
fn made_up_ports_are_bounded() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    for port in 0..10_000 {
        reading.ask(client(1, port), &asked);
    }
    assert_eq!((reading.recording.open(), reading.reader.open_lookups()), (1, 2048));
    let outcomes = reading.outcomes();
    assert_eq!(outcomes.len(), 10_000 - 2048);
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Unfinished), "the oldest were given up");
}

#[test]
fn at_the_end_only_answers_that_are_waited_for_are_read() {
    let mut reading = Reading::start();
    let asked = question(7, 1, "example.com");
    reading.ask(client(1, 1000), &asked);
    let late = answer(&asked, 0);
    for (port, side, payload) in [
        (1001, Side::ClientToServer, &asked),
        (1000, Side::ServerToClient, &asked),
        (1000, Side::ServerToClient, &late),
    ] {
        let (client, server) = (client(1, port), SocketAddr::from(([10, 0, 0, 53], 53)));
        let (bytes, at) = (payload.len() as u64, reading.now);
        let datagram = Datagram { socket: SERVER, is_at_server: true, client, server, side, bytes, payload, at };
        reading.reader.read_awaited(&datagram);
    }
    assert_eq!((reading.outcomes(), reading.reader.open_lookups()), (vec![named("example.com", ANSWERED)], 0));
}

#[test]
fn whatever_comes_flows_are_bounded_and_each_question_ends_once() {
    const ROOM: usize = 8;
    let mut random = fastrand::Rng::with_seed(53);
    let mut reading = Reading::with_room(ROOM);
    let mut questions = 0;
    for step in 0..20_000 {
        let asked = question(random.u16(0..4), random.u8(0..3), ["a.example", "b.example"][random.usize(0..2)]);
        let mut message = if random.bool() { answer(&asked, random.u8(0..6)) } else { asked };
        for _ in 0..random.usize(0..3).saturating_sub(1) {
            let place = random.usize(0..message.len());
            message[place] = random.u8(..);
        }
        message.truncate(random.usize(0..400));
        let side = Side::ALL[random.usize(0..2)];
        questions += usize::from(side == Side::ClientToServer);
        reading.pass_at(random.u64(1..4), client(random.u32(0..6), random.u16(1..4)), side, &message);
        match random.u8(0..200) {
            0 => reading.wait(Duration::from_secs(random.u64(0..40))),
            1 => reading.reader.closed(random.u64(1..4), reading.now),
            _ => {}
        }
        assert!(reading.recording.open() <= ROOM && reading.reader.open_lookups() <= questions, "step {step}");
    }
    reading.reader.finish();
    assert_eq!((reading.recording.open(), reading.reader.open_lookups()), (0, 0));
    let told = reading.outcomes().len();
    assert!(told > 1000 && told <= questions, "{told} of {questions}");
    let mut of_flows = 0;
    for record in reading.records.come() {
        of_flows += record.exchanges.len();
        let reasons = [record.to_server.reason, record.to_client.reason];
        assert!(!reasons.contains(&Some(UnparsedReason::DecoderFault)));
    }
    assert_eq!(of_flows, told);
}
