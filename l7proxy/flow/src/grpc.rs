//! The parts of a gRPC call that sinks hear of.

use std::time::Duration;

use crate::UrlScheme;

/// A gRPC call (the protocol that gRPC documents as "gRPC over HTTP2"), or one of gRPC-Web.
#[derive(Clone, Copy, Debug)]
pub struct GrpcExchange<'a> {
    /// The variant of the protocol.
    pub flavour: GrpcFlavour,
    /// The full method, `package.Service/Method`: the path of the request without its first slash, cut at the proxy's
    /// limit for remembered paths.
    pub method: &'a [u8],
    /// How the call ended for the client: as the server said it, else as gRPC maps the HTTP status or the reset that
    /// came instead. Absent where the bytes that would tell were not read.
    pub status: Option<GrpcStatus>,
    /// The status code of the HTTP answer; absent where none came.
    pub http_status: Option<u16>,
    /// Who streamed, as far as the messages of this call show it.
    pub call: GrpcCall,
    /// What the client sent.
    pub request: GrpcMessages,
    /// What the server sent.
    pub response: GrpcMessages,
    /// How long the client was willing to wait (`grpc-timeout`), counted from its own start of the call.
    pub timeout: Option<Duration>,
    /// From the first byte of the request to the first byte of the first response message; absent where none came.
    pub time_to_first_message: Option<Duration>,
    /// The scheme of the connection.
    pub scheme: UrlScheme,
}

/// Whole messages of one direction of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GrpcMessages {
    /// How many.
    pub count: u64,
    /// Their length in bytes as it was on the wire (compressed where they were), without the length prefixes.
    pub bytes: u64,
}

/// A variant of gRPC, told by the content type of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrpcFlavour {
    /// `application/grpc`, alone or with any `+` suffix.
    Grpc,
    /// `application/grpc-web` and `application/grpc-web-text`, alone or with any `+` suffix.
    Web,
}

impl GrpcFlavour {
    /// The label value of this variant, as `rpc.system.name` has it.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Web => "grpc-web",
        }
    }
}

/// Who streams in a call. A stream of a single message cannot be told from none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrpcCall {
    /// At most one message each way.
    Unary,
    /// Several messages of the client.
    ClientStream,
    /// Several messages of the server.
    ServerStream,
    /// Several messages both ways.
    BidiStream,
}

impl GrpcCall {
    /// Every kind of call, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Unary, Self::ClientStream, Self::ServerStream, Self::BidiStream];

    /// The label value of this kind, as go-grpc-prometheus has it.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::ClientStream => "client_stream",
            Self::ServerStream => "server_stream",
            Self::BidiStream => "bidi_stream",
        }
    }
}

/// The status codes of gRPC. Any other number counts as [`GrpcStatus::Unknown`], which is what its libraries make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrpcStatus {
    /// 0
    Ok,
    /// 1
    Cancelled,
    /// 2
    Unknown,
    /// 3
    InvalidArgument,
    /// 4
    DeadlineExceeded,
    /// 5
    NotFound,
    /// 6
    AlreadyExists,
    /// 7
    PermissionDenied,
    /// 8
    ResourceExhausted,
    /// 9
    FailedPrecondition,
    /// 10
    Aborted,
    /// 11
    OutOfRange,
    /// 12
    Unimplemented,
    /// 13
    Internal,
    /// 14
    Unavailable,
    /// 15
    DataLoss,
    /// 16
    Unauthenticated,
}

impl GrpcStatus {
    /// Every status, in the order of their numbers.
    pub const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The status of a `grpc-status` number.
    pub fn from_code(code: u32) -> Self {
        usize::try_from(code).ok().and_then(|code| Self::ALL.get(code)).copied().unwrap_or(Self::Unknown)
    }

    /// Its number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Its name in capitals, as the OpenTelemetry conventions have it.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }

    /// Its name in words, as go-grpc-prometheus has it.
    pub const fn as_go_name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "Canceled",
            Self::Unknown => "Unknown",
            Self::InvalidArgument => "InvalidArgument",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::NotFound => "NotFound",
            Self::AlreadyExists => "AlreadyExists",
            Self::PermissionDenied => "PermissionDenied",
            Self::ResourceExhausted => "ResourceExhausted",
            Self::FailedPrecondition => "FailedPrecondition",
            Self::Aborted => "Aborted",
            Self::OutOfRange => "OutOfRange",
            Self::Unimplemented => "Unimplemented",
            Self::Internal => "Internal",
            Self::Unavailable => "Unavailable",
            Self::DataLoss => "DataLoss",
            Self::Unauthenticated => "Unauthenticated",
        }
    }

    /// Whether the conventions count it as an error of the server: the others are the client's own doing, or its choice.
    pub const fn is_server_error(self) -> bool {
        matches!(
            self,
            Self::Unknown
                | Self::DeadlineExceeded
                | Self::Unimplemented
                | Self::Internal
                | Self::Unavailable
                | Self::DataLoss
        )
    }

    /// What a client makes of an HTTP answer that has no `grpc-status` (gRPC's "HTTP to gRPC Status Code Mapping").
    pub const fn from_http(status: u16) -> Self {
        match status {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// What a client makes of a stream that was reset with this HTTP/2 error code (gRPC's "Errors" of its HTTP/2 mapping).
    pub const fn from_reset(code: u32) -> Self {
        match code {
            0x7 => Self::Unavailable,
            0x8 => Self::Cancelled,
            0xb => Self::ResourceExhausted,
            0xc => Self::PermissionDenied,
            _ => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_found_under_its_number() {
        for (number, status) in (0_u32..).zip(GrpcStatus::ALL) {
            assert_eq!(GrpcStatus::from_code(number), status);
            assert_eq!(u32::from(status.code()), number);
        }
        assert_eq!(GrpcStatus::from_code(17), GrpcStatus::Unknown);
        assert_eq!(GrpcStatus::from_code(u32::MAX), GrpcStatus::Unknown);
    }

    #[test]
    fn the_errors_of_servers_are_those_of_the_conventions() {
        let errors: Vec<u8> =
            GrpcStatus::ALL.into_iter().filter(|status| status.is_server_error()).map(GrpcStatus::code).collect();
        assert_eq!(errors, [2, 4, 12, 13, 14, 15]);
    }
}
