//! Domain names as text.

use std::fmt;

use super::Name;
use super::name::MAX_BYTES;

/// The longest name as text, without the dot at its end: all but the length of the first label and the root.
const TEXT_BYTES: usize = MAX_BYTES - 2;

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
}

impl From<&Name<'_>> for NameText {
    #[inline]
    fn from(name: &Name<'_>) -> Self {
        let mut text = Self::ROOT;
        text.set(name);
        text
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
