//! Going down: idle connections close, open exchanges finish, and what outlasts the deadline is reset.

use std::time::Duration;

use flowfold_flow::{ConnectionOutcome, FailureReason, Outcome};

use crate::kafka_messages::{array, int, request, response, short, sized, text};
use crate::running::{Running, expect_end, expect_reset, pass};

const GET: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 204 done\r\n\r\n";
/// Longer than any test waits.
const LONG: Duration = Duration::from_mins(10);

#[test]
fn idle_connections_close_and_open_exchanges_finish() {
    let mut proxy = Running::start();
    let (mut idle, mut idle_server) = proxy.connect();
    pass(&mut idle, &mut idle_server, GET);
    pass(&mut idle_server, &mut idle, OK);
    let (mut busy, mut busy_server) = proxy.connect();
    pass(&mut busy, &mut busy_server, GET);
    proxy.start_drain(LONG);
    expect_end(&mut idle);
    expect_end(&mut idle_server);
    pass(&mut busy_server, &mut busy, OK);
    expect_end(&mut busy);
    proxy.join();
    for _ in 0..2 {
        let record = proxy.records.next();
        assert_eq!(record.outcome, Some(ConnectionOutcome::Closed));
        assert_eq!(record.exchanges.len(), 1);
        assert_eq!(record.exchanges[0].outcome, Outcome::Answered);
    }
}

/// A client of Kafka that has sent a token, and whose connection ends, takes its password for wrong.
#[test]
fn a_login_is_finished() {
    let mut proxy = Running::start();
    let (mut client, mut broker) = proxy.connect();
    pass(&mut client, &mut broker, &request(17, 0, 1, &text("PLAIN")));
    pass(&mut broker, &mut client, &response(1, &[short(0), array(&[text("PLAIN")])].concat()));
    pass(&mut client, &mut broker, &sized(b"\0alice\0secret"));
    proxy.start_drain(LONG);
    // time for what is idle to be closed
    std::thread::sleep(Duration::from_millis(300));
    pass(&mut broker, &mut client, &sized(b""));
    pass(&mut client, &mut broker, &request(12, 0, 2, &[text("shop"), int(1), text("member")].concat()));
    pass(&mut broker, &mut client, &response(2, &short(0)));
    expect_end(&mut client);
    expect_end(&mut broker);
    proxy.join();
}

#[test]
fn what_outlasts_the_deadline_is_reset_and_recorded() {
    let mut proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, GET);
    proxy.start_drain(Duration::from_millis(50));
    expect_reset(&mut client);
    expect_reset(&mut server);
    proxy.join();
    let record = proxy.records.next();
    assert_eq!(record.outcome, Some(ConnectionOutcome::DrainTimeout));
    assert_eq!(record.exchanges[0].outcome, Outcome::Failed(FailureReason::AgentStopped));
    assert_eq!(proxy.status.open_connections(), 0);
}

#[test]
fn a_worker_shows_that_it_is_alive() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, GET);
    assert_eq!(proxy.status.open_connections(), 1);
    let before = proxy.status.ticks();
    while proxy.status.ticks() == before {
        std::thread::yield_now();
    }
    assert_eq!(proxy.recording.exchanges.lock().expect("no test panics with the lock").len(), 0);
}
