//! The few fields that reading along needs, gathered in one pass over a head.

use httparse::Header;

use super::Version;
use super::length::{ContentLength, TransferCodings};

/// What the fields of one head say.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) host: Once<'a>,
    pub(super) traceparent: Once<'a>,
    pub(super) content_type: Once<'a>,
    pub(super) content_length: ContentLength,
    pub(super) codings: TransferCodings,
    pub(super) upgrade: bool,
    pub(super) expect_continue: bool,
    connection: Connection,
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
    /// Reads the fields of a head. The length of a name decides most of them without a comparison.
    pub(super) fn gather(headers: &[Header<'a>]) -> Self {
        let mut fields = Self::default();
        for Header { name, value } in headers {
            match name.len() {
                4 if name.eq_ignore_ascii_case("host") => fields.host.add(value),
                6 if name.eq_ignore_ascii_case("expect") => {
                    fields.expect_continue |= value.eq_ignore_ascii_case(b"100-continue");
                }
                7 if name.eq_ignore_ascii_case("upgrade") => fields.upgrade |= !value.is_empty(),
                10 if name.eq_ignore_ascii_case("connection") => fields.add_connection(value),
                11 if name.eq_ignore_ascii_case("traceparent") => fields.traceparent.add(value),
                12 if name.eq_ignore_ascii_case("content-type") => fields.content_type.add(value),
                14 if name.eq_ignore_ascii_case("content-length") => fields.content_length.add(value),
                17 if name.eq_ignore_ascii_case("transfer-encoding") => fields.codings.add(value),
                _ => {}
            }
        }
        fields
    }

    /// Whether the connection outlives the message (RFC 9112 section 9.3).
    pub(super) fn persists(&self, version: Version) -> bool {
        match self.connection {
            Connection::Close => false,
            Connection::KeepAlive => true,
            Connection::Unsaid => version == Version::Http11,
        }
    }

    fn add_connection(&mut self, value: &[u8]) {
        for option in list(value) {
            if option.eq_ignore_ascii_case(b"close") {
                self.connection = Connection::Close;
            } else if option.eq_ignore_ascii_case(b"keep-alive") && self.connection == Connection::Unsaid {
                self.connection = Connection::KeepAlive;
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

/// The elements of a comma-separated list, without the white space around them. A folded line's end counts as white
/// space (RFC 9112 section 5.2).
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}
