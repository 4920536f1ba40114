//! Domain names.

use std::fmt;

use super::DnsError;
use super::cursor::Cursor;

/// The longest name as text, without the dot at its end: 255 bytes on the wire (RFC 1035 section 2.3.4) less the length
/// of the first label and the root.
const TEXT_BYTES: usize = 253;

/// The two highest bits of a label's length: a pointer to where the name goes on (RFC 1035 section 4.1.4).
const POINTER: u8 = 0b1100_0000;

/// How many pointers a name may have: as many as it can have labels (RFC 1035 section 2.3.4).
const MAX_POINTERS: usize = 127;

/// A domain name as lower-case text, without the dot at its end; the root is empty.
///
/// A byte that is not a printable character of ASCII, or is one that a name is written with (dot, backslash, quote),
/// becomes `?`: hosts have no such names.
#[derive(Clone, Copy)]
pub struct Name {
    length: u8,
    text: [u8; TEXT_BYTES],
}

impl Name {
    /// The root, which is also where a name begins.
    pub const ROOT: Self = Self { length: 0, text: [0; TEXT_BYTES] };

    /// Its text.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Reads a name, and leaves the cursor behind it. A pointer leads to a place before all that was read of the name, so
    /// none leads round in circles; and there is an end to how many lead on to each other.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, DnsError> {
        let mut name = Self::ROOT;
        let mut reading = *cursor;
        let (mut is_behind_pointer, mut pointers_left) = (false, MAX_POINTERS);
        let mut earliest = cursor.at();
        loop {
            let length = reading.u8().ok_or(DnsError::Short)?;
            if length & POINTER == POINTER {
                let low = reading.u8().ok_or(DnsError::Short)?;
                if !is_behind_pointer {
                    *cursor = reading;
                    is_behind_pointer = true;
                }
                pointers_left = pointers_left.checked_sub(1).ok_or(DnsError::Name)?;
                let target = usize::from(u16::from_be_bytes([length & !POINTER, low]));
                if target >= earliest {
                    return Err(DnsError::Name);
                }
                earliest = target;
                reading = reading.jump(target);
            } else if length & POINTER != 0 {
                return Err(DnsError::Name);
            } else if length == 0 {
                if !is_behind_pointer {
                    *cursor = reading;
                }
                return Ok(name);
            } else {
                let label = reading.take(usize::from(length)).ok_or(DnsError::Short)?;
                name.push(label).ok_or(DnsError::Name)?;
            }
        }
    }

    /// Leaves the cursor behind a name. None: the message ends before.
    pub(super) fn skip(cursor: &mut Cursor<'_>) -> Option<()> {
        loop {
            match cursor.u8()? {
                0 => return Some(()),
                length if length & POINTER == POINTER => return cursor.u8().map(drop),
                length if length & POINTER == 0 => drop(cursor.take(usize::from(length))?),
                _ => return None,
            }
        }
    }

    fn push(&mut self, label: &[u8]) -> Option<()> {
        let mut end = usize::from(self.length);
        if end > 0 {
            *self.text.get_mut(end)? = b'.';
            end = end.checked_add(1)?;
        }
        let begin = end;
        end = end.checked_add(label.len())?;
        for (place, byte) in self.text.get_mut(begin..end)?.iter_mut().zip(label) {
            *place = shown(*byte);
        }
        self.length = u8::try_from(end).ok()?;
        Some(())
    }
}

fn shown(byte: u8) -> u8 {
    match byte {
        b'.' | b'\\' | b'"' => b'?',
        byte if byte.is_ascii_graphic() => byte.to_ascii_lowercase(),
        _ => b'?',
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Name {}

impl fmt::Debug for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.as_bytes().escape_ascii())
    }
}
