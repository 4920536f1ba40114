//! Whether bytes can be the start of a first request to a Kafka broker.
//!
//! Nothing in them says that they are Kafka; but a length, a known kind and version, and a name that is a text, where they
//! belong, are more than other protocols show by accident. `PostgreSQL`, whose startup message has the length and the kind
//! of a Metadata request, has a zero byte in what would be the name; `ZooKeeper`, whose first packet has those of a
//! Produce, begins with none of the requests that begin a connection.

use super::request_line::Guess;

const METADATA: u8 = 3;
const SASL_HANDSHAKE: u8 = 17;
const API_VERSIONS: u8 = 18;

/// Where the name of the client stands, behind the length of the request, its kind, its version and an id.
const NAME_AT: usize = 14;

/// Bytes of a header behind the length, with a name that is absent.
const HEADER_BYTES: u32 = 10;

/// The first version of `ApiVersions` that has more than a header.
const API_VERSIONS_WITH_BODY: u8 = 3;

/// Beyond every version that there is, and those of the next years.
const VERSIONS: u8 = 32;

/// Judges the first bytes of a client: by the requests that begin a connection (as all clients do that ask for the
/// versions of a broker, for its topics or for their authentication), or by any if Kafka is expected.
pub(super) fn guess(prefix: &[u8], expected: bool) -> Guess {
    // A first request is far from 16 MiB, and no kind or version has a number beyond a byte.
    let is_zero = |at: usize| prefix.get(at).is_none_or(|byte| *byte == 0);
    if !(is_zero(0) && is_zero(4) && is_zero(6)) {
        return Guess::No;
    }
    let Some(&[_, a, b, c, _, kind, _, version]) = prefix.first_chunk() else { return Guess::Maybe };
    let length = u32::from_be_bytes([0, a, b, c]);
    let begins = match kind {
        _ if version >= VERSIONS => false,
        SASL_HANDSHAKE => version <= 1,
        METADATA | API_VERSIONS => true,
        _ => expected,
    };
    let Some(behind) = length.checked_sub(HEADER_BYTES).filter(|_room| begins) else { return Guess::No };
    let Some(name) = prefix.get(NAME_AT..) else { return Guess::Maybe };
    let [.., high, low] = prefix.get(..NAME_AT).unwrap_or_default() else { return Guess::No };
    let name_length = match i16::from_be_bytes([*high, *low]) {
        -1 => 0,
        length => u32::try_from(length).unwrap_or(u32::MAX),
    };
    let Some(body) = behind.checked_sub(name_length) else { return Guess::No };
    let is_body = match kind {
        API_VERSIONS if version < API_VERSIONS_WITH_BODY => body == 0,
        API_VERSIONS | METADATA | SASL_HANDSHAKE => body >= 2,
        _ => true,
    };
    let name_length = usize::try_from(name_length).unwrap_or(usize::MAX);
    let is_text = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ' || (expected && !byte.is_ascii());
    if !is_body || !name.iter().take(name_length).all(is_text) {
        return Guess::No;
    }
    if name.len() < name_length { Guess::Maybe } else { Guess::Yes }
}
