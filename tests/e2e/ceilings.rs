//! Limits and failures on the way: the server is gone, or there are more connections than the agent takes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::eventually::{PATIENCE, until};
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::world::{Family, World};

use crate::{Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("ceilings::an_absent_server_resets_its_client", an_absent_server_resets_its_client),
    privileged("ceilings::a_slow_reader_holds_its_sender_back", a_slow_reader_holds_its_sender_back),
    privileged("ceilings::beyond_the_ceiling_connections_go_direct", beyond_the_ceiling_connections_go_direct),
    privileged("ceilings::without_ports_connections_go_direct", without_ports_connections_go_direct),
];

fn an_absent_server_resets_its_client() {
    let world = World::new();
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>,<Egress/80/TCP/HTTP>");
    let server = world.host_address(Family::V4, 9080);
    let refused = world.client.run(|| {
        let mut stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.read(&mut [0; 1])
    });
    assert!(refused.is_err(), "no server, and yet: {refused:?}");
    let out = format!("http://{}/", world.client_address(Family::V4, 80));
    let curl = world.steered("curl").args(["--silent", "--max-time", "10", &out]).output();
    assert!(!curl.status.success(), "no server out there either");
    let failed = |scrape: &flowfold_e2e::scrape::Scrape| {
        scrape.count("flowfold_connections_total", &[("outcome", "connect_failed")]) == 2
    };
    let scrape = agent.scrape_until("both failures to be counted", failed);
    scrape.expect("flowfold_open_connections", &[], 0);
    agent.stop();
}

fn a_slow_reader_holds_its_sender_back() {
    const LENGTH: usize = 64 * 1024 * 1024;
    const MOST_MEMORY: f64 = 8.0 * 1024.0 * 1024.0;
    let world = World::new();
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/AUTO>");
    let server = world.host_address(Family::V4, 9080);
    let listener = world.host.run(|| TcpListener::bind(server)).expect("the port is free");
    let before = agent.scrape().sum("process_resident_memory_bytes", &[]);
    let mut upload = world.client.run(|| TcpStream::connect(server)).expect("the server is there");
    let (mut accepted, _) = listener.accept().expect("a client comes");
    thread::scope(|scope| {
        let sender = scope.spawn(move || {
            let mut content = vec![0; LENGTH];
            fastrand::Rng::with_seed(5).fill(&mut content);
            upload.write_all(&content).expect("it is taken in the end");
            upload.shutdown(Shutdown::Write).expect("it is open");
            content
        });
        // nobody reads: what the agent has taken settles
        let mut taken = 0;
        until("the sender to be held back", || {
            thread::sleep(Duration::from_millis(100));
            let now = agent.scrape().count("flowfold_bytes_total", &[]);
            std::mem::replace(&mut taken, now) == now && now > 0
        });
        assert!(taken < LENGTH as u64, "the agent took {taken} bytes that nobody reads");
        let grown = agent.scrape().sum("process_resident_memory_bytes", &[]) - before;
        assert!(grown < MOST_MEMORY, "the agent grew by {grown} bytes");
        let mut received = Vec::new();
        accepted.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
        accepted.read_to_end(&mut received).expect("all of it arrives");
        assert!(received == sender.join().expect("the sender has no trouble"), "as it was sent");
    });
    drop(accepted);
    agent.stop();
}

fn beyond_the_ceiling_connections_go_direct() {
    const CEILING: u64 = 40;
    const HELD: usize = 100;
    let world = World::new();
    let nginx = Nginx::start(&world, &[9080]);
    let agent = Agent::steering_with(&world, "<Ingress/9080/TCP/HTTP>", &["--max-connections", &CEILING.to_string()]);
    let server = world.host_address(Family::V4, 9080);
    let held: Vec<TcpStream> = world.client.run(|| (0..HELD).map(|_| ask(server)).collect());
    nginx.logged(HELD);
    let scrape = agent.scrape_until("all connections to be told", |scrape| {
        let direct = scrape.count("flowfold_connections_not_observed_total", &[("reason", "paused")]);
        scrape.count("flowfold_connections_opened_total", &[]) + direct == HELD as u64
    });
    let open = scrape.count("flowfold_open_connections", &[]);
    assert!((1..=CEILING).contains(&open), "{open} connections are relayed\n{scrape}");
    drop(held);
    agent.scrape_until("steering to begin again", |scrape| {
        world.client.run(|| drop(ask(server)));
        scrape.count("flowfold_connections_opened_total", &[]) > open
    });
    agent.stop();
}

/// A connection that has made its request and stays.
fn ask(server: std::net::SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(server).expect("every connection works");
    stream.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
    stream.write_all(b"GET /200 HTTP/1.1\r\nHost: a\r\n\r\n").expect("it is open");
    let mut answer = Vec::new();
    while !answer.ends_with(b"this is 200\n") {
        let mut buffer = [0; 1024];
        let count = stream.read(&mut buffer).expect("an answer comes");
        assert!(count > 0, "closed instead of answered");
        answer.extend_from_slice(&buffer[..count]);
    }
    stream
}

/// A client that closes first leaves the agent's socket towards the server in TIME-WAIT, and its port with it.
fn without_ports_connections_go_direct() {
    const PORTS: usize = 100;
    let world = World::new();
    world.beside("sysctl").args(["-qw", "net.ipv4.ip_local_port_range=40000 40099"]).stdout();
    let nginx = Nginx::start(&world, &[9080]);
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>");
    let server = world.host_address(Family::V4, 9080);
    let ask = || {
        let mut stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /200 HTTP/1.1\r\nHost: h\r\n\r\n")?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map(|_| answer.starts_with(b"HTTP/1.1 200"))
    };
    let answered = world.client.run(|| (0..3 * PORTS).filter(|_| ask().is_ok_and(|answered| answered)).count());
    // The one that meets the end of the ports is lost, and one more for each pause that ends meanwhile.
    assert!(answered >= 3 * PORTS - 3, "{answered} of {} were answered\n{}", 3 * PORTS, agent.stderr());
    assert_eq!(nginx.logged(answered).len(), answered);
    let paused = [("reason", "paused")];
    let direct = |scrape: &flowfold_e2e::scrape::Scrape| {
        scrape.count("flowfold_connections_not_observed_total", &paused) >= PORTS as u64
    };
    agent.scrape_until("the direct ones to be counted", direct);
    agent.stop();
}
