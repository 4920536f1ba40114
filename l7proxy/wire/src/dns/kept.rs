//! Domain names that outlive their message.

use std::fmt;

use super::Name;
use super::cursor::Cursor;
use super::name::MAX_BYTES;

/// A domain name in room of its own, as it was sent.
pub struct KeptName {
    /// How much of `wire` it takes, the root at its end included.
    length: u8,
    /// Its labels behind their lengths, without pointers (RFC 1035 section 3.1).
    wire: [u8; MAX_BYTES],
}

impl KeptName {
    /// The root.
    pub const ROOT: Self = Self { length: 1, wire: [0; MAX_BYTES] };

    /// Becomes another name.
    pub fn set(&mut self, name: &Name<'_>) {
        let mut end = 0_usize;
        let mut put = |bytes: &[u8]| {
            // A name that could be read is not too long.
            if let Some(place) = self.wire.get_mut(end..).and_then(|room| room.get_mut(..bytes.len())) {
                place.copy_from_slice(bytes);
                end = end.saturating_add(bytes.len());
            }
        };
        if let Some(whole) = name.whole() {
            put(whole);
        } else {
            for label in name.labels() {
                put(&[u8::try_from(label.len()).unwrap_or_default()]);
                put(label);
            }
            put(&[0]);
        }
        self.length = u8::try_from(end).unwrap_or_default();
    }

    /// The name.
    pub fn name(&self) -> Name<'_> {
        let wire = self.wire.get(..usize::from(self.length)).unwrap_or_default();
        Name::in_one_piece(Cursor::new(wire), wire)
    }
}

impl fmt::Debug for KeptName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(out)
    }
}
