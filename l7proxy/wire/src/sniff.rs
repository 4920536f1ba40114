//! What a connection speaks, told from the client's first bytes, or from the server's where those come first.

mod dns;
mod kafka;
mod request_line;
mod tls;

use crate::limits;
use request_line::Guess;

/// The connection preface of HTTP/2 (RFC 9113 section 3.4).
pub(crate) const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the first bytes of a client tell.
///
/// For any stream of bytes, each prefix gives [`Verdict::NeedMore`] or the final verdict, and a verdict once given stays
/// for every longer prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// More bytes will tell. Nothing waits for that: the bytes are relayed all the same.
    NeedMore,
    /// HTTP/1.0 or HTTP/1.1 (RFC 9112): a method, a target and, where the method isn't one of the known ones followed by
    /// a path, `HTTP/1.`. At most [`limits::SNIFF_EMPTY_LINES`] empty lines may stand in front.
    Http1,
    /// HTTP/2 with prior knowledge: the connection preface of RFC 9113 section 3.4.
    Http2,
    /// A request to a Kafka broker, of a kind that begins a connection: `ApiVersions`, Metadata or `SaslHandshake`.
    Kafka,
    /// TLS (RFC 8446), with what its `ClientHello` says in clear.
    Tls(TlsHello),
    /// DNS behind its length (RFC 1035 section 4.2.2): a query.
    Dns,
    /// Anything else.
    Opaque,
}

/// What a TLS `ClientHello` says in clear. Empty where it breaks RFC 8446 or reaches beyond [`limits::SNIFF_BYTES`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsHello {
    /// The host name of the `server_name` extension (RFC 6066 section 3).
    pub server_name: Option<Box<str>>,
    /// The protocols that the client offers (RFC 7301), in its order; at most [`limits::ALPN_PROTOCOLS`].
    pub alpn: Vec<Box<[u8]>>,
}

/// The frame type and stream of the frame that a server of HTTP/2 begins with (RFC 9113 sections 3.4 and 6.5): the bytes
/// behind the length. The first one acknowledges nothing, so no flag is set.
const HTTP2_FIRST_SETTINGS: [u8; 6] = [0x4, 0, 0, 0, 0, 0];

/// Judges the first bytes that a server sent before the client had sent anything that tells. Pure, as [`sniff_client`] is.
///
/// Of the protocols that are told apart here, it is HTTP/2 alone in which the server need not wait for the client: many
/// servers send their SETTINGS as soon as they have accepted.
pub fn sniff_server(prefix: &[u8]) -> Verdict {
    let (length, rest) = prefix.split_at(prefix.len().min(3));
    let rest = rest.get(..HTTP2_FIRST_SETTINGS.len()).unwrap_or(rest);
    // Far more settings than are defined, each six bytes; text that a server greets with is longer by its first letter.
    let is_short = length.iter().take(2).all(|byte| *byte == 0);
    match length.get(2) {
        _ if !is_short || !HTTP2_FIRST_SETTINGS.starts_with(rest) => Verdict::Opaque,
        Some(settings) if settings % 6 != 0 => Verdict::Opaque,
        Some(_) if rest.len() == HTTP2_FIRST_SETTINGS.len() => Verdict::Http2,
        _ => Verdict::NeedMore,
    }
}

/// Judges the first bytes that a client sent. Pure: call it again with a longer prefix after [`Verdict::NeedMore`].
///
/// At most [`limits::SNIFF_BYTES`] are looked at, and with that many the answer is never [`Verdict::NeedMore`].
pub fn sniff_client(prefix: &[u8]) -> Verdict {
    judge(prefix, false)
}

/// Judges the first bytes that a client sent to what should be a Kafka broker: any request that could be one is taken for
/// it. All else is as [`sniff_client`] says.
pub fn sniff_client_of_kafka(prefix: &[u8]) -> Verdict {
    judge(prefix, true)
}

fn judge(prefix: &[u8], expects_kafka: bool) -> Verdict {
    let prefix = prefix.get(..limits::SNIFF_BYTES).unwrap_or(prefix);
    let may_grow = prefix.len() < limits::SNIFF_BYTES;
    if prefix.starts_with(HTTP2_PREFACE) {
        return Verdict::Http2;
    }
    if HTTP2_PREFACE.starts_with(prefix) {
        return Verdict::NeedMore;
    }
    if tls::may_start(prefix) {
        return tls::judge(prefix, may_grow);
    }
    match dns::guess(prefix) {
        Guess::Yes => return Verdict::Dns,
        Guess::Maybe => return Verdict::NeedMore,
        Guess::No => {}
    }
    // No method begins with a zero byte.
    let (guess, verdict) = match prefix {
        [0, ..] => (kafka::guess(prefix, expects_kafka), Verdict::Kafka),
        _ => (request_line::guess(prefix), Verdict::Http1),
    };
    match guess {
        Guess::Yes => verdict,
        Guess::Maybe if may_grow => Verdict::NeedMore,
        Guess::Maybe | Guess::No => Verdict::Opaque,
    }
}
