//! The trace context of a request: W3C Trace Context, and the B3 headers of Zipkin.
//!
//! Identifiers are in lower case in both, and so nothing else is taken for one. A value that breaks its grammar is no
//! context, as if it had not been sent.

/// Which trace a request belongs to, and which span sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace. Never all zeros. The shorter identifiers of B3 have zeros in front.
    pub trace_id: [u8; 16],
    /// The span that sent the request. Never all zeros.
    pub span_id: [u8; 8],
    /// Whether the sender records the trace. A B3 sender that leaves the decision open does not.
    pub sampled: bool,
}

impl TraceParent {
    /// Reads a `traceparent` value (W3C Trace Context level 2, section 3.2).
    ///
    /// Versions beyond 00 may append fields; version ff is none.
    pub fn from_traceparent(value: &[u8]) -> Option<Self> {
        let (known, appended) = value.split_first_chunk::<55>()?;
        if [2, 35, 52].iter().any(|&at| known.get(at) != Some(&b'-')) {
            return None;
        }
        let [version] = hex(known.get(..2)?)?;
        let [flags] = hex(known.get(53..)?)?;
        let ends = match version {
            0 => appended.is_empty(),
            0xff => false,
            _ => matches!(appended, [] | [b'-', ..]),
        };
        if !ends {
            return None;
        }
        Self::new(hex(known.get(3..35)?)?, hex(known.get(36..52)?)?, flags & 1 == 1)
    }

    /// Reads the value of a `b3` field: trace, span, and optionally the sampling state and the parent of the span.
    pub fn from_b3(value: &[u8]) -> Option<Self> {
        let mut parts = value.split(|&byte| byte == b'-');
        let (trace_id, span_id) = (trace_id(parts.next()?)?, hex(parts.next()?)?);
        let sampled = match parts.next() {
            None | Some(b"0") => false,
            Some(b"1" | b"d") => true,
            Some(_) => return None,
        };
        if let Some(parent) = parts.next() {
            hex::<8>(parent)?;
        }
        if parts.next().is_some() { None } else { Self::new(trace_id, span_id, sampled) }
    }

    fn new(trace_id: [u8; 16], span_id: [u8; 8], sampled: bool) -> Option<Self> {
        let is_valid = trace_id != [0; 16] && span_id != [0; 8];
        is_valid.then_some(Self { trace_id, span_id, sampled })
    }
}

/// The `X-B3-*` fields of a request, gathered one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct B3Fields {
    trace_id: Option<[u8; 16]>,
    span_id: Option<[u8; 8]>,
    sampled: bool,
}

impl B3Fields {
    /// Takes the value of `X-B3-TraceId`: 16 or 32 digits.
    pub fn trace_id(&mut self, value: &[u8]) {
        self.trace_id = trace_id(value);
    }

    /// Takes the value of `X-B3-SpanId`: 16 digits.
    pub fn span_id(&mut self, value: &[u8]) {
        self.span_id = hex(value);
    }

    /// Takes the value of `X-B3-Sampled`: `1`, or `true` of old senders, where the trace is recorded.
    pub fn sampled(&mut self, value: &[u8]) {
        self.sampled |= matches!(value, b"1" | b"true");
    }

    /// Takes the value of `X-B3-Flags`: `1` asks for debugging, which implies recording.
    pub fn flags(&mut self, value: &[u8]) {
        self.sampled |= value == b"1";
    }

    /// What they say together.
    pub fn context(&self) -> Option<TraceParent> {
        TraceParent::new(self.trace_id?, self.span_id?, self.sampled)
    }
}

fn trace_id(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() == 32 {
        return hex(text);
    }
    let short: [u8; 8] = hex(text)?;
    Some(u128::from(u64::from_be_bytes(short)).to_be_bytes())
}

/// Bytes written as so many pairs of digits, in lower case. In two steps, of which the first reads all digits at once.
fn hex<const BYTES: usize>(text: &[u8]) -> Option<[u8; BYTES]> {
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    let pairs: &[[u8; 2]; BYTES] = pairs.try_into().ok()?;
    let mut digits = [[0; 2]; BYTES];
    digits.as_flattened_mut().iter_mut().zip(pairs.as_flattened()).for_each(|(value, text)| *value = digit(*text));
    let is_hex = digits.as_flattened().iter().fold(0, |seen, value| seen | value) < 16;
    is_hex.then(|| digits.map(|[high, low]| (high << 4) | low))
}

/// The value of a digit; 255 of anything else. Without a branch, so that all digits of an identifier are read at once.
const fn digit(byte: u8) -> u8 {
    let number = byte.wrapping_sub(b'0');
    let letter = byte.wrapping_sub(b'a');
    match (number < 10, letter < 6) {
        (true, _) => number,
        (_, true) => letter.wrapping_add(10),
        _ => u8::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::{B3Fields, TraceParent};

    const TRACE: [u8; 16] = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    const SPAN: [u8; 8] = 0xb7ad_6b71_6920_3331_u64.to_be_bytes();

    fn context(sampled: bool) -> TraceParent {
        TraceParent { trace_id: TRACE, span_id: SPAN, sampled }
    }

    #[test]
    fn traceparents() {
        let read = |text: &str| TraceParent::from_traceparent(text.as_bytes());
        let ids = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
        for (flags, sampled) in [("00", false), ("01", true), ("02", false), ("03", true), ("ff", true)] {
            assert_eq!(read(&format!("00-{ids}-{flags}")), Some(context(sampled)), "{flags}");
        }
        assert_eq!(read(&format!("01-{ids}-01")), Some(context(true)));
        assert_eq!(read(&format!("cc-{ids}-01-what comes later")), Some(context(true)));
        for broken in [
            String::new(),
            format!("00-{ids}"),
            format!("00-{ids}-1"),
            format!("00-{ids}-0x"),
            format!("00-{ids}-01-more"),
            format!("cc-{ids}-01.more"),
            format!("ff-{ids}-01"),
            format!("0-{ids}-01"),
            format!("0G-{ids}-01"),
            format!("00-{}-01", ids.to_uppercase()),
            format!("00-{}-01", ids.replace('-', "_")),
            format!("00_{ids}-01"),
            format!("00-{ids}_01"),
            format!("00-{}-01", ids.replace("319c", "319:")),
            format!("00-{}-01", ids.replace("319c", "319`")),
            format!("00-{}-01", ids.replace("319c", "319/")),
            format!("00-{}-01", ids.replace("319c", "319g")),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01".to_owned(),
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01".to_owned(),
        ] {
            assert_eq!(read(&broken), None, "{broken}");
        }
    }

    #[test]
    fn b3_in_one_field() {
        let read = |text: &str| TraceParent::from_b3(text.as_bytes());
        let ids = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
        for (end, sampled) in [("", false), ("-0", false), ("-1", true), ("-d", true), ("-1-b7ad6b7169203332", true)] {
            assert_eq!(read(&format!("{ids}{end}")), Some(context(sampled)), "{end}");
        }
        let short = read("8448eb211c80319c-b7ad6b7169203331-1").expect("a short trace id");
        assert_eq!(short.trace_id, 0x8448_eb21_1c80_319c_u128.to_be_bytes());
        for broken in ["", "0", "1", "d", "x", "-", "8448eb211c80319c", "8448eb211c80319-b7ad6b7169203331"] {
            assert_eq!(read(broken), None, "{broken}");
        }
        for end in ["-2", "-", "-1-", "-1-b7ad", "-1-b7ad6b7169203332-"] {
            assert_eq!(read(&format!("{ids}{end}")), None, "{end}");
        }
        assert_eq!(read("0000000000000000-b7ad6b7169203331"), None);
    }

    #[test]
    fn b3_in_several_fields() {
        let mut fields = B3Fields::default();
        fields.trace_id(b"0af7651916cd43dd8448eb211c80319c");
        assert_eq!(fields.context(), None);
        fields.span_id(b"b7ad6b7169203331");
        assert_eq!(fields.context(), Some(context(false)));
        fields.sampled(b"0");
        fields.flags(b"0");
        assert_eq!(fields.context(), Some(context(false)));
        let mut debugged = fields;
        debugged.flags(b"1");
        assert_eq!(debugged.context(), Some(context(true)));
        fields.sampled(b"true");
        assert_eq!(fields.context(), Some(context(true)));
        fields.span_id(b"b7");
        assert_eq!(fields.context(), None);
    }
}
