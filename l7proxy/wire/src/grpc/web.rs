//! What gRPC-Web puts into the content: trailers, and base64 around everything.

/// Looks for `grpc-status` in trailers written as HTTP/1 field lines, however long they are. Keeps no byte of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trailers {
    /// The number as far as it was read; whole once `place` says so.
    value: u32,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Behind so many bytes of the name.
    Name(u8),
    /// In a line of no interest.
    Line,
    /// Behind the colon.
    Colon,
    /// In the number.
    Digits,
    /// Behind the number, in its line.
    Behind,
    /// The status is known.
    Known,
}

impl Trailers {
    pub(super) const fn new() -> Self {
        Self { value: 0, place: Place::Name(0) }
    }

    pub(super) const fn status(self) -> Option<u32> {
        if matches!(self.place, Place::Known) { Some(self.value) } else { None }
    }

    pub(super) fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.place == Place::Known {
                return;
            }
            self.place = self.behind(*byte);
        }
    }

    /// The trailers are over. Their last line may do without an end.
    pub(super) fn end(&mut self) {
        self.read(b"\n");
    }

    fn behind(&mut self, byte: u8) -> Place {
        const NAME: &[u8] = b"grpc-status";
        match (self.place, byte) {
            (Place::Digits | Place::Behind, b'\n') => Place::Known,
            (_, b'\n') => Place::Name(0),
            (Place::Name(at), byte) => match NAME.get(usize::from(at)) {
                Some(expected) if byte.eq_ignore_ascii_case(expected) => Place::Name(at.saturating_add(1)),
                None if byte == b':' => Place::Colon,
                _ => Place::Line,
            },
            (Place::Colon, b' ' | b'\t') => Place::Colon,
            (Place::Colon, b'0'..=b'9') => {
                self.value = u32::from(byte & 0xf);
                Place::Digits
            }
            (Place::Digits, b'0'..=b'9') => {
                let longer = self.value.checked_mul(10).and_then(|value| value.checked_add(u32::from(byte & 0xf)));
                self.value = longer.unwrap_or_default();
                if longer.is_some() { Place::Digits } else { Place::Line }
            }
            (Place::Digits | Place::Behind, b' ' | b'\t' | b'\r') => Place::Behind,
            _ => Place::Line,
        }
    }
}

/// Base64 (RFC 4648 section 4), read piece by piece. Each frame may have been padded for itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base64 {
    /// Bits that have not made a byte yet, in the lower part.
    bits: u16,
    /// How many these are: 0, 2, 4 or 6.
    count: u8,
}

impl Base64 {
    pub(super) const fn new() -> Self {
        Self { bits: 0, count: 0 }
    }

    /// Decodes from the front of the text until the text, or the room, is used up: bytes taken, and bytes written. What
    /// is no base64 is skipped.
    pub(super) fn decode(&mut self, text: &[u8], room: &mut [u8]) -> (usize, usize) {
        let mut taken = 0_usize;
        let mut written = 0_usize;
        for byte in text {
            let Some(slot) = room.get_mut(written) else { break };
            taken = taken.saturating_add(1);
            let six = match byte {
                b'A'..=b'Z' => byte.wrapping_sub(b'A'),
                b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
                b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
                b'+' => 62,
                b'/' => 63,
                b'=' => {
                    *self = Self::new();
                    continue;
                }
                _ => continue,
            };
            self.bits = (self.bits << 6) | u16::from(six);
            self.count = self.count.wrapping_add(6);
            if self.count >= 8 {
                self.count = self.count.wrapping_sub(8);
                *slot = self.bits.wrapping_shr(u32::from(self.count)).to_be_bytes()[1];
                written = written.saturating_add(1);
            }
        }
        (taken, written)
    }
}
