//! The end-to-end tests, as one binary.
//!
//! Tests that need privilege are ignored with a reason where there is none, and fail the run where `CI` is set. They run
//! one after the other, as they share a kernel and two cores; at the end it is looked for what they left behind.

#![forbid(unsafe_code)]

mod as_direct;
mod both_sides;
mod bytes_exact;
mod ceilings;
mod counts_exact;
mod demo;
mod dns_clients;
mod dns_ends;
mod dns_names;
mod dns_servers;
mod draining;
mod explicit_proxy;
mod expressions;
mod failing_open;
mod file_length;
mod grpc_counts;
mod grpc_ends;
mod grpc_tonic;
mod hostile_http2;
mod http2_counts;
mod hubble_tcp;
mod identity;
mod kafka_counts;
mod layers;
mod names_in_dashboards;
mod names_in_readme;
mod peername;
mod placement;
mod refusals;
mod routes_suggest;
mod scraping;
mod service_manager;
mod telemetry_collector;
mod telemetry_formats;
mod telemetry_jaeger;
mod telemetry_prometheus;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use flowfold_e2e::eventually::PATIENCE;
use flowfold_e2e::go;
use flowfold_e2e::leftovers::{self, Inventory};
use flowfold_e2e::peers::kafka;
use flowfold_e2e::privilege;
use libtest_mimic::{Arguments, Trial};

/// The tests' own peers as a process.
const PEER: &str = env!("CARGO_BIN_EXE_peer");

/// A test and what it needs.
struct Test {
    name: &'static str,
    privileged: bool,
    /// What it has to be brought.
    peer: Option<Brought>,
    run: fn(),
}

/// A peer that is not in Debian.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Brought {
    /// It is built from Go.
    Go,
    /// A broker of Apache Kafka.
    Kafka,
}

/// A test that loads BPF programs or makes namespaces.
const fn privileged(name: &'static str, run: fn()) -> Test {
    Test { name, privileged: true, peer: None, run }
}

/// The same, with a peer that is written in Go.
const fn with_go(name: &'static str, run: fn()) -> Test {
    Test { name, privileged: true, peer: Some(Brought::Go), run }
}

/// The same, with a broker of Kafka.
const fn with_kafka(name: &'static str, run: fn()) -> Test {
    Test { name, privileged: true, peer: Some(Brought::Kafka), run }
}

/// A test that runs for everybody.
const fn anywhere(name: &'static str, run: fn()) -> Test {
    Test { name, privileged: false, peer: None, run }
}

const GROUPS: [&[Test]; 36] = [
    as_direct::TESTS,
    both_sides::TESTS,
    bytes_exact::TESTS,
    ceilings::TESTS,
    counts_exact::TESTS,
    demo::TESTS,
    dns_clients::TESTS,
    dns_ends::TESTS,
    dns_names::TESTS,
    dns_servers::TESTS,
    draining::TESTS,
    explicit_proxy::TESTS,
    expressions::TESTS,
    failing_open::TESTS,
    file_length::TESTS,
    grpc_counts::TESTS,
    grpc_ends::TESTS,
    grpc_tonic::TESTS,
    hostile_http2::TESTS,
    http2_counts::TESTS,
    hubble_tcp::TESTS,
    identity::TESTS,
    kafka_counts::TESTS,
    layers::TESTS,
    names_in_dashboards::TESTS,
    names_in_readme::TESTS,
    peername::TESTS,
    placement::TESTS,
    refusals::TESTS,
    routes_suggest::TESTS,
    scraping::TESTS,
    service_manager::TESTS,
    telemetry_collector::TESTS,
    telemetry_formats::TESTS,
    telemetry_jaeger::TESTS,
    telemetry_prometheus::TESTS,
];

#[expect(clippy::print_stderr, reason = "why tests are skipped or refused is for whoever started them")]
fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(1);
    let missing = if arguments.list { None } else { privilege::missing() };
    let without_go = if arguments.list { None } else { go::missing() };
    let without_kafka = if arguments.list { None } else { kafka::missing() };
    for (reason, which) in [
        (&missing, "that steer"),
        (&without_go, "with a collector, Jaeger or Prometheus 3"),
        (&without_kafka, "with Kafka"),
    ] {
        let Some(reason) = reason else { continue };
        if privilege::is_required() {
            eprintln!("CI must run every test, and this machine lacks what those {which} need: {reason}");
            return ExitCode::FAILURE;
        }
        eprintln!("tests {which} are ignored: {reason}");
    }
    let privileged = missing.is_none() && !arguments.list;
    if privileged {
        leftovers::sweep();
    }
    let before = privileged.then(Inventory::take);

    let lacks = |peer: Brought| match peer {
        Brought::Go => without_go.is_some(),
        Brought::Kafka => without_kafka.is_some(),
    };
    let is_ignored = |test: &Test| test.privileged && missing.is_some() || test.peer.is_some_and(lacks);
    let trials = GROUPS.iter().copied().flatten().map(|test| trial(test, is_ignored(test))).collect();
    let tested = libtest_mimic::run(&arguments, trials);
    let cleaned = before.map(|before| {
        let look = Trial::test("nothing_is_left_behind", move || {
            nothing_is_left_since(&before);
            Ok(())
        });
        // whichever tests were asked for, they must not leave anything
        libtest_mimic::run(&Arguments { test_threads: Some(1), ..Arguments::default() }, vec![look])
    });
    if tested.has_failed() || cleaned.is_some_and(|cleaned| cleaned.has_failed()) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn trial(test: &Test, is_ignored: bool) -> Trial {
    let run = test.run;
    let trial = Trial::test(test.name, move || {
        run();
        Ok(())
    });
    trial.with_ignored_flag(is_ignored)
}

/// Looks again for a while: the kernel frees some of what a process held a moment after its end.
fn nothing_is_left_since(before: &Inventory) {
    let deadline = Instant::now() + PATIENCE;
    let mut left = Inventory::take().added_since(before);
    while !left.is_empty() {
        assert!(Instant::now() < deadline, "this is left behind:\n{}", left.join("\n"));
        thread::sleep(Duration::from_millis(50));
        left = Inventory::take().added_since(before);
    }
}
