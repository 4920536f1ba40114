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
mod draining;
mod explicit_proxy;
mod failing_open;
mod file_length;
mod grpc_counts;
mod grpc_ends;
mod grpc_tonic;
mod hostile_http2;
mod http2_counts;
mod identity;
mod layers;
mod names_in_readme;
mod peername;
mod placement;
mod refusals;
mod scraping;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use flowfold_e2e::eventually::PATIENCE;
use flowfold_e2e::leftovers::{self, Inventory};
use flowfold_e2e::privilege;
use libtest_mimic::{Arguments, Trial};

/// The tests' own peers as a process.
const PEER: &str = env!("CARGO_BIN_EXE_peer");

/// A test and what it needs.
struct Test {
    name: &'static str,
    privileged: bool,
    run: fn(),
}

/// A test that loads BPF programs or makes namespaces.
const fn privileged(name: &'static str, run: fn()) -> Test {
    Test { name, privileged: true, run }
}

/// A test that runs for everybody.
const fn anywhere(name: &'static str, run: fn()) -> Test {
    Test { name, privileged: false, run }
}

const GROUPS: [&[Test]; 22] = [
    as_direct::TESTS,
    both_sides::TESTS,
    bytes_exact::TESTS,
    ceilings::TESTS,
    counts_exact::TESTS,
    demo::TESTS,
    draining::TESTS,
    explicit_proxy::TESTS,
    failing_open::TESTS,
    file_length::TESTS,
    grpc_counts::TESTS,
    grpc_ends::TESTS,
    grpc_tonic::TESTS,
    hostile_http2::TESTS,
    http2_counts::TESTS,
    identity::TESTS,
    layers::TESTS,
    names_in_readme::TESTS,
    peername::TESTS,
    placement::TESTS,
    refusals::TESTS,
    scraping::TESTS,
];

#[expect(clippy::print_stderr, reason = "why tests are skipped or refused is for whoever started them")]
fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(1);
    let missing = if arguments.list { None } else { privilege::missing() };
    if let Some(reason) = &missing {
        if privilege::is_required() {
            eprintln!("CI must run every test, and this machine lacks what most of them need: {reason}");
            return ExitCode::FAILURE;
        }
        eprintln!("tests that steer are ignored: {reason}");
    }
    let privileged = missing.is_none() && !arguments.list;
    if privileged {
        leftovers::sweep();
    }
    let before = privileged.then(Inventory::take);

    let trials = GROUPS.iter().copied().flatten().map(|test| trial(test, missing.is_some())).collect();
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

fn trial(test: &Test, without_privilege: bool) -> Trial {
    let run = test.run;
    let trial = Trial::test(test.name, move || {
        run();
        Ok(())
    });
    trial.with_ignored_flag(test.privileged && without_privilege)
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
