//! Random connections, in random pieces, are told exactly; random bytes break nothing.

#[path = "support/conversation.rs"]
mod conversation;
#[path = "support/exchanges.rs"]
mod exchanges;

use conversation::Conversation;
use proptest::prelude::*;

/// Cuts a stream into pieces of these lengths, over and over.
fn pieces<'a>(mut stream: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if stream.is_empty() {
            break;
        }
        let (piece, rest) = stream.split_at((*length).min(stream.len()));
        pieces.push(piece);
        stream = rest;
    }
    pieces
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1_usize..4, 1_usize..100, Just(100_000)], 1..20)
}

fn of_side(events: &[String], mark: char) -> Vec<&str> {
    events.iter().map(String::as_str).filter(|event| event.starts_with(mark)).collect()
}

proptest! {
    #[test]
    fn valid_connections_are_told_exactly(
        exchanges in prop::collection::vec(exchanges::exchange(), 0..5),
        last in exchanges::last(),
        client_lengths in lengths(),
        server_lengths in lengths(),
    ) {
        let (client, server) = exchanges::write(&exchanges, &last);
        let mut conversation = Conversation::default();
        for piece in pieces(&client.bytes, &client_lengths) {
            conversation.client_sends(piece);
        }
        for piece in pieces(&server.bytes, &server_lengths) {
            conversation.server_sends(piece);
        }
        conversation.server_closes();
        conversation.client_closes();
        prop_assert_eq!(of_side(&conversation.events, '>'), client.events);
        prop_assert_eq!(of_side(&conversation.events, '<'), server.events);
        prop_assert_eq!(conversation.client.totals, client.totals);
        prop_assert_eq!(conversation.server.totals, server.totals);
        prop_assert!(conversation.requests.is_idle() && conversation.responses.is_idle());
    }

    /// One byte of a valid connection changed: whatever it comes to mean, it means the same in pieces, and every byte
    /// is in one class (which `Conversation` checks).
    #[test]
    fn damaged_connections_are_told_alike(
        exchanges in prop::collection::vec(exchanges::exchange(), 1..4),
        at in any::<prop::sample::Index>(),
        byte in prop_oneof![any::<u8>(), prop::sample::select(b"\r\n ,:;0159Tt".to_vec())],
        lengths in lengths(),
    ) {
        let (client, server) = exchanges::write(&exchanges, &exchanges::Last::Kept);
        let mut stream = [&client.bytes[..], &server.bytes].concat();
        *at.get_mut(&mut stream) = byte;
        let (client, server) = stream.split_at(client.bytes.len());
        let mut whole = Conversation::default();
        whole.client_sends(client);
        whole.server_sends(server);
        let mut cut = Conversation::default();
        for piece in pieces(client, &lengths) {
            cut.client_sends(piece);
        }
        for piece in pieces(server, &lengths) {
            cut.server_sends(piece);
        }
        prop_assert_eq!(whole.events, cut.events);
        prop_assert!(whole.client.error.is_some() || whole.client.totals == cut.client.totals);
        prop_assert!(whole.server.error.is_some() || whole.server.totals == cut.server.totals);
    }
}
