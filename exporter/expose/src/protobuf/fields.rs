//! Appends the fields of a message.

use std::time::SystemTime;

use prost::encoding::{WireType, encode_key, encode_varint};
use prost::length_delimiter_len;

use crate::time::since_epoch;

/// A whole number, or the number of an enumeration's value.
pub(super) fn varint(out: &mut Vec<u8>, tag: u32, value: u64) {
    encode_key(tag, WireType::Varint, out);
    encode_varint(value, out);
}

/// A whole number with a sign, where small ones are to be short.
pub(super) fn sint(out: &mut Vec<u8>, tag: u32, value: i64) {
    varint(out, tag, zigzag(value));
}

/// Whole numbers with a sign, in one field.
pub(super) fn packed_sint(out: &mut Vec<u8>, tag: u32, values: impl IntoIterator<Item = i64>) {
    nested(out, tag, |out| values.into_iter().for_each(|value| encode_varint(zigzag(value), out)));
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// A float.
pub(super) fn double(out: &mut Vec<u8>, tag: u32, value: f64) {
    encode_key(tag, WireType::SixtyFourBit, out);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A text.
pub(super) fn string(out: &mut Vec<u8>, tag: u32, value: &str) {
    bytes(out, tag, value.as_bytes());
}

/// Bytes, or a message that is written already.
pub(super) fn bytes(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

/// A `google.protobuf.Timestamp`.
pub(super) fn time(out: &mut Vec<u8>, tag: u32, time: SystemTime) {
    let since = since_epoch(time);
    nested(out, tag, |out| {
        varint(out, 1, since.as_secs());
        varint(out, 2, u64::from(since.subsec_nanos()));
    });
}

/// A message that `write` writes the fields of.
pub(super) fn nested(out: &mut Vec<u8>, tag: u32, write: impl FnOnce(&mut Vec<u8>)) {
    encode_key(tag, WireType::LengthDelimited, out);
    let place = out.len();
    // Most messages are short: one byte is left for their length, and longer ones are moved on.
    out.push(0);
    let start = out.len();
    write(out);
    let end = out.len();
    let length = end - start;
    let more = length_delimiter_len(length) - 1;
    if more > 0 {
        out.resize(end + more, 0);
        out.copy_within(start..end, start + more);
    }
    if let Some(mut place) = out.get_mut(place..start + more) {
        encode_varint(length as u64, &mut place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_any_length_stands_behind_its_length() {
        for length in [0, 1, 126, 127, 128, 129, 16_383, 16_384, 100_000] {
            let mut out = vec![7];
            nested(&mut out, 1, |out| out.resize(out.len() + length, 9));
            let mut expected = vec![7];
            bytes(&mut expected, 1, &vec![9; length]);
            assert!(out == expected, "{length}");
        }
    }
}
