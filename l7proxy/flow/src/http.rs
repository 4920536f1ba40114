//! The parts of an HTTP exchange that sinks hear of.

/// An HTTP request and the final answer to it (RFC 9110).
#[derive(Clone, Copy, Debug)]
pub struct HttpExchange<'a> {
    /// The method, where it is one of the known ones.
    pub known_method: Option<KnownMethod>,
    /// The method as it was on the wire.
    pub method: &'a [u8],
    /// The path of the request target, without query and fragment; empty for CONNECT and `OPTIONS *`.
    /// Cut at the proxy's limit for remembered paths.
    pub path: &'a [u8],
    /// The status code of the final answer; absent where none came.
    pub status: Option<u16>,
    /// The version of the answer where one came, else of the request.
    pub version: HttpVersion,
    /// The scheme of the connection.
    pub scheme: UrlScheme,
    /// The connection became a tunnel by this exchange (CONNECT or Upgrade).
    pub tunnel: bool,
}

/// A version of HTTP, as `network.protocol.version` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

impl HttpVersion {
    /// The label value of this version.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2",
        }
    }
}

/// The scheme of a URL, as `url.scheme` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UrlScheme {
    /// In clear.
    Http,
    /// Over TLS.
    Https,
}

impl UrlScheme {
    /// The label value of this scheme.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The methods of RFC 9110 section 9, PATCH (RFC 5789) and QUERY, as the OpenTelemetry conventions list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KnownMethod {
    /// CONNECT
    Connect,
    /// DELETE
    Delete,
    /// GET
    Get,
    /// HEAD
    Head,
    /// OPTIONS
    Options,
    /// PATCH
    Patch,
    /// POST
    Post,
    /// PUT
    Put,
    /// QUERY
    Query,
    /// TRACE
    Trace,
}

impl KnownMethod {
    /// Every known method.
    pub const ALL: [Self; 10] = [
        Self::Connect,
        Self::Delete,
        Self::Get,
        Self::Head,
        Self::Options,
        Self::Patch,
        Self::Post,
        Self::Put,
        Self::Query,
        Self::Trace,
    ];

    /// The known method of this name. Methods are case-sensitive (RFC 9110 section 9.1).
    pub fn from_wire(method: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_label().as_bytes() == method)
    }

    /// The method's name, which is its label value.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Query => "QUERY",
            Self::Trace => "TRACE",
        }
    }
}
