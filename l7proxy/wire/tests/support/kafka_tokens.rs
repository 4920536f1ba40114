//! Tokens of an authentication whose handshake was of the first version: they have a length and no header.

use crate::kafka_messages::{array, int, request, response, short, sized, text};
use crate::{CLEAN, CLIENT, Fixture, READ, of_client, of_server};

pub(crate) fn fixtures() -> Vec<Fixture> {
    let handshake = || request(17, 0, 1, &text("PLAIN"));
    let next = || request(12, 0, 2, &[text("shop"), int(1), text("member")].concat());
    let after = |tokens: &[&[u8]]| {
        [handshake(), tokens.iter().flat_map(|token| sized(token)).collect::<Vec<_>>(), next()].concat()
    };
    let told = |tokens: usize| {
        let read = |key: &'static str| [key, CLIENT];
        let tokens = vec!["Token"; tokens];
        let next = ["api_key: 12", CLIENT, "Group(\"shop\")", READ, CLEAN];
        [&read("api_key: 17, api_version: 0")[..], &[READ], &tokens, &next].concat()
    };
    let again = request(17, 0, 3, &text("GSSAPI"));
    let answer = response(7, &[short(0), array(&[text("PLAIN")])].concat());
    vec![
        of_client("no token", after(&[]), &told(0)),
        of_client("an empty token", after(&[b""]), &told(1)),
        of_client("a token of PLAIN", after(&[b"\0alice\0secret"]), &told(1)),
        // The number of a request, and a version that it never had.
        of_client("a name of one letter", after(&[b"\0A\0secret"]), &told(1)),
        of_client("shorter than a head", after(&[b"\0A\0s"]), &told(1)),
        of_client("tokens of SCRAM", after(&[b"n,,n=alice,r=0123456789", b"c=biws,r=0123456789,p=proof"]), &told(2)),
        of_client("a long token", after(&[&[0x60; 3000]]), &told(1)),
        of_client(
            "another handshake",
            [handshake(), again, sized(b"\x60\x82")].concat(),
            &["api_key: 17", CLIENT, READ, "api_key: 17", CLIENT, READ, "Token", CLEAN],
        ),
        of_client(
            "a negative length of a token",
            [handshake(), int(-1)].concat(),
            &["api_key: 17", CLIENT, READ, "MalformedFrame"],
        ),
        of_client(
            "broken off in a token",
            [handshake(), sized(b"\0alice\0secret")[..10].to_vec()].concat(),
            &["api_key: 17", CLIENT, READ, "closed: Truncated"],
        ),
        of_server(
            "tokens of a broker",
            (17, 0),
            [answer.clone(), sized(b""), sized(b"r=0123456789,s=salt,i=4096"), answer.clone()].concat(),
            &["Response", READ, "Token", "Token", "Response", READ, CLEAN],
        ),
        of_server(
            "a negative length of a broker's token",
            (17, 0),
            [answer, int(-5)].concat(),
            &["Response", READ, "MalformedFrame"],
        ),
    ]
}
