//! The few fields that reading along needs, gathered in one pass over a head.

use httparse::Header;

use super::Version;
use super::length::{ContentLength, TransferCodings};
use crate::trace::{B3Fields, TraceParent};

/// What the fields of one head say.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) host: Once<'a>,
    pub(super) content_type: Once<'a>,
    pub(super) grpc_status: Once<'a>,
    pub(super) content_length: ContentLength,
    pub(super) codings: TransferCodings,
    pub(super) upgrade: bool,
    pub(super) upgrade_h2c: bool,
    pub(super) expect_continue: bool,
    connection: Connection,
    traceparent: Once<'a>,
    b3: Once<'a>,
    b3_parts: B3Fields,
}

/// What the `Connection` fields say about the connection itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Connection {
    #[default]
    Unsaid,
    KeepAlive,
    /// Wins over the other, in whatever order they come.
    Close,
}

impl<'a> Fields<'a> {
    /// Reads the fields of a head.
    pub(super) fn gather(headers: &[Header<'a>]) -> Self {
        let mut fields = Self::default();
        for Header { name, value } in headers {
            let name = name.as_bytes();
            match name.len() {
                2 if is(name, b"b3") => fields.b3.add(value),
                4 if is(name, b"host") => fields.host.add(value),
                6 if is(name, b"expect") => fields.expect_continue |= value.eq_ignore_ascii_case(b"100-continue"),
                7 if is(name, b"upgrade") => {
                    fields.upgrade |= !value.is_empty();
                    fields.upgrade_h2c |= list(value).any(|protocol| is(protocol, b"h2c"));
                }
                10 if is(name, b"connection") => fields.connection.add(value),
                10 if is(name, b"x-b3-flags") => fields.b3_parts.flags(value),
                11 if is(name, b"traceparent") => fields.traceparent.add(value),
                11 if is(name, b"grpc-status") => fields.grpc_status.add(value),
                11 if is(name, b"x-b3-spanid") => fields.b3_parts.span_id(value),
                12 if is(name, b"content-type") => fields.content_type.add(value),
                12 if is(name, b"x-b3-traceid") => fields.b3_parts.trace_id(value),
                12 if is(name, b"x-b3-sampled") => fields.b3_parts.sampled(value),
                14 if is(name, b"content-length") => fields.content_length.add(value),
                17 if is(name, b"transfer-encoding") => fields.codings.add(value),
                _ => {}
            }
        }
        fields
    }

    /// The trace context of a request.
    pub(super) fn trace(&self) -> Option<TraceParent> {
        let traceparent = self.traceparent.value().and_then(TraceParent::from_traceparent);
        traceparent.or_else(|| self.b3.value().and_then(TraceParent::from_b3)).or_else(|| self.b3_parts.context())
    }

    /// Whether the connection outlives the message (RFC 9112 section 9.3).
    pub(super) fn persists(&self, version: Version) -> bool {
        match self.connection {
            Connection::Close => false,
            Connection::KeepAlive => true,
            Connection::Unsaid => version == Version::Http11,
        }
    }
}

impl Connection {
    fn add(&mut self, value: &[u8]) {
        for option in list(value) {
            if is(option, b"close") {
                *self = Self::Close;
            } else if is(option, b"keep-alive") && *self == Self::Unsaid {
                *self = Self::KeepAlive;
            }
        }
    }
}

/// The value of a field that may be given once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Once<'a> {
    #[default]
    Absent,
    Given(&'a [u8]),
    Repeated,
}

impl<'a> Once<'a> {
    fn add(&mut self, value: &'a [u8]) {
        *self = if matches!(self, Self::Absent) { Self::Given(value) } else { Self::Repeated };
    }

    /// The value, where there is exactly one.
    pub(super) fn value(self) -> Option<&'a [u8]> {
        if let Self::Given(value) = self { Some(value) } else { None }
    }
}

/// Whether a token is this one, given in lower case, whatever its own case.
///
/// The bit that makes a letter a small one is set in `-` already, and CR, from which it would make `-`, is in no token.
/// Known lengths and no branches let the compiler compare all bytes at once, which matters: this is most of what reading
/// a head costs beside parsing it.
fn is<const LENGTH: usize>(token: &[u8], lower: &[u8; LENGTH]) -> bool {
    <&[u8; LENGTH]>::try_from(token).is_ok_and(|token| {
        token.iter().zip(lower).fold(0, |differs, (byte, lower)| differs | ((byte | 0x20) ^ lower)) == 0
    })
}

/// The elements of a comma-separated list, without the white space around them. A folded line's end counts as white
/// space (RFC 9112 section 5.2).
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}
