//! When the agent dies.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;

use flowfold_redirect::owners;

use crate::agent::Setup;
use crate::isolated::{Place, isolated, play_with};
use crate::server::{Server, echo};

const PORT: &str = "FLOWFOLD_TEST_PORT";
const READY: &str = "the agent is ready";

/// The agent that will be killed.
#[test]
#[ignore = "the part of the agent in `a_killed_agent_leaves_nothing_attached`"]
fn agent_until_killed() {
    let Some(place) = Place::given() else { return };
    let port = env::var(PORT).unwrap().parse().unwrap();
    let _agent = Setup::new(&place).ingress(port).egress(port).start();
    println!("{READY}");
    loop {
        thread::park();
    }
}

#[test]
fn a_killed_agent_leaves_nothing_attached() {
    isolated(|place| {
        let server = Server::start(place.v4);
        let port = server.port().to_string();
        let mut agent = play_with(agent_until_killed, place, |command: &mut Command| {
            command.env(PORT, &port).stdout(Stdio::piped());
        });
        let output = BufReader::new(agent.process.stdout.take().unwrap());
        assert!(output.lines().map_while(Result::ok).any(|line| line.contains(READY)));
        echo(&TcpStream::connect(server.address).unwrap());
        server.peer();
        let pid = agent.process.id();
        assert!(owners().unwrap().iter().any(|owner| owner.pid == pid));

        agent.process.kill().unwrap();
        agent.process.wait().unwrap();
        let client = TcpStream::connect(server.address).unwrap();
        echo(&client);
        assert_eq!(server.peer(), client.local_addr().unwrap());
        assert!(!owners().unwrap().iter().any(|owner| owner.pid == pid));
    });
}
