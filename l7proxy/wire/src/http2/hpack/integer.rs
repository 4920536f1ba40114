//! Integers with a prefix (RFC 7541 section 5.1).

use crate::http2::Http2Error;

/// Bytes that may follow a prefix. Five groups of seven bits hold more than 32 bits.
const MOST_GROUPS: u32 = 5;

/// Reads an integer whose first byte was taken already; `mask` has the bits of the prefix.
pub(super) fn read(first: u8, mask: u8, rest: &mut &[u8]) -> Result<u32, Http2Error> {
    let prefix = first & mask;
    if prefix < mask {
        return Ok(u32::from(prefix));
    }
    let mut value = u64::from(prefix);
    for group in 0..MOST_GROUPS {
        let (&byte, behind) = rest.split_first().ok_or(Http2Error::MalformedHead)?;
        *rest = behind;
        // At most 35 bits and a prefix: no overflow.
        value = value.wrapping_add(u64::from(byte & 0x7f).wrapping_shl(group.wrapping_mul(7)));
        if byte < 0x80 {
            return u32::try_from(value).map_err(|_| Http2Error::MalformedHead);
        }
    }
    Err(Http2Error::MalformedHead)
}

#[cfg(test)]
mod tests {
    use super::{Http2Error, read};

    fn integer(bytes: &[u8], mask: u8) -> Result<(u32, usize), Http2Error> {
        let mut rest = &bytes[1..];
        read(bytes[0], mask, &mut rest).map(|value| (value, rest.len()))
    }

    #[test]
    fn rfc_7541_c_1() {
        assert_eq!(integer(&[0b1110_1010], 0x1f), Ok((10, 0)));
        assert_eq!(integer(&[0b1111_1111, 0b1001_1010, 0b0000_1010, 0xff], 0x1f), Ok((1337, 1)));
        assert_eq!(integer(&[42, 1], 0xff), Ok((42, 1)));
    }

    #[test]
    fn integers_are_bounded() {
        assert_eq!(integer(&[0xff, 0x80, 0x80, 0x00], 0xff), Ok((255, 0)));
        assert_eq!(integer(&[0x7f, 0x80, 0xff, 0xff, 0xff, 0x0f], 0x7f), Ok((u32::MAX, 0)));
        let malformed = Err(Http2Error::MalformedHead);
        assert_eq!(integer(&[0x7f, 0x81, 0xff, 0xff, 0xff, 0x0f], 0x7f), malformed);
        assert_eq!(integer(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 0xff), malformed);
        assert_eq!(integer(&[0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 0xff), malformed);
        assert_eq!(integer(&[0xff], 0xff), malformed);
        assert_eq!(integer(&[0xff, 0x80], 0xff), malformed);
    }
}
