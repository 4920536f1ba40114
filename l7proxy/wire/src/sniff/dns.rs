//! DNS on a stream.

use super::request_line::Guess;
use crate::dns::HEADER_BYTES;

/// The least length of a question: its header, the root, a type and a class.
const LEAST_QUERY: u16 = 17;

/// Judges the length and the header of a client's first message: a query (RFC 1035 section 4.1.1) with one question,
/// no answer, and at most a few records behind it, such as those of EDNS and of a signature.
///
/// Nine of the fourteen bytes are all but fixed, and in the first two no text and none of the other protocols of this
/// crate begins.
pub(super) fn guess(prefix: &[u8]) -> Guess {
    let header = prefix.get(..HEADER_BYTES.saturating_add(2)).unwrap_or(prefix);
    let may_be = match header.first() {
        Some(high) if header.len() == 1 => *high < LONGEST_HIGH,
        _ => header.iter().enumerate().all(|(at, byte)| may_stand(header, at, *byte)),
    };
    match may_be {
        false => Guess::No,
        true if header.len() < HEADER_BYTES.saturating_add(2) => Guess::Maybe,
        true => Guess::Yes,
    }
}

/// Queries of 1 KiB and more are nothing that anybody sends, and a letter, a line end or a TLS record would be such a length.
const LONGEST_HIGH: u8 = 0x04;

fn may_stand(header: &[u8], at: usize, byte: u8) -> bool {
    match at {
        0 => byte < LONGEST_HIGH,
        1 => u16::from_be_bytes([header.first().copied().unwrap_or_default(), byte]) >= LEAST_QUERY,
        // A query (opcode 0) that is no answer, neither authoritative nor truncated; whether recursion is wanted is open.
        4 => byte & 0b1111_1110 == 0,
        // What only an answer says is not there: recursion available, reserved, a response code.
        5 => byte & 0b1100_1111 == 0,
        7 => byte == 1,
        11 => byte <= 1,
        13 => byte <= 3,
        6 | 8 | 9 | 10 | 12 => byte == 0,
        // The id.
        _ => true,
    }
}
