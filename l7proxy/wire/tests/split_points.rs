//! Every fixture, cut at every byte, says the same: what its `.events` file says.

#[path = "support/conversation.rs"]
mod conversation;

use std::fs;
use std::path::{Path, PathBuf};

use conversation::{Conversation, Totals};
use flowfold_wire::sniff::{Verdict, sniff_client};

struct Fixture {
    name: String,
    client: Vec<u8>,
    server: Vec<u8>,
    expected: String,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn fixtures() -> Vec<Fixture> {
    let mut names: Vec<String> = fs::read_dir(directory())
        .expect("fixtures are there")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".client.http").map(str::to_owned))
        .collect();
    names.sort();
    let read = |name: &str, side: &str| fs::read(directory().join(format!("{name}.{side}"))).unwrap_or_default();
    names
        .into_iter()
        .map(|name| Fixture {
            client: read(&name, "client.http"),
            server: read(&name, "server.http"),
            expected: String::from_utf8(read(&name, "events")).expect("events are text"),
            name,
        })
        .collect()
}

/// The client's pieces, then the server's, then both close.
fn converse<'a>(
    client: impl IntoIterator<Item = &'a [u8]>,
    server: impl IntoIterator<Item = &'a [u8]>,
) -> Conversation {
    let mut conversation = Conversation::default();
    client.into_iter().for_each(|piece| conversation.client_sends(piece));
    server.into_iter().for_each(|piece| conversation.server_sends(piece));
    conversation.server_closes();
    conversation.client_closes();
    conversation
}

/// Everything that a conversation said, and the bytes of each class.
fn told(conversation: &Conversation) -> String {
    let totals = |mark: &str, totals: &Totals| {
        let Totals { head, body, framing, tunnel } = totals;
        format!("{mark} head={head} body={body} framing={framing} tunnel={tunnel}")
    };
    let mut lines = conversation.events.clone();
    lines.push(totals(">", &conversation.client.totals));
    lines.push(totals("<", &conversation.server.totals));
    lines.join("\n") + "\n"
}

/// What was said, without the totals of a direction that could not be read to its end: with smaller pieces, more of the
/// bytes in front of the fault were told.
fn comparable(conversation: &Conversation) -> (Vec<String>, Option<Totals>, Option<Totals>) {
    let totals = [&conversation.client, &conversation.server].map(|side| side.error.is_none().then_some(side.totals));
    (conversation.events.clone(), totals[0], totals[1])
}

#[test]
fn fixtures_say_what_they_should() {
    let fixtures = fixtures();
    assert!(fixtures.len() > 30, "only {} fixtures", fixtures.len());
    for fixture in fixtures {
        let conversation = converse([&fixture.client[..]], [&fixture.server[..]]);
        let told = told(&conversation);
        assert!(told == fixture.expected, "{}\n--- told:\n{told}--- expected:\n{}", fixture.name, fixture.expected);
    }
}

#[test]
fn two_pieces_say_what_one_says() {
    for Fixture { name, client, server, .. } in fixtures() {
        let whole = comparable(&converse([&client[..]], [&server[..]]));
        for cut in 0..=client.len() {
            let (front, back) = client.split_at(cut);
            assert_eq!(whole, comparable(&converse([front, back], [&server[..]])), "{name}, client cut at {cut}");
        }
        for cut in 0..=server.len() {
            let (front, back) = server.split_at(cut);
            assert_eq!(whole, comparable(&converse([&client[..]], [front, back])), "{name}, server cut at {cut}");
        }
    }
}

#[test]
fn small_pieces_say_what_one_says() {
    for Fixture { name, client, server, .. } in fixtures() {
        let whole = comparable(&converse([&client[..]], [&server[..]]));
        for length in 1..=7 {
            let cut = comparable(&converse(client.chunks(length), server.chunks(length)));
            assert_eq!(whole, cut, "{name}, in pieces of {length}");
        }
    }
}

#[test]
fn no_memory_is_owned_between_messages() {
    for Fixture { name, client, server, .. } in fixtures() {
        let conversation = converse(client.chunks(1), server.chunks(1));
        if conversation.events.iter().any(|event| event.starts_with("> closed: Clean, 0")) {
            assert!(conversation.requests.is_idle(), "{name}, client");
        }
        if conversation.events.iter().any(|event| event.starts_with("< closed: Clean")) {
            assert!(conversation.responses.is_idle(), "{name}, server");
        }
    }
}

#[test]
fn every_prefix_of_a_client_sniffs_alike() {
    for Fixture { name, client, .. } in fixtures() {
        let last = sniff_client(&client);
        assert_ne!(last, Verdict::NeedMore, "{name}");
        for end in 0..client.len() {
            let verdict = sniff_client(&client[..end]);
            assert!(verdict == Verdict::NeedMore || verdict == last, "{name}, first {end} bytes: {verdict:?}");
        }
    }
}
