//! Escaping, so that no value can end its quotes or its line.

/// Appends a label value. Backslash, quote and line feed are escaped, in all the formats alike.
pub(super) fn escape_value(value: &str, out: &mut Vec<u8>) {
    escape(value, b"\\\"\n", out);
}

/// Appends a help text as Prometheus wants it: quotes are as they are.
pub(super) fn escape_help(help: &str, out: &mut Vec<u8>) {
    escape(help, b"\\\n", out);
}

/// Appends a help text as OpenMetrics wants it.
pub(super) fn escape_help_and_quotes(help: &str, out: &mut Vec<u8>) {
    escape(help, b"\\\"\n", out);
}

fn escape(text: &str, special: &[u8], out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    // The special bytes are ASCII, which no part of a longer UTF-8 character is, so a cut there leaves valid UTF-8.
    while let Some(at) = rest.iter().position(|byte| special.contains(byte)) {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, after)) = from.split_first() else { break };
        out.extend_from_slice(&[b'\\', if *byte == b'\n' { b'n' } else { *byte }]);
        rest = after;
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(write: fn(&str, &mut Vec<u8>), text: &str) -> String {
        let mut out = Vec::new();
        write(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_could_end_a_value_is_escaped() {
        let text = "a\"b\\c\nd\r\u{e9}\u{1f600}\"";
        assert_eq!(escaped(escape_value, text), "a\\\"b\\\\c\\nd\r\u{e9}\u{1f600}\\\"");
        assert_eq!(escaped(escape_help, text), "a\"b\\\\c\\nd\r\u{e9}\u{1f600}\"");
        assert_eq!(escaped(escape_help_and_quotes, text), escaped(escape_value, text));
        assert_eq!(escaped(escape_value, ""), "");
    }
}
