//! Numbers, which may be cut anywhere.

use super::Malformed;

/// The longest value of fixed length: a UUID.
pub(super) const FIXED_BYTES: usize = 16;

/// The most bytes of a variable-length number of 32 bits.
const VARINT_BYTES: u8 = 5;

/// The front of a number.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    gathered: [u8; FIXED_BYTES],
    came: u8,
    varint: u64,
}

impl Numbers {
    /// A value of so many bytes, at the end of those returned, once it is in.
    pub(super) fn fixed(&mut self, rest: &mut &[u8], length: u8) -> Option<[u8; FIXED_BYTES]> {
        let missing = usize::from(length.saturating_sub(self.came));
        let (taken, behind) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
        *rest = behind;
        let room = self.gathered.iter_mut().skip(FIXED_BYTES.saturating_sub(missing));
        room.zip(taken).for_each(|(slot, byte)| *slot = *byte);
        self.came = self.came.saturating_add(u8::try_from(taken.len()).unwrap_or(u8::MAX));
        if self.came < length {
            return None;
        }
        self.came = 0;
        Some(std::mem::take(&mut self.gathered))
    }

    /// A variable-length number, once it is in.
    pub(super) fn varint(&mut self, rest: &mut &[u8]) -> Result<Option<u32>, Malformed> {
        while let Some((&byte, behind)) = rest.split_first() {
            *rest = behind;
            let shift = u32::from(self.came).saturating_mul(7);
            self.varint |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            self.came = self.came.saturating_add(1);
            if byte & 0x80 == 0 {
                self.came = 0;
                let value = std::mem::take(&mut self.varint);
                return u32::try_from(value).map(Some).map_err(|_too_large| Malformed);
            }
            if self.came == VARINT_BYTES {
                return Err(Malformed);
            }
        }
        Ok(None)
    }
}

/// The number in the last so many bytes.
pub(super) fn signed(length: u8, value: [u8; FIXED_BYTES]) -> i64 {
    let value = i64::from_be_bytes(value.last_chunk().copied().unwrap_or_default());
    // The bytes in front are zeros: the highest bit of a shorter number gets its place, and its weight.
    let unused = i64::BITS.saturating_sub(u32::from(length).saturating_mul(8));
    value.checked_shl(unused).unwrap_or(0).checked_shr(unused).unwrap_or(0)
}
