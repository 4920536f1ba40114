//! Domain names.

use std::fmt;

use super::cursor::Cursor;
use super::text::NameText;

/// The longest name on the wire, the root at its end included (RFC 1035 section 2.3.4).
pub(super) const MAX_BYTES: usize = 255;

/// The two highest bits of a label's length: a pointer to where the name goes on (RFC 1035 section 4.1.4).
const POINTER: u8 = 0b1100_0000;

/// How many pointers a name may have: as many as it can have labels (RFC 1035 section 2.3.4).
const MAX_POINTERS: usize = 127;

/// A domain name where it lies in its message. Names are equal whatever the case of their letters (RFC 1035 section 2.3.3).
#[derive(Clone, Copy)]
pub struct Name<'a> {
    /// Where its first label is, which no pointer is. All that follows was found to be readable.
    first: Cursor<'a>,
    /// All of it, where it lies in one piece.
    whole: Option<&'a [u8]>,
}

impl<'a> Name<'a> {
    /// Finds a name, and leaves the cursor behind it.
    #[inline]
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let Some(length) = piece(cursor.rest()) else { return Self::read_in_pieces(cursor) };
        let first = *cursor;
        cursor.take(length).map(|whole| Self::in_one_piece(first, whole))
    }

    /// A name that was read already: it begins there, and this is all of it.
    pub(super) fn in_one_piece(first: Cursor<'a>, whole: &'a [u8]) -> Self {
        Self { first, whole: Some(whole) }
    }

    /// A pointer leads to a place before all that was read of the name, so none leads round in circles; and there is an end to
    /// how many lead on to each other.
    fn read_in_pieces(cursor: &mut Cursor<'a>) -> Option<Self> {
        let mut first = None;
        let mut reading = *cursor;
        let (mut is_behind_pointer, mut pointers_left) = (false, MAX_POINTERS);
        let mut earliest = cursor.at();
        // The root.
        let mut bytes = 1_usize;
        loop {
            let here = reading;
            let length = reading.u8()?;
            if length & POINTER == POINTER {
                let target = target(&mut reading, length)?;
                if !is_behind_pointer {
                    *cursor = reading;
                    is_behind_pointer = true;
                }
                pointers_left = pointers_left.checked_sub(1)?;
                if target >= earliest {
                    return None;
                }
                earliest = target;
                reading = reading.jump(target);
                continue;
            }
            let first = *first.get_or_insert(here);
            if length & POINTER != 0 {
                return None;
            }
            if length == 0 {
                if !is_behind_pointer {
                    *cursor = reading;
                }
                return Some(Self { first, whole: None });
            }
            reading.take(usize::from(length))?;
            bytes = bytes.saturating_add(1).saturating_add(usize::from(length));
            if bytes > MAX_BYTES {
                return None;
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

    /// All of it as it is on the wire, where it lies in one piece.
    pub(super) fn whole(&self) -> Option<&'a [u8]> {
        self.whole
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

/// How long the name is that begins here, with its root. None: it is not whole, or a pointer leads on.
#[inline]
fn piece(bytes: &[u8]) -> Option<usize> {
    let mut end = 0_usize;
    while end < MAX_BYTES {
        let length = *bytes.get(end)?;
        end = end.saturating_add(1);
        if length == 0 {
            return Some(end);
        }
        if length & POINTER != 0 {
            return None;
        }
        end = end.saturating_add(usize::from(length));
    }
    None
}

/// Where a pointer leads whose first byte was read.
fn target(cursor: &mut Cursor<'_>, high: u8) -> Option<usize> {
    let low = cursor.u8()?;
    Some(usize::from(u16::from_be_bytes([high & !POINTER, low])))
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        // Most owners of records are a pointer to the question's name, and most questions come back as they were sent.
        let is_alike = self.first.is_at(&other.first) || (self.whole.is_some() && self.whole == other.whole);
        is_alike || {
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
