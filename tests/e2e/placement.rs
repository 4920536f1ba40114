//! Where the agent itself may be: in another namespace than the one it steers, or among the processes it steers.

use std::fs;

use flowfold_e2e::agent::{Agent, METRICS};
use flowfold_e2e::binary;
use flowfold_e2e::eventually::eventually;
use flowfold_e2e::http;
use flowfold_e2e::netns::Netns;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::process::Launch;
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::world::{Family, World};

use crate::{PEER, Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("placement::outside_of_the_namespace_it_steers", outside_of_the_namespace_it_steers),
    privileged("placement::among_the_processes_it_steers", among_the_processes_it_steers),
    privileged("placement::only_the_cgroup_is_steered", only_the_cgroup_is_steered),
    privileged("placement::another_namespace_is_not_steered", another_namespace_is_not_steered),
    privileged("placement::capabilities_are_dropped", capabilities_are_dropped),
    privileged("placement::two_agents_with_ports_of_their_own", two_agents_with_ports_of_their_own),
];

fn outside_of_the_namespace_it_steers() {
    let world = World::new();
    let nginx = Nginx::start(&world, &[9080]);
    let remote = Nginx::start_remote(&world, &[80]);
    let home = Netns::new();
    let command = Launch::new(binary::flowfold())
        .inside(&home)
        .args(["run", "--visibility", "<Ingress/9080/TCP/HTTP>,<Egress/80/TCP/HTTP>", "--metrics", METRICS, "--cgroup"])
        .arg(world.cgroup.path())
        .arg("--netns")
        .arg(world.host.path());
    let mut process = command.start(world.directory(), "flowfold");
    let metrics = METRICS.parse().expect("a socket address");
    let ask = |path: &str| home.run(|| http::get(metrics, path)).ok().filter(|answer| answer.status == 200);
    eventually("the agent to be ready", || {
        assert!(process.ended().is_none(), "the agent ended:\n{}", process.stderr());
        ask("/readyz")
    });
    for family in Family::BOTH {
        let answer = world.client.run(|| http::get(world.host_address(family, 9080), "/200")).expect("an answer");
        let seen = nginx.logged(1).last().map(|entry| entry.client);
        assert_eq!(seen.map(|client| client.is_ipv4()), Some(answer.local.is_ipv4()));
        world.steered(PEER).args(["names", &world.client_address(family, 80).to_string()]).stdout();
    }
    assert_eq!((nginx.logged(2).len(), remote.logged(2).len()), (2, 2));
    eventually("all to be counted", || {
        let scrape = Scrape::parse(&ask("/metrics")?.text());
        let of = |direction| scrape.count("flowfold_exchanges_total", &[("direction", direction)]);
        ((of("ingress"), of("egress")) == (2, 2)).then_some(())
    });
    assert!(process.terminate().success());
}

fn among_the_processes_it_steers() {
    let world = World::new();
    let nginx = Nginx::start(&world, &[9080]);
    let remote = Nginx::start_remote(&world, &[80]);
    let command = world
        .steered(binary::flowfold())
        .args(["run", "--visibility", "<Ingress/9080/TCP/HTTP>,<Egress/80/TCP/HTTP>", "--metrics", METRICS, "--cgroup"])
        .arg(world.cgroup.path());
    let agent = Agent::start(&world, &command);
    let server = world.host_address(Family::V4, 9080);
    let answer = world.client.run(|| http::get(server, "/200")).expect("an answer");
    world.steered(PEER).args(["names", &world.client_address(Family::V4, 80).to_string()]).stdout();
    assert_eq!(nginx.logged(1)[0].client, answer.local);
    assert_eq!(remote.logged(1).len(), 1);
    let scrape = agent.scrape_until("both to be counted", |scrape| scrape.count("flowfold_exchanges_total", &[]) >= 2);
    scrape.expect("flowfold_connections_opened_total", &[], 2);
    agent.stop();
}

fn only_the_cgroup_is_steered() {
    let world = World::new();
    let remote = Nginx::start_remote(&world, &[80, 81]);
    let agent = Agent::steering(&world, "<Egress/80/TCP/HTTP>");
    let named = world.client_address(Family::V4, 80).to_string();
    let not_named = world.client_address(Family::V4, 81).to_string();
    world.beside(PEER).args(["names", &named]).stdout();
    world.steered(PEER).args(["names", &not_named]).stdout();
    world.steered(PEER).args(["names", &named]).stdout();
    assert_eq!(remote.logged(3).len(), 3);
    let scrape = agent.scrape_until("one to be counted", |scrape| scrape.count("flowfold_exchanges_total", &[]) >= 1);
    scrape.expect("flowfold_connections_opened_total", &[], 1);
    agent.stop();
}

/// A process of the cgroup that lives in another namespace could not reach the agent's listeners.
fn another_namespace_is_not_steered() {
    let world = World::new();
    let nginx = Nginx::start(&world, &[80]);
    let agent = Agent::steering(&world, "<Egress/80/TCP/HTTP>");
    let out = world.host_address(Family::V4, 80).to_string();
    let said = world.remote(PEER).member_of(&world.cgroup).args(["names", &out]).stdout();
    assert_eq!(said.lines().nth(1), Some(out.as_str()));
    assert_eq!(nginx.logged(1).len(), 1);
    let reason = [("reason", "other_namespace")];
    let direct = |scrape: &Scrape| scrape.count("flowfold_connections_not_observed_total", &reason) == 1;
    let scrape = agent.scrape_until("it to be told as unobserved", direct);
    scrape.expect("flowfold_connections_opened_total", &[], 0);
    agent.stop();
}

fn capabilities_are_dropped() {
    const CAP_SYS_ADMIN: u64 = 1 << 21;
    const CAP_SYS_MODULE: u64 = 1 << 16;
    const CAP_SETUID: u64 = 1 << 7;
    let world = World::new();
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>");
    let threads = fs::read_dir(format!("/proc/{}/task", agent.pid())).expect("the agent runs");
    for thread in threads.flatten() {
        let status = fs::read_to_string(thread.path().join("status")).expect("the thread runs");
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).expect("a known field").trim();
        for set in ["CapEff:", "CapPrm:", "CapBnd:", "CapAmb:", "CapInh:"] {
            let capabilities = u64::from_str_radix(field(set), 16).expect("a set in hexadecimal");
            let dangerous = capabilities & (CAP_SYS_ADMIN | CAP_SYS_MODULE | CAP_SETUID);
            assert_eq!(dangerous, 0, "{} of {}", field("Name:"), status);
        }
        assert_eq!(field("NoNewPrivs:"), "1", "{status}");
    }
    agent.stop();
}

fn two_agents_with_ports_of_their_own() {
    let world = World::new();
    let nginx = Nginx::start(&world, &[9080, 9081]);
    let first = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>");
    let second = Agent::command(&world, "127.0.0.1:9465").args(["--visibility", "<Ingress/9081/TCP/HTTP>"]);
    let mut second = second.start(world.directory(), "second");
    let metrics = "127.0.0.1:9465".parse().expect("a socket address");
    let ask = |path: &str| world.host.run(|| http::get(metrics, path)).ok().filter(|answer| answer.status == 200);
    eventually("the second to be ready", || {
        assert!(second.ended().is_none(), "the second ended:\n{}", second.stderr());
        ask("/readyz")
    });
    let mut clients = Vec::new();
    for port in [9080, 9081] {
        let answer = world.client.run(|| http::get(world.host_address(Family::V4, port), "/200")).expect("an answer");
        clients.push(answer.local);
    }
    let seen: Vec<_> = nginx.logged(2).iter().map(|entry| entry.client).collect();
    assert_eq!(seen, clients);
    let one = |scrape: &Scrape| scrape.count("flowfold_exchanges_total", &[]) == 1;
    first.scrape_until("its own request to be counted", one);
    eventually("the other request to be counted", || one(&Scrape::parse(&ask("/metrics")?.text())).then_some(()));
    assert!(second.terminate().success());
    first.stop();
}
