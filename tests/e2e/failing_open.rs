//! Traffic goes on without the agent: killed, stopped, or younger than the connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flowfold_e2e::agent::Agent;
use flowfold_e2e::eventually::{PATIENCE, until, within};
use flowfold_e2e::http;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::world::{Family, World};
use rustix::process::Signal;

use crate::{PEER, Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("failing_open::killed_under_load", killed_under_load),
    privileged("failing_open::stopped_and_continued", stopped_and_continued),
    privileged("failing_open::older_connections_are_left_alone", older_connections_are_left_alone),
];

const BOTH_WAYS: &str = "<Ingress/9080/TCP/HTTP>,<Egress/80/TCP/HTTP>";
const CLIENTS: usize = 4;
const AFTERWARDS: u32 = 200;

fn killed_under_load() {
    let world = World::new();
    let nginx = Nginx::start(&world, &[9080]);
    let remote = Nginx::start_remote(&world, &[80]);
    let agent = Agent::steering(&world, BOTH_WAYS);
    let server = world.host_address(Family::V4, 9080);
    let killed = AtomicBool::new(false);
    let good_afterwards = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                world.client.run(|| {
                    while good_afterwards.load(Ordering::Relaxed) < AFTERWARDS {
                        let began_afterwards = killed.load(Ordering::SeqCst);
                        match http::get(server, "/200") {
                            Ok(_) if began_afterwards => drop(good_afterwards.fetch_add(1, Ordering::Relaxed)),
                            // a connection that the agent held when it died is lost
                            Ok(_) => {}
                            Err(_) if !began_afterwards => {}
                            Err(error) => {
                                good_afterwards.store(AFTERWARDS, Ordering::Relaxed);
                                panic!("a connection that began after the agent's death: {error}");
                            }
                        }
                    }
                });
            });
        }
        agent.scrape_until("the load to be on its way", |scrape| scrape.count("flowfold_exchanges_total", &[]) > 100);
        agent.kill();
        killed.store(true, Ordering::SeqCst);
    });
    let out = world.client_address(Family::V4, 80).to_string();
    world.steered(PEER).args(["names", &out]).stdout();
    assert_eq!(remote.log().len(), 1, "outgoing connections go direct too");
    // and another agent can take its place
    let before = nginx.log().len();
    let agent = Agent::steering(&world, BOTH_WAYS);
    world.client.run(|| http::get(server, "/200")).expect("an answer");
    agent.scrape_until("the request to be counted", |scrape| scrape.count("flowfold_exchanges_total", &[]) == 1);
    nginx.logged(before + 1);
    agent.stop();
}

fn stopped_and_continued() {
    let world = World::new();
    let _nginx = Nginx::start(&world, &[9080]);
    let _remote = Nginx::start_remote(&world, &[80]);
    let agent = Agent::steering(&world, BOTH_WAYS);
    let server = world.host_address(Family::V4, 9080);
    let out = format!("http://{}/200", world.client_address(Family::V4, 80));
    let curl = || world.steered("curl").args(["--silent", "--max-time", "1", "--output", "/dev/null", &out]).output();
    world.client.run(|| http::get(server, "/200")).expect("an answer through the agent");
    assert!(curl().status.success(), "an answer through the agent");

    agent.signal(Signal::STOP);
    let stopped = Instant::now();
    let short = Duration::from_millis(200);
    world.client.run(|| {
        within(Duration::from_secs(2), "a new connection to go direct", || {
            http::request(server, "/200", &[], short).ok().filter(|answer| answer.status == 200)
        });
    });
    assert!(stopped.elapsed() < Duration::from_secs(3), "the waiting is bounded");
    for _ in 0..10 {
        world.client.run(|| http::get(server, "/200")).expect("every further one goes direct");
        assert!(curl().status.success(), "outgoing ones too");
    }
    agent.signal(Signal::CONT);
    agent.scrape_until("steering to begin again", |scrape| {
        world.client.run(|| http::get(server, "/200")).expect("an answer");
        let direct = scrape.count("flowfold_connections_not_observed_total", &[("reason", "stale_heartbeat")]);
        direct >= 20
            && scrape.count("flowfold_exchanges_total", &[("direction", "ingress"), ("outcome", "answered")]) >= 2
    });
    agent.stop();
}

fn older_connections_are_left_alone() {
    let world = World::new();
    let nginx = Nginx::start(&world, &[9080]);
    let mut old = world.client.run(|| TcpStream::connect(world.host_address(Family::V4, 9080))).expect("a connection");
    old.set_read_timeout(Some(PATIENCE)).expect("a TCP socket");
    ask(&mut old);
    let agent = Agent::steering(&world, BOTH_WAYS);
    ask(&mut old);
    let mut young =
        world.client.run(|| TcpStream::connect(world.host_address(Family::V4, 9080))).expect("a connection");
    ask(&mut young);
    let scrape = agent
        .scrape_until("the young connection to be seen", |scrape| scrape.count("flowfold_exchanges_total", &[]) >= 1);
    scrape.expect("flowfold_exchanges_total", &[], 1);
    scrape.expect("flowfold_connections_opened_total", &[], 1);
    scrape.expect("flowfold_connections_not_observed_total", &[("reason", "older_than_agent")], 1);
    drop(young);
    agent.stop();
    ask(&mut old);
    until("nginx to log all", || nginx.log().len() == 4);
}

/// One request and its answer on a connection that stays open.
fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET /200 HTTP/1.1\r\nHost: a\r\n\r\n").expect("it is open");
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("an answer comes");
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().expect("a length");
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut content = vec![0; length];
    reader.read_exact(&mut content).expect("all of it");
}
