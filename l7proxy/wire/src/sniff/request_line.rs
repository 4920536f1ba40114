//! Whether bytes can be the start of an HTTP/1 request line (RFC 9112 section 3).

use crate::limits;

/// Methods after which a path is proof enough. Line protocols have commands of their own called `GET` and the like
/// (Redis, memcached), but none whose argument starts with a slash.
const KNOWN_METHODS: [&[u8]; 10] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH", b"QUERY"];

/// What stands behind the target. A minor version that doesn't exist is the decoder's to refuse.
const VERSION: &[u8] = b"HTTP/1.";

/// What the start of a stream tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    /// It is one, whatever follows.
    Yes,
    /// It is none, whatever follows.
    No,
    /// It depends on what follows.
    Maybe,
}

/// Judges the first bytes of a client.
pub(super) fn guess(prefix: &[u8]) -> Guess {
    let Some(line) = behind_empty_lines(prefix) else {
        return Guess::No;
    };
    let (method, rest) = split(line, is_token);
    if method.len() > limits::SNIFF_METHOD_BYTES {
        return Guess::No;
    }
    let rest = match rest {
        [] => return Guess::Maybe,
        // Only where empty lines end the prefix; else CR is no part of a line's front.
        [b'\r'] if method.is_empty() => return Guess::Maybe,
        [b' ', rest @ ..] if !method.is_empty() => rest,
        _ => return Guess::No,
    };
    if rest.starts_with(b"/") && KNOWN_METHODS.contains(&method) {
        return Guess::Yes;
    }
    let (target, rest) = split(rest, is_target);
    let version = match (target, rest) {
        // All four forms begin with one of these: a path, an asterisk, a scheme, or a host.
        ([first, ..], _) if !(first.is_ascii_alphanumeric() || b"/*[".contains(first)) => return Guess::No,
        (_, []) => return Guess::Maybe,
        ([_, ..], [b' ', version @ ..]) => version,
        _ => return Guess::No,
    };
    if version.starts_with(VERSION) {
        Guess::Yes
    } else if VERSION.starts_with(version) {
        Guess::Maybe
    } else {
        Guess::No
    }
}

/// What stands behind the empty lines in front. None where there are too many.
fn behind_empty_lines(mut bytes: &[u8]) -> Option<&[u8]> {
    for _ in 0..=limits::SNIFF_EMPTY_LINES {
        match bytes {
            [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => bytes = rest,
            _ => return Some(bytes),
        }
    }
    None
}

/// The bytes in front of the first one that doesn't belong, and the rest with it.
fn split(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&byte| !belongs(byte)).unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or((bytes, b""))
}

/// A character of a token (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A character of a target. Bytes beyond ASCII don't belong there, but clients send them and servers take them.
fn is_target(byte: u8) -> bool {
    byte.is_ascii_graphic() || !byte.is_ascii()
}
