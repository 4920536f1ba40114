//! The error codes of RFC 9113 section 7, as `RST_STREAM` and GOAWAY carry them.

/// Not an error: the stream, or the connection, is over as agreed.
pub const NO_ERROR: u32 = 0x0;
/// The peer broke the protocol.
pub const PROTOCOL_ERROR: u32 = 0x1;
/// The sender failed within.
pub const INTERNAL_ERROR: u32 = 0x2;
/// The peer sent more than its window.
pub const FLOW_CONTROL_ERROR: u32 = 0x3;
/// Settings were not acknowledged in time.
pub const SETTINGS_TIMEOUT: u32 = 0x4;
/// A frame came for a stream that was half-closed.
pub const STREAM_CLOSED: u32 = 0x5;
/// A frame has a length that its type does not allow.
pub const FRAME_SIZE_ERROR: u32 = 0x6;
/// Nothing was processed: the request may be sent again.
pub const REFUSED_STREAM: u32 = 0x7;
/// The stream is needed no more.
pub const CANCEL: u32 = 0x8;
/// The header table is lost.
pub const COMPRESSION_ERROR: u32 = 0x9;
/// The connection made for CONNECT was reset or closed.
pub const CONNECT_ERROR: u32 = 0xa;
/// The peer causes too much load.
pub const ENHANCE_YOUR_CALM: u32 = 0xb;
/// The transport is not secure enough.
pub const INADEQUATE_SECURITY: u32 = 0xc;
/// HTTP/1.1 is asked for.
pub const HTTP_1_1_REQUIRED: u32 = 0xd;
