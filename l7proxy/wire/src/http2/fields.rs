//! The few fields that reading along needs, gathered in one pass over a header block.

use std::time::Duration;

use super::Http2Error;
use super::hpack::{Block, Line, Name, Table, Text, Value};
use crate::grpc::{self, GrpcContentType};
use crate::limits;
use crate::trace::{B3Fields, TraceParent};

/// What is kept of a header block. Borrows from the input or from the decoder.
///
/// A field that may be given once is absent where it is given more often, or breaks its grammar. Of long values, the first
/// [`TEXT_BYTES`](limits::TEXT_BYTES) are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    /// `:method`. Absent in responses and trailers.
    pub method: Option<&'a [u8]>,
    /// `:path` as it was on the wire, with its query.
    pub target: Option<&'a [u8]>,
    /// `:path` in front of `?` and `#`. Empty for `*`; absent for CONNECT.
    pub path: Option<&'a [u8]>,
    /// `:protocol`: what an extended CONNECT asks for (RFC 8441).
    pub protocol: Option<&'a [u8]>,
    /// `:status`: three digits, not necessarily a known one. Absent in requests and trailers.
    pub status: Option<u16>,
    /// `:scheme` is `https`.
    pub https: bool,
    /// Which gRPC the `content-type` is, if any.
    pub grpc: Option<GrpcContentType>,
    /// `grpc-status`. 0 to 16 have names.
    pub grpc_status: Option<u32>,
    /// `grpc-timeout`: how long the client is going to wait.
    pub grpc_timeout: Option<Duration>,
    /// The trace context: `traceparent`, else `b3`, else `X-B3-*`.
    pub trace: Option<TraceParent>,
}

/// The value of a field that may be given once.
#[derive(Clone, Copy, Debug)]
struct Once<T> {
    seen: bool,
    value: Option<T>,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self { seen: false, value: None }
    }
}

impl<T> Once<T> {
    fn add(&mut self, value: Option<T>) {
        self.value = if self.seen { None } else { value };
        self.seen = true;
    }
}

/// Fields on their way to [`Fields`], while the scratch may still move.
#[derive(Debug, Default)]
struct Gathered<'a> {
    method: Once<Text<'a>>,
    path: Once<Text<'a>>,
    protocol: Once<Text<'a>>,
    status: Once<u16>,
    https: Once<bool>,
    grpc: Once<GrpcContentType>,
    grpc_status: Once<u32>,
    grpc_timeout: Once<Duration>,
    traceparent: Once<TraceParent>,
    b3: Once<TraceParent>,
    b3_fields: B3Fields,
}

impl<'a> Fields<'a> {
    /// Reads a whole header block.
    pub(super) fn read(block: &'a [u8], table: &mut Table, scratch: &'a mut Vec<u8>) -> Result<Self, Http2Error> {
        scratch.clear();
        let mut block = Block::new(block);
        let mut gathered = Gathered::default();
        let (mut fields, mut cost) = (0_usize, 0_usize);
        while let Some(line) = block.next(table, scratch)? {
            fields = fields.saturating_add(1);
            cost = cost.saturating_add(line.cost());
            if fields > limits::HEADER_LIST_FIELDS || cost > limits::HEADER_LIST_BYTES {
                return Err(Http2Error::HeadTooLarge);
            }
            gathered.add(&line, scratch);
        }
        Ok(gathered.resolve(scratch))
    }
}

impl<'a> Gathered<'a> {
    fn add(&mut self, line: &Line<'a>, scratch: &[u8]) {
        if line.name == Name::Other {
            return;
        }
        match line.value {
            Value::Text(text) => self.add_text(line.name, text, scratch),
            Value::Https(https) => self.https.add(Some(https)),
            Value::Status(status) => self.status.add(Some(status)),
            Value::Grpc(kind) => self.grpc.add(Some(kind)),
            Value::GrpcStatus(status) => self.grpc_status.add(Some(status)),
            Value::Nothing => match line.name {
                Name::Status => self.status.add(None),
                Name::ContentType => self.grpc.add(None),
                Name::GrpcStatus => self.grpc_status.add(None),
                Name::Method => self.method.add(None),
                Name::Path => self.path.add(None),
                Name::Protocol => self.protocol.add(None),
                Name::GrpcTimeout => self.grpc_timeout.add(None),
                Name::TraceParent => self.traceparent.add(None),
                Name::B3 => self.b3.add(None),
                _ => {}
            },
        }
    }

    fn add_text(&mut self, name: Name, text: Text<'a>, scratch: &[u8]) {
        let value = text.resolve(scratch);
        match name {
            Name::Method => self.method.add(Some(text)),
            Name::Path => self.path.add(Some(text)),
            Name::Protocol => self.protocol.add(Some(text)),
            Name::GrpcTimeout => self.grpc_timeout.add(grpc::timeout(value)),
            Name::TraceParent => self.traceparent.add(TraceParent::from_traceparent(value)),
            Name::B3 => self.b3.add(TraceParent::from_b3(value)),
            Name::B3TraceId => self.b3_fields.trace_id(value),
            Name::B3SpanId => self.b3_fields.span_id(value),
            Name::B3Sampled => self.b3_fields.sampled(value),
            Name::B3Flags => self.b3_fields.flags(value),
            Name::Scheme | Name::Status | Name::ContentType | Name::GrpcStatus | Name::Other => {}
        }
    }

    fn resolve(self, scratch: &'a [u8]) -> Fields<'a> {
        let text = |once: Once<Text<'a>>| once.value.map(|text| text.resolve(scratch));
        let target = text(self.path);
        Fields {
            method: text(self.method),
            target,
            path: target.map(path),
            protocol: text(self.protocol),
            status: self.status.value,
            https: self.https.value.unwrap_or_default(),
            grpc: self.grpc.value,
            grpc_status: self.grpc_status.value,
            grpc_timeout: self.grpc_timeout.value,
            trace: self.traceparent.value.or(self.b3.value).or_else(|| self.b3_fields.context()),
        }
    }
}

/// The path of a target.
fn path(target: &[u8]) -> &[u8] {
    if target == b"*" {
        return b"";
    }
    let end = target.iter().position(|byte| matches!(byte, b'?' | b'#'));
    target.get(..end.unwrap_or(target.len())).unwrap_or(target)
}
