//! The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B).
//!
//! The code is canonical: codes of one length follow each other in the order of their symbols, and longer ones follow
//! shorter ones. So the lengths are all there is to write down, and the compiler makes the tables of them.

mod code;

use crate::http2::Http2Error;
pub(super) use code::{Written, written};

use code::{LONGEST, code_at, short_at};

/// A Huffman-coded string, as it was on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coded<'a>(pub &'a [u8]);

impl Coded<'_> {
    /// The length of the string that this stands for. An error where it is none.
    pub fn decoded_length(self) -> Result<usize, Http2Error> {
        let mut length = 0_usize;
        self.each(|_| length = length.saturating_add(1))?;
        Ok(length)
    }

    /// Appends the string that this stands for.
    pub fn decode_into(self, out: &mut Vec<u8>) -> Result<(), Http2Error> {
        // The shortest code has five bits.
        let most = self.0.len().saturating_mul(8).wrapping_div(5);
        let start = out.len();
        out.resize(start.saturating_add(most), 0);
        let mut written = 0_usize;
        let room = out.get_mut(start..).unwrap_or_default();
        let decoded = self.each(|byte| {
            if let Some(slot) = room.get_mut(written) {
                *slot = byte;
            }
            written = written.saturating_add(1);
        });
        out.truncate(start.saturating_add(written));
        decoded
    }

    /// Hands out byte after byte.
    fn each(self, mut take: impl FnMut(u8)) -> Result<(), Http2Error> {
        let mut rest = self.0;
        // The next bits are the highest ones. Those beyond `have` are zero, or what comes next anyway.
        let mut bits = 0_u64;
        let mut have = 0_u32;
        loop {
            if let Some(word) = rest.first_chunk::<8>() {
                bits |= u64::from_be_bytes(*word).wrapping_shr(have);
                let bytes = 63_u32.saturating_sub(have) >> 3;
                rest = rest.get(usize::try_from(bytes).unwrap_or_default()..).unwrap_or_default();
                have |= 0x38;
            } else {
                while have <= 56
                    && let Some((byte, behind)) = rest.split_first()
                {
                    bits |= u64::from(*byte).wrapping_shl(56_u32.saturating_sub(have));
                    have = have.saturating_add(8);
                    rest = behind;
                }
            }
            while let Some(short) = short_at(bits)
                && u32::from(short.length) <= have
            {
                take(short.byte);
                bits = bits.wrapping_shl(u32::from(short.length));
                have = have.saturating_sub(u32::from(short.length));
            }
            if have < LONGEST && !rest.is_empty() {
                continue;
            }
            // A long code, or the end. Padding is made of the front of EOS, which is ones, and is shorter than a byte.
            let padded = bits | u64::MAX.checked_shr(have).unwrap_or_default();
            if padded == u64::MAX && have < 8 {
                return Ok(());
            }
            let code = code_at(padded);
            let length = u32::from(code.length);
            if length > have {
                return Err(Http2Error::MalformedHead);
            }
            // Of all symbols, only the end of a string is no byte.
            take(u8::try_from(code.symbol).map_err(|_| Http2Error::MalformedHead)?);
            bits = bits.wrapping_shl(length);
            have = have.saturating_sub(length);
        }
    }
}

#[cfg(test)]
mod tests;
