//! Reading context fields the way the verifier wants it.

/// Reads a field behind a raw pointer with exactly one load of its width.
macro_rules! field {
    ($($place:tt)+) => {
        // SAFETY: the caller's pointer came from the kernel and the verifier checks the access.
        unsafe { core::ptr::addr_of!($($place)+).read_volatile() }
    };
}
pub(crate) use field;

/// Reads an IPv6 address as four single words.
macro_rules! field_words {
    ($($place:tt)+) => {{
        // SAFETY: as above; the four words are the field.
        let first: *const u32 = unsafe { core::ptr::addr_of!($($place)+) }.cast();
        unsafe {
            [
                first.read_volatile(),
                first.add(1).read_volatile(),
                first.add(2).read_volatile(),
                first.add(3).read_volatile(),
            ]
        }
    }};
}
pub(crate) use field_words;

/// Writes a one-word field with one store.
macro_rules! set_field {
    ($place:expr, $value:expr) => {
        // SAFETY: as above; whether the hook may write the field is the verifier's to check.
        unsafe { core::ptr::addr_of_mut!($place).write_volatile($value) }
    };
}
pub(crate) use set_field;

/// The port of a `user_port` field: a big-endian half word at the start of a word.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the upper half is zero by definition of the field")]
pub(crate) fn port_of_field(field: u32) -> u16 {
    u16::from_be(field as u16)
}

/// The `user_port` field of a port.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
pub(crate) fn field_of_port(port: u32) -> u32 {
    (port as u16).to_be().into()
}
