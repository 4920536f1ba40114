//! Ids as texts.

/// Appends bytes in lower-case hexadecimal.
pub(crate) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend([byte >> 4, byte & 0xf].map(|digit| DIGITS[usize::from(digit)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_high_digit_first() {
        let mut out = Vec::new();
        write_hex(&[0x00, 0x0f, 0xa5, 0xff], &mut out);
        assert_eq!(out, b"000fa5ff");
    }
}
