//! The messages of a call, counted by the prefix in front of each.

use super::GrpcContentType;
use super::web::{Base64, Trailers};

/// Bytes in front of a message: a byte of flags, and the length in four.
const PREFIX_BYTES: u8 = 5;

/// The flag of gRPC-Web for a frame that carries trailers and no message.
const TRAILERS: u8 = 0x80;

/// The flag for a compressed message.
const COMPRESSED: u8 = 0x01;

/// Counts the length-prefixed messages of one direction of a call. Owns no memory beside itself.
///
/// Reads content in whatever pieces it comes, and skips the messages themselves by their length.
#[derive(Clone, Debug)]
pub struct GrpcMessages {
    count: u64,
    bytes: u64,
    /// The length that the prefix told, as far as it is in.
    length: u32,
    /// Bytes of the message under way that are still to come.
    left: u32,
    trailers: Trailers,
    base64: Base64,
    kind: GrpcContentType,
    flags: u8,
    /// Bytes of a prefix that are in. All of them, while its message comes.
    prefix: u8,
}

impl GrpcMessages {
    /// In front of the first message of content of this type.
    pub const fn new(kind: GrpcContentType) -> Self {
        Self {
            count: 0,
            bytes: 0,
            length: 0,
            left: 0,
            trailers: Trailers::new(),
            base64: Base64::new(),
            kind,
            flags: 0,
            prefix: 0,
        }
    }

    /// Reads the next piece of content.
    pub fn read(&mut self, content: &[u8]) {
        if self.kind == GrpcContentType::WebText {
            let mut rest = content;
            let mut decoded = [0; 192];
            while !rest.is_empty() {
                let (taken, bytes) = self.base64.decode(rest, &mut decoded);
                self.read_frames(decoded.get(..bytes).unwrap_or_default());
                rest = rest.get(taken..).unwrap_or_default();
            }
        } else {
            self.read_frames(content);
        }
    }

    /// Messages whose last byte was seen.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Bytes of these messages as they came, without their prefixes.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The first byte of a first message was seen.
    pub const fn began(&self) -> bool {
        self.count > 0 || (self.prefix > 0 && !self.in_trailers())
    }

    /// No message is under way.
    pub const fn is_whole(&self) -> bool {
        self.prefix == 0
    }

    /// The `grpc-status` of the trailers that end the content of gRPC-Web. Those that come compressed are not read.
    pub const fn web_status(&self) -> Option<u32> {
        self.trailers.status()
    }

    const fn in_trailers(&self) -> bool {
        !matches!(self.kind, GrpcContentType::Grpc) && self.flags & TRAILERS != 0
    }

    fn read_frames(&mut self, mut content: &[u8]) {
        while let Some((&byte, behind)) = content.split_first() {
            if self.prefix == PREFIX_BYTES {
                let available = u32::try_from(content.len()).unwrap_or(u32::MAX);
                let taken = self.left.min(available);
                self.left = self.left.saturating_sub(taken);
                let (payload, behind) =
                    content.split_at_checked(usize::try_from(taken).unwrap_or(usize::MAX)).unwrap_or((content, &[]));
                if self.in_trailers() && self.flags & COMPRESSED == 0 {
                    self.trailers.read(payload);
                }
                content = behind;
            } else {
                if self.prefix == 0 {
                    (self.flags, self.length) = (byte, 0);
                } else {
                    self.length = (self.length << 8) | u32::from(byte);
                }
                self.prefix = self.prefix.saturating_add(1);
                self.left = self.length;
                content = behind;
            }
            if self.prefix == PREFIX_BYTES && self.left == 0 {
                self.end();
            }
        }
    }

    /// The last byte of a message, or of trailers, was taken.
    fn end(&mut self) {
        if self.in_trailers() {
            self.trailers.end();
        } else {
            self.count = self.count.saturating_add(1);
            self.bytes = self.bytes.saturating_add(u64::from(self.length));
        }
        self.prefix = 0;
    }
}

#[cfg(test)]
mod tests;
