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

/// A domain name where it lies in its message. Names are equal whatever the case of their letters (RFC 1035 section 2.3.3).
#[derive(Clone, Copy)]
pub struct Name<'a> {
    /// Where its first label is, which no pointer is. All that follows was found to be readable.
    first: Cursor<'a>,
}

impl<'a> Name<'a> {
    /// Finds a name, and leaves the cursor behind it. A pointer leads to a place before all that was read of the name, so
    /// none leads round in circles; and there is an end to how many lead on to each other.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self, DnsError> {
        let mut first = None;
        let mut reading = *cursor;
        let (mut is_behind_pointer, mut pointers_left) = (false, MAX_POINTERS);
        let mut earliest = cursor.at();
        let mut text_bytes = 0_usize;
        loop {
            let here = reading;
            let length = reading.u8().ok_or(DnsError::Short)?;
            if length & POINTER == POINTER {
                let target = target(&mut reading, length).ok_or(DnsError::Short)?;
                if !is_behind_pointer {
                    *cursor = reading;
                    is_behind_pointer = true;
                }
                pointers_left = pointers_left.checked_sub(1).ok_or(DnsError::Name)?;
                if target >= earliest {
                    return Err(DnsError::Name);
                }
                earliest = target;
                reading = reading.jump(target);
                continue;
            }
            let first = *first.get_or_insert(here);
            if length & POINTER != 0 {
                return Err(DnsError::Name);
            }
            if length == 0 {
                if !is_behind_pointer {
                    *cursor = reading;
                }
                return Ok(Self { first });
            }
            reading.take(usize::from(length)).ok_or(DnsError::Short)?;
            let dot = usize::from(text_bytes > 0);
            text_bytes = text_bytes.saturating_add(dot).saturating_add(usize::from(length));
            if text_bytes > TEXT_BYTES {
                return Err(DnsError::Name);
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

    /// Its labels, the root's left out.
    pub fn labels(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reading = self.first;
        std::iter::from_fn(move || {
            let mut length = reading.u8()?;
            while length & POINTER == POINTER {
                let target = target(&mut reading, length)?;
                reading = reading.jump(target);
                length = reading.u8()?;
            }
            if length == 0 { None } else { reading.take(usize::from(length)) }
        })
    }
}

/// Where a pointer leads whose first byte was read.
fn target(cursor: &mut Cursor<'_>, high: u8) -> Option<usize> {
    let low = cursor.u8()?;
    Some(usize::from(u16::from_be_bytes([high & !POINTER, low])))
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        // Most owners of records are a pointer to the question's name.
        self.first.is_at(&other.first) || {
            let mut others = other.labels();
            self.labels().all(|label| others.next().is_some_and(|other| label.eq_ignore_ascii_case(other)))
                && others.next().is_none()
        }
    }
}

impl Eq for Name<'_> {}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        NameText::from(self).fmt(out)
    }
}

/// A domain name as lower-case text, without the dot at its end; the root is empty.
///
/// A byte that is not a printable character of ASCII, or is one that a name is written with (dot, backslash, quote),
/// becomes `?`: hosts have no such names.
#[derive(Clone)]
pub struct NameText {
    length: u8,
    text: [u8; TEXT_BYTES],
}

impl NameText {
    /// The root.
    pub const ROOT: Self = Self { length: 0, text: [0; TEXT_BYTES] };

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Becomes another name.
    pub fn set(&mut self, name: &Name<'_>) {
        self.length = 0;
        for label in name.labels() {
            // A name that could be read is not too long.
            let _pushed: Option<()> = self.push(label);
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

    /// What is left of the text behind a label, if it begins with that.
    fn behind<'t>(text: &'t [u8], label: &[u8]) -> Option<&'t [u8]> {
        let (begins, rest) = text.split_at_checked(label.len())?;
        begins.iter().zip(label).all(|(text, byte)| *text == shown(*byte)).then_some(rest)
    }
}

impl From<&Name<'_>> for NameText {
    fn from(name: &Name<'_>) -> Self {
        let mut text = Self::ROOT;
        text.set(name);
        text
    }
}

impl PartialEq<Name<'_>> for NameText {
    fn eq(&self, name: &Name<'_>) -> bool {
        let mut labels = name.labels();
        let Some(first) = labels.next() else { return self.length == 0 };
        let rest = Self::behind(self.as_bytes(), first)
            .and_then(|rest| labels.try_fold(rest, |rest, label| Self::behind(rest.strip_prefix(b".")?, label)));
        rest.is_some_and(<[u8]>::is_empty)
    }
}

impl fmt::Debug for NameText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.as_bytes().escape_ascii())
    }
}

/// How each byte is shown. Looking it up takes a fraction of telling what it is.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler; as many places as a byte has values")]
const SHOWN: [u8; 256] = {
    let mut shown = [b'?'; 256];
    let mut byte = b'!';
    while byte.is_ascii_graphic() {
        if !matches!(byte, b'.' | b'\\' | b'"') {
            shown[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    shown
};

fn shown(byte: u8) -> u8 {
    SHOWN.get(usize::from(byte)).copied().unwrap_or(b'?')
}
