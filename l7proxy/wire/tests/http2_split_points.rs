//! Every HTTP/2 fixture, cut at every byte, says the same: what its `.events` file says.

#[path = "support/http2_side.rs"]
mod http2_side;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use flowfold_wire::sniff::{Verdict, sniff_client};
use http2_side::{Side, Totals};

struct Fixture {
    name: String,
    client: Vec<u8>,
    server: Vec<u8>,
    expected: String,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/http2")
}

fn fixtures() -> Vec<Fixture> {
    let mut names: Vec<String> = fs::read_dir(directory())
        .expect("fixtures are there")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".client.h2").map(str::to_owned))
        .collect();
    names.sort();
    let read = |name: &str, side: &str| fs::read(directory().join(format!("{name}.{side}"))).unwrap_or_default();
    names
        .into_iter()
        .map(|name| Fixture {
            client: read(&name, "client.h2"),
            server: read(&name, "server.h2"),
            expected: String::from_utf8(read(&name, "events")).expect("events are text"),
            name,
        })
        .collect()
}

/// Both directions, which know nothing of each other.
fn told(client: &Side, server: &Side) -> String {
    let mut text = String::new();
    for (mark, side) in [("> ", client), ("< ", server)] {
        let Totals { head, body, framing } = side.totals;
        let totals = format!("head={head} body={body} framing={framing}");
        for line in side.events.iter().chain([&totals]) {
            writeln!(text, "{mark}{line}").expect("a string takes it");
        }
    }
    text
}

/// What was said, without the totals of a direction that could not be read to its end: with smaller pieces, more of the
/// bytes in front of the fault were told.
fn comparable(side: Side) -> (Vec<String>, Option<Totals>) {
    let totals = side.error.is_none().then_some(side.totals);
    (side.events, totals)
}

#[test]
fn fixtures_say_what_they_should() {
    let fixtures = fixtures();
    assert!(fixtures.len() > 40, "only {} fixtures", fixtures.len());
    for Fixture { name, client, server, expected } in fixtures {
        let told = told(&Side::client().reads_all([&client[..]]), &Side::server().reads_all([&server[..]]));
        assert!(told == expected, "{name}\n--- told:\n{told}--- expected:\n{expected}");
    }
}

#[test]
fn two_pieces_say_what_one_says() {
    for Fixture { name, client, server, .. } in fixtures() {
        for (side, stream) in [(Side::client as fn() -> Side, client), (Side::server, server)] {
            let whole = comparable(side().reads_all([&stream[..]]));
            // Of the long one, in which a field is as long as all of the others, some cuts do.
            let step = stream.len() / 4000 * 20 + 1;
            for cut in (0..=stream.len()).step_by(step) {
                let (front, back) = stream.split_at(cut);
                assert_eq!(whole, comparable(side().reads_all([front, back])), "{name}, cut at {cut}");
            }
        }
    }
}

#[test]
fn small_pieces_say_what_one_says() {
    for Fixture { name, client, server, .. } in fixtures() {
        for (side, stream) in [(Side::client as fn() -> Side, client), (Side::server, server)] {
            let whole = comparable(side().reads_all([&stream[..]]));
            for length in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 64] {
                assert_eq!(whole, comparable(side().reads_all(stream.chunks(length))), "{name}, in pieces of {length}");
            }
        }
    }
}

#[test]
fn every_prefix_is_read_without_a_fault_of_its_own() {
    for Fixture { name, client, .. } in fixtures() {
        let whole = Side::client().reads_all([&client[..]]).events;
        for end in (0..client.len()).step_by(client.len() / 4000 * 20 + 1) {
            let mut prefix = Side::client();
            prefix.reads(&client[..end]);
            assert_eq!(prefix.events, whole[..prefix.events.len()], "{name}, first {end} bytes");
        }
    }
}

#[test]
fn every_prefix_of_a_client_sniffs_alike() {
    for Fixture { name, client, .. } in fixtures() {
        let last = sniff_client(&client);
        let is_whole = !name.contains("preface");
        assert_eq!(last == Verdict::Http2, is_whole, "{name}: {last:?}");
        for end in 0..client.len().min(64) {
            let verdict = sniff_client(&client[..end]);
            assert!(verdict == Verdict::NeedMore || verdict == last, "{name}, first {end} bytes: {verdict:?}");
        }
    }
}
