//! The agent as a process in a namespace, as an operator starts it.

use std::net::SocketAddr;
use std::process::ExitStatus;

use rustix::process::Signal;

use crate::binary;
use crate::eventually::{PATIENCE, eventually};
use crate::http;
use crate::process::{Launch, Process};
use crate::scrape::Scrape;
use crate::world::World;

/// Where the agents of the tests answer scrapes, inside of their namespace.
pub const METRICS: &str = "127.0.0.1:9464";

/// An agent that is ready.
#[derive(Debug)]
pub struct Agent<'a> {
    world: &'a World,
    process: Process,
    metrics: SocketAddr,
}

impl<'a> Agent<'a> {
    /// Starts `flowfold run` on the world's host for its cgroup, with these rules, and waits until it steers.
    pub fn steering(world: &'a World, visibility: &str) -> Self {
        Self::steering_with(world, visibility, &[])
    }

    /// The same with more flags.
    pub fn steering_with(world: &'a World, visibility: &str, flags: &[&str]) -> Self {
        Self::start(world, &Self::command(world, METRICS).args(["--visibility", visibility]).args(flags))
    }

    /// The same with a configuration file.
    pub fn configured(world: &'a World, config: &str) -> Self {
        let path = world.directory().join("flowfold.yaml");
        std::fs::write(&path, config).expect("a configuration can be written");
        Self::start(world, &Self::command(world, METRICS).arg("--config").arg(path))
    }

    /// `flowfold run` for this world, without rules, with its metrics at this address.
    pub fn command(world: &World, metrics: &str) -> Launch {
        let run = world.beside(binary::flowfold()).args(["run", "--metrics", metrics, "--cgroup"]);
        run.arg(world.cgroup.path())
    }

    /// Starts a command line of the agent and waits until it is ready.
    pub fn start(world: &'a World, command: &Launch) -> Self {
        let metrics = METRICS.parse().expect("a socket address");
        let mut process = command.start(world.directory(), "flowfold");
        world.host.run(|| {
            eventually("the agent to be ready", || {
                assert!(process.ended().is_none(), "the agent ended:\n{}", process.stderr());
                http::get(metrics, "/readyz").is_ok_and(|answer| answer.status == 200).then_some(())
            });
        });
        Self { world, process, metrics }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// What it has told people so far.
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }

    /// Asks its HTTP server for a path.
    pub fn get(&self, path: &str, fields: &[&str]) -> http::Answer {
        self.world.host.run(|| http::request(self.metrics, path, fields, PATIENCE)).expect("the agent answers")
    }

    /// Scrapes it.
    pub fn scrape(&self) -> Scrape {
        let answer = self.get("/metrics", &[]);
        assert_eq!(answer.status, 200, "{}", answer.head);
        Scrape::parse(&answer.text())
    }

    /// Scrapes it until the condition holds, and returns that scrape. Panics with the last one.
    pub fn scrape_until(&self, what: &str, holds: impl Fn(&Scrape) -> bool) -> Scrape {
        let start = std::time::Instant::now();
        loop {
            let scrape = self.scrape();
            if holds(&scrape) {
                return scrape;
            }
            assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}\n{scrape}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Waits for its end.
    pub fn ended(mut self) -> ExitStatus {
        self.process.wait(PATIENCE)
    }

    /// Kills it and waits until it is gone.
    pub fn kill(self) {
        self.signal(Signal::KILL);
        self.ended();
    }

    /// Asks it to end and holds it to do so in order.
    pub fn stop(mut self) {
        let status = self.process.terminate();
        assert!(status.success(), "the agent ended with {status}:\n{}", self.stderr());
    }
}
