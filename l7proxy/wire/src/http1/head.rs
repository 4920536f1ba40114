//! What is kept of a head.

use crate::trace::TraceParent;

/// The version of HTTP/1 in a start line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// The head of a request. Borrows from the input, or from the decoder where the head came in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// The method as it was on the wire. Methods are case-sensitive.
    pub method: &'a [u8],
    /// The request target as it was on the wire (RFC 9112 section 3.2).
    pub target: &'a [u8],
    /// The path within the target, without query and fragment. `/` where an absolute URI has none; empty for the
    /// authority-form of CONNECT and for `*`.
    pub path: &'a [u8],
    /// The version of the request.
    pub version: Version,
    /// Who is asked: the authority of the target where it has one, else the `Host` field. Absent where it is missing or
    /// given more than once.
    pub host: Option<&'a [u8]>,
    /// The trace context: `traceparent`, else `b3`, else `X-B3-*`.
    pub trace: Option<TraceParent>,
    /// The `Content-Type` field. Absent where given more than once.
    pub content_type: Option<&'a [u8]>,
    /// The client waits for 100 (Continue) before it sends content (RFC 9110 section 10.1.1).
    pub expect_continue: bool,
    /// Another request may follow on this connection (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// The client offers HTTP/2 (RFC 7540 section 3.2): with `h2c` among the protocols of `Upgrade`, in HTTP/1.1.
    pub upgrade_h2c: bool,
    /// What [`ResponseDecoder::advance`](super::ResponseDecoder::advance) must know to read the answer.
    pub response_to: ResponseTo,
    /// Bytes of the head, from the start line to the empty line.
    pub head_bytes: u64,
}

/// What a response answers, as far as the length of the response depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseTo {
    /// A HEAD request: the response has no content.
    Head,
    /// A HEAD request that asked for an upgrade.
    HeadUpgrade,
    /// A CONNECT request: 2xx makes a tunnel.
    Connect,
    /// A request that asked for an upgrade: 101 makes a tunnel.
    Upgrade,
    /// Any other request.
    Other,
}

impl ResponseTo {
    /// A tunnel may follow this request: the request decoder holds what comes after it until it is
    /// [settled](super::RequestDecoder::settle).
    pub const fn may_tunnel(self) -> bool {
        matches!(self, Self::HeadUpgrade | Self::Connect | Self::Upgrade)
    }
}

/// The head of a response. Borrows from the input, or from the decoder where the head came in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead<'a> {
    /// The status code: three digits, not necessarily a known one.
    pub status: u16,
    /// The version of the response.
    pub version: Version,
    /// The `Content-Type` field. Absent where given more than once.
    pub content_type: Option<&'a [u8]>,
    /// The `grpc-status` field, with which gRPC-Web answers a call that has no messages. 0 to 16 have names.
    pub grpc_status: Option<u32>,
    /// The connection stays open after this response (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// The tunnel is HTTP/2: 101 with `h2c` in `Upgrade`.
    pub h2c: bool,
    /// What became of the tunnel that the request asked for. Always `NotAsked` in an interim response.
    pub tunnel: Tunnel,
    /// Bytes of the head, from the start line to the empty line.
    pub head_bytes: u64,
}

/// What a final response says about a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tunnel {
    /// The request had not asked for one.
    NotAsked,
    /// The request had asked, and HTTP goes on. Call `settle(false)` on the request decoder.
    Refused,
    /// Both directions are a tunnel from here on. Call `settle(true)` on the request decoder.
    Granted,
}
