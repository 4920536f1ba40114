//! The known names in their coded form, made by the compiler.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "all of this runs at compile time, where it fails the build if it goes wrong"
)]

use super::{NAMES, Name};
use crate::http2::hpack::huffman::{Written, written};

/// Bytes of the longest coded name, at least.
const MOST_BYTES: usize = 12;

/// A name in its coded form.
pub(super) struct CodedName {
    pub(super) name: Name,
    bytes: [u8; MOST_BYTES],
    length: usize,
}

impl CodedName {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }
}

/// Each name that has a meaning.
pub(super) static CODED: [CodedName; NAMES.len()] = {
    let mut coded = [const { CodedName { name: Name::Other, bytes: [0; MOST_BYTES], length: 0 } }; NAMES.len()];
    let mut at = 0;
    while at < NAMES.len() {
        coded[at] = encode(NAMES[at].0, NAMES[at].1);
        at += 1;
    }
    coded
};

const fn encode(name: Name, text: &[u8]) -> CodedName {
    let mut bytes = [0; MOST_BYTES];
    let mut bit = 0;
    let mut at = 0;
    while at < text.len() {
        let Written { code, length } = written(text[at]);
        let mut left = length;
        while left > 0 {
            left -= 1;
            bytes[bit / 8] |= (((code >> left) & 1) as u8) << (7 - bit % 8);
            bit += 1;
        }
        at += 1;
    }
    while bit % 8 != 0 {
        bytes[bit / 8] |= 1 << (7 - bit % 8);
        bit += 1;
    }
    CodedName { name, bytes, length: bit / 8 }
}

/// The meaning of a name in plain text, for tables that the compiler makes.
pub(in crate::http2::hpack) const fn known(text: &[u8]) -> Name {
    let mut at = 0;
    while at < NAMES.len() {
        if is_same(NAMES[at].1, text) {
            return NAMES[at].0;
        }
        at += 1;
    }
    Name::Other
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}
