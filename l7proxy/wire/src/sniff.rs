//! What a connection speaks, told from the client's first bytes.

use crate::limits;

/// What the first bytes of a client tell.
///
/// For any stream of bytes, each prefix gives [`Verdict::NeedMore`] or the final verdict, and a verdict once given stays
/// for every longer prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// More bytes will tell. Nothing waits for that: the bytes are relayed all the same.
    NeedMore,
    /// HTTP/1.0 or HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2 with prior knowledge: the connection preface of RFC 9113 section 3.4.
    Http2,
    /// TLS (RFC 8446), with what its `ClientHello` says in clear.
    Tls(TlsHello),
    /// Anything else.
    Opaque,
}

/// What a TLS `ClientHello` says in clear. Empty where it could not be read within [`limits::SNIFF_BYTES`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsHello {
    /// The host name of the `server_name` extension (RFC 6066 section 3).
    pub server_name: Option<Box<str>>,
    /// The protocols that the client offers (RFC 7301), in its order.
    pub alpn: Vec<Box<[u8]>>,
}

/// Judges the first bytes that a client sent. Pure: call it again with a longer prefix after [`Verdict::NeedMore`].
///
/// At most [`limits::SNIFF_BYTES`] are looked at, and with that many the answer is never [`Verdict::NeedMore`].
pub fn sniff_client(prefix: &[u8]) -> Verdict {
    let prefix = prefix.get(..limits::SNIFF_BYTES).unwrap_or(prefix);
    if prefix.is_empty() { Verdict::NeedMore } else { Verdict::Opaque }
}
