//! Ends pass through as they came: in order, by halves, or by a reset.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use flowfold_flow::{ConnectionOutcome, FailureReason, Outcome};

use socket2::{Domain, Socket, Type};

use crate::running::{Running, expect_end, expect_reset, pass};

const GET: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a reset can be asked for");
    drop(stream);
}

#[test]
fn a_half_close_leaves_the_other_half_open() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, b"the question");
    client.shutdown(Shutdown::Write).expect("half a close");
    expect_end(&mut server);
    pass(&mut server, &mut client, b"the answer");
    drop(server);
    expect_end(&mut client);
    assert_eq!(proxy.records.next().outcome, Some(ConnectionOutcome::Closed));
}

#[test]
fn a_client_that_resets_is_reset_to_the_server() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, GET);
    reset(client);
    expect_reset(&mut server);
    let record = proxy.records.next();
    assert_eq!(record.outcome, Some(ConnectionOutcome::ClientReset));
    assert_eq!(record.exchanges[0].outcome, Outcome::Failed(FailureReason::ClientReset));
}

#[test]
fn a_server_that_resets_is_reset_to_the_client() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, GET);
    reset(server);
    expect_reset(&mut client);
    let record = proxy.records.next();
    assert_eq!(record.outcome, Some(ConnectionOutcome::ServerReset));
    assert_eq!(record.exchanges[0].outcome, Outcome::Failed(FailureReason::ServerReset));
}

#[test]
fn a_reset_is_seen_while_the_other_side_takes_nothing() {
    let proxy = Running::start();
    let (mut client, server) = proxy.connect();
    client.set_write_timeout(Some(Duration::from_millis(300))).expect("a time-out can be set");
    // Fills every buffer on the way, since the server reads nothing.
    let much = vec![b'x'; 65_536];
    while client.write(&much).is_ok() {}
    reset(client);
    assert_eq!(proxy.records.next().outcome, Some(ConnectionOutcome::ClientReset));
    drop(server);
}

#[test]
fn a_server_that_is_not_there_resets_the_client() {
    let server = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    // Bound, so that nobody else gets the port, and not listening.
    let bound = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be made");
    bound.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("loopback can be bound");
    let nobody = bound.local_addr().ok().and_then(|address| address.as_socket()).expect("it has an address");
    let proxy = Running::in_front_of(server, nobody, |_| {});
    let mut client = proxy.client();
    expect_reset(&mut client);
    assert_eq!(proxy.records.next().outcome, Some(ConnectionOutcome::ConnectFailed));
    eventually_no_connection_is_open(&proxy);
}

fn eventually_no_connection_is_open(proxy: &Running) {
    let patience = std::time::Instant::now() + Duration::from_secs(20);
    while proxy.status.open_connections() > 0 {
        assert!(std::time::Instant::now() < patience, "a connection that has ended still counts as open");
        std::thread::yield_now();
    }
}

#[test]
fn a_reset_that_a_write_meets_first_ends_a_stalled_connection() {
    let proxy = Running::start();
    let (mut client, mut server) = proxy.connect();
    client.set_write_timeout(Some(Duration::from_millis(300))).expect("a time-out can be set");
    let much = vec![b'x'; 65_536];
    while client.write(&much).is_ok() {}
    reset(client);
    // Written before the proxy looks for the reset by itself, it takes the error off the proxy's socket.
    server.write_all(b"anybody there?").expect("the proxy reads");
    assert_eq!(proxy.records.next().outcome, Some(ConnectionOutcome::ClientReset));
}
