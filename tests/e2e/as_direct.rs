//! What must be as it would be without the agent, beyond the bytes: ports, addresses, and what happens to a server.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};

use flowfold_e2e::agent::{Agent, METRICS};
use flowfold_e2e::binary;
use flowfold_e2e::eventually::{eventually, until};
use flowfold_e2e::http;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::process::Process;
use flowfold_e2e::world::{Family, World};

use crate::{PEER, Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("as_direct::a_server_can_restart_on_its_port", a_server_can_restart_on_its_port),
    privileged("as_direct::a_server_outside_of_the_cgroup_sees_its_client", a_server_outside_sees_its_client),
    privileged("as_direct::a_local_client_is_not_shown_as_loopback", a_local_client_is_not_shown_as_loopback),
    privileged("as_direct::a_client_keeps_the_address_it_chose", a_client_keeps_the_address_it_chose),
    privileged("as_direct::the_agent_ends_with_its_cgroup", the_agent_ends_with_its_cgroup),
];

/// The agent's accepted sockets hold the server's port: open ones, and those in TIME-WAIT.
fn a_server_can_restart_on_its_port() {
    let world = World::new();
    let nginx = Nginx::start(&world, &[9080]);
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>");
    let server = world.host_address(Family::V4, 9080);
    // The server closes first, so the agent does too, and its socket towards the client stays in TIME-WAIT.
    world.client.run(|| {
        let mut closed = TcpStream::connect(server).expect("the server accepts");
        closed.write_all(b"GET /200 HTTP/1.0\r\n\r\n").expect("a request");
        closed.read_to_end(&mut Vec::new()).expect("an answer and its end");
    });
    let mut open = world.client.run(|| TcpStream::connect(server)).expect("the server accepts");
    open.write_all(b"GET /200 HTTP/1.1\r\nHost: h\r\n\r\n").expect("a request");
    let mut first = [0; 8];
    open.read_exact(&mut first).expect("an answer");
    assert_eq!(nginx.logged(2).len(), 2);
    drop(nginx);
    let again = Nginx::start(&world, &[9080]);
    eventually("the server to be back", || world.client.run(|| http::get(server, "/200")).ok());
    // The first one wrote the same log.
    assert_eq!(again.logged(3).len(), 3);
    drop(open);
    agent.stop();
}

fn serve_names(world: &World, in_cgroup: bool) -> Process {
    let launch = if in_cgroup { world.steered(PEER) } else { world.beside(PEER) };
    let mut server = launch.args(["serve-names", "[::]:9080"]).start(world.directory(), "server");
    until("the server to listen", || {
        assert!(server.ended().is_none(), "the server ended: {}", server.stderr());
        world.host.run(|| http::get(world.loopback(Family::V4, 9080), "/").is_ok())
    });
    server
}

/// Incoming connections are steered for the whole namespace, whichever cgroup their server is in.
fn a_server_outside_sees_its_client() {
    let world = World::new();
    let _server = serve_names(&world, false);
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>");
    let answer = world.client.run(|| http::get(world.host_address(Family::V6, 9080), "/")).expect("an answer");
    assert_eq!(answer.text(), format!("{0} {0}", answer.local));
    agent.scrape_until("it to be counted", |scrape| scrape.count("flowfold_exchanges_total", &[]) == 1);
    agent.stop();
}

/// A server that trusts loopback addresses must not take a client for one that isn't.
fn a_local_client_is_not_shown_as_loopback() {
    let world = World::new();
    let _server = serve_names(&world, true);
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>,<Egress/9080/TCP/HTTP>");
    for family in Family::BOTH {
        let server = world.host_address(family, 9080);
        let said = world.steered(PEER).args(["names", &server.to_string()]).stdout();
        let shown = said.lines().nth(2).and_then(|names| names.split(' ').next()).expect("the server tells its peer");
        let shown: std::net::SocketAddr = shown.parse().expect("an address");
        assert_eq!(shown.ip().to_canonical(), server.ip(), "{said}");
    }
    let both = [("direction", "both")];
    agent.scrape_until("both to be counted", |scrape| scrape.count("flowfold_exchanges_total", &both) == 2);
    agent.stop();
}

fn a_client_keeps_the_address_it_chose() {
    const CHOSEN: &str = "10.77.0.9";
    let world = World::new();
    world.beside("ip").args(["address", "add", "10.77.0.9/32", "dev", "lo"]).stdout();
    let remote = Nginx::start_remote(&world, &[80]);
    let agent = Agent::steering(&world, "<Egress/80/TCP/HTTP>");
    let url = format!("http://{}/200", world.client_address(Family::V4, 80));
    world.steered("curl").args(["--silent", "--interface", CHOSEN, &url]).stdout();
    assert_eq!(remote.logged(1)[0].client.ip(), CHOSEN.parse::<IpAddr>().expect("an address"));
    agent.scrape_until("it to be counted", |scrape| scrape.count("flowfold_exchanges_total", &[]) == 1);
    agent.stop();
}

/// The kernel detaches programs from a cgroup that is removed; a new one under the same path is not steered.
fn the_agent_ends_with_its_cgroup() {
    let world = World::new();
    let cgroup = world.cgroup.path().join("app");
    fs::create_dir(&cgroup).expect("a cgroup can be made");
    let command = world
        .beside(binary::flowfold())
        .args(["run", "--visibility", "<Egress/80/TCP/HTTP>", "--metrics", METRICS, "--cgroup"])
        .arg(&cgroup);
    let agent = Agent::start(&world, &command);
    fs::remove_dir(&cgroup).expect("it is empty");
    fs::create_dir(&cgroup).expect("a cgroup can be made");
    eventually("the agent to tell", || agent.stderr().contains("is gone").then_some(()));
    let told = agent.stderr();
    assert!(told.contains(&cgroup.display().to_string()), "{told}");
    assert_eq!(agent.ended().code(), Some(1), "{told}");
    fs::remove_dir(&cgroup).expect("it is empty");
}
