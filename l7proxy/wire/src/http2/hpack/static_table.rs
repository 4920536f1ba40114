//! The static table (RFC 7541 appendix A).

use super::Name;
use super::name::known;

/// A field of the static table.
#[derive(Clone, Copy, Debug)]
pub(super) struct StaticField {
    pub(super) name: Name,
    pub(super) name_length: usize,
    pub(super) value: &'static [u8],
}

/// The field at an index, which starts from 1.
pub(super) fn field(index: u32) -> Option<&'static StaticField> {
    FIELDS.get(usize::try_from(index).ok()?.checked_sub(1)?)
}

/// How many there are. The next index is that of the newest entry of the dynamic table.
pub(super) const COUNT: u32 = 61;

/// A row of the table below.
const fn row(name: &[u8], value: &'static [u8]) -> StaticField {
    StaticField { name: known(name), name_length: name.len(), value }
}

static FIELDS: [StaticField; COUNT as usize] = [
    row(b":authority", b""),
    row(b":method", b"GET"),
    row(b":method", b"POST"),
    row(b":path", b"/"),
    row(b":path", b"/index.html"),
    row(b":scheme", b"http"),
    row(b":scheme", b"https"),
    row(b":status", b"200"),
    row(b":status", b"204"),
    row(b":status", b"206"),
    row(b":status", b"304"),
    row(b":status", b"400"),
    row(b":status", b"404"),
    row(b":status", b"500"),
    row(b"accept-charset", b""),
    row(b"accept-encoding", b"gzip, deflate"),
    row(b"accept-language", b""),
    row(b"accept-ranges", b""),
    row(b"accept", b""),
    row(b"access-control-allow-origin", b""),
    row(b"age", b""),
    row(b"allow", b""),
    row(b"authorization", b""),
    row(b"cache-control", b""),
    row(b"content-disposition", b""),
    row(b"content-encoding", b""),
    row(b"content-language", b""),
    row(b"content-length", b""),
    row(b"content-location", b""),
    row(b"content-range", b""),
    row(b"content-type", b""),
    row(b"cookie", b""),
    row(b"date", b""),
    row(b"etag", b""),
    row(b"expect", b""),
    row(b"expires", b""),
    row(b"from", b""),
    row(b"host", b""),
    row(b"if-match", b""),
    row(b"if-modified-since", b""),
    row(b"if-none-match", b""),
    row(b"if-range", b""),
    row(b"if-unmodified-since", b""),
    row(b"last-modified", b""),
    row(b"link", b""),
    row(b"location", b""),
    row(b"max-forwards", b""),
    row(b"proxy-authenticate", b""),
    row(b"proxy-authorization", b""),
    row(b"range", b""),
    row(b"referer", b""),
    row(b"refresh", b""),
    row(b"retry-after", b""),
    row(b"server", b""),
    row(b"set-cookie", b""),
    row(b"strict-transport-security", b""),
    row(b"transfer-encoding", b""),
    row(b"user-agent", b""),
    row(b"vary", b""),
    row(b"via", b""),
    row(b"www-authenticate", b""),
];
