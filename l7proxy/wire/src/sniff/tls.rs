//! The names in a TLS `ClientHello` (RFC 8446 section 4.1.2).

use std::borrow::Cow;

use super::{TlsHello, Verdict};
use crate::limits;

/// Record type `handshake` (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;
/// Handshake type `client_hello` (RFC 8446 section 4).
const CLIENT_HELLO: u8 = 1;
/// Type and length in front of a handshake message.
const MESSAGE_HEADER_BYTES: usize = 4;
/// Longest record without protection (RFC 8446 section 5.1).
const RECORD_BYTES: usize = 16 * 1024;
/// Extension `server_name` (RFC 6066 section 3).
const SERVER_NAME: u16 = 0;
/// Name type `host_name`, the only one there is.
const HOST_NAME: u8 = 0;
/// Extension `application_layer_protocol_negotiation` (RFC 7301 section 3.1).
const ALPN: u16 = 16;

/// Whether a connection that begins so may be TLS. False is final, and so is true from the sixth byte on.
pub(super) fn may_start(prefix: &[u8]) -> bool {
    let at = |index: usize, fits: fn(u8) -> bool| prefix.get(index).is_none_or(|&byte| fits(byte));
    // Record versions 3.0 (SSL 3) to 3.4 are in use; the length that follows is checked with the record.
    at(0, |byte| byte == HANDSHAKE)
        && at(1, |byte| byte == 3)
        && at(2, |byte| byte <= 4)
        && at(5, |byte| byte == CLIENT_HELLO)
        && matches!(record(prefix), Record::Short | Record::Whole { .. })
}

/// Judges bytes that may be the start of TLS.
pub(super) fn judge(prefix: &[u8], may_grow: bool) -> Verdict {
    match hello(prefix) {
        Hello::NeedMore if may_grow => Verdict::NeedMore,
        Hello::NeedMore | Hello::Unreadable => Verdict::Tls(TlsHello::default()),
        Hello::Whole(message) => Verdict::Tls(names(&message).unwrap_or_default()),
    }
}

/// What the records in a prefix hold of a `ClientHello`.
enum Hello<'a> {
    NeedMore,
    /// Too long, or not where it has to be.
    Unreadable,
    /// The message without its header.
    Whole(Cow<'a, [u8]>),
}

/// Joins the records that the `ClientHello` is spread over.
fn hello(mut records: &[u8]) -> Hello<'_> {
    let mut message = Cow::Borrowed(&[][..]);
    loop {
        let (content, rest) = match record(records) {
            Record::Whole { content, rest } => (content, rest),
            Record::Short => return Hello::NeedMore,
            Record::Other => return Hello::Unreadable,
        };
        if message.is_empty() {
            message = Cow::Borrowed(content);
        } else {
            message.to_mut().extend_from_slice(content);
        }
        if let [_, high, middle, low, ..] = *message {
            let length = u32::from_be_bytes([0, high, middle, low]);
            let end = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(MESSAGE_HEADER_BYTES);
            if end > limits::SNIFF_BYTES {
                return Hello::Unreadable;
            }
            if message.len() >= end {
                return match message {
                    Cow::Borrowed(bytes) => Hello::Whole(part(bytes, end).into()),
                    Cow::Owned(bytes) => Hello::Whole(part(&bytes, end).to_vec().into()),
                };
            }
        }
        records = rest;
    }
}

/// A message without its header.
fn part(message: &[u8], end: usize) -> &[u8] {
    message.get(MESSAGE_HEADER_BYTES..end).unwrap_or_default()
}

/// What stands at the front of some bytes.
enum Record<'a> {
    /// A handshake record.
    Whole { content: &'a [u8], rest: &'a [u8] },
    /// What may become one.
    Short,
    /// Something else.
    Other,
}

fn record(bytes: &[u8]) -> Record<'_> {
    let [kind, major, _, high, low, rest @ ..] = bytes else {
        return Record::Short;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    // RFC 8446 section 5.1: no empty fragments of handshake messages.
    if *kind != HANDSHAKE || *major != 3 || length == 0 || length > RECORD_BYTES {
        return Record::Other;
    }
    rest.split_at_checked(length).map_or(Record::Short, |(content, rest)| Record::Whole { content, rest })
}

/// Reads the names in a `ClientHello`. None where it breaks the grammar.
fn names(message: &[u8]) -> Option<TlsHello> {
    let mut hello = TlsHello::default();
    let mut fields = Fields(message);
    fields.take(2 + 32)?; // legacy_version, random
    fields.vector8()?; // legacy_session_id
    fields.vector16()?; // cipher_suites
    fields.vector8()?; // legacy_compression_methods
    if fields.0.is_empty() {
        return Some(hello); // before TLS 1.3 there may be no extensions at all
    }
    let mut extensions = Fields(fields.vector16()?);
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let mut extension = Fields(extensions.vector16()?);
        match kind {
            SERVER_NAME => hello.server_name = host_name(extension.vector16()?),
            ALPN => hello.alpn = protocols(extension.vector16()?)?,
            _ => {}
        }
    }
    Some(hello)
}

/// The host name of a server name list, where it is a plausible one. Clients name one server.
fn host_name(list: &[u8]) -> Option<Box<str>> {
    let mut list = Fields(list);
    let kind = list.u8()?;
    let name = list.vector16()?;
    let plausible = (1..=limits::SERVER_NAME_BYTES).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic);
    str::from_utf8(name).ok().filter(|_| kind == HOST_NAME && plausible).map(Box::from)
}

/// The protocols of an ALPN list.
fn protocols(list: &[u8]) -> Option<Vec<Box<[u8]>>> {
    let mut list = Fields(list);
    let mut protocols = Vec::new();
    while !list.0.is_empty() && protocols.len() < limits::ALPN_PROTOCOLS {
        protocols.push(Box::from(list.vector8()?));
    }
    Some(protocols)
}

/// Fields still to be read of a structure, in the notation of RFC 8446 section 3.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// A vector with a length of one byte.
    fn vector8(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(length.into())
    }

    /// A vector with a length of two bytes.
    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }
}
