//! The parts of a request target (RFC 9112 section 3.2).

/// The path and the authority within a target; the latter is the host and port.
pub(super) struct TargetParts<'a> {
    pub(super) path: &'a [u8],
    pub(super) authority: Option<&'a [u8]>,
}

/// Takes a target apart, whichever of the four forms it has.
pub(super) fn parts(target: &[u8], is_connect: bool) -> TargetParts<'_> {
    if is_connect {
        return TargetParts { path: b"", authority: Some(target) };
    }
    match target.first() {
        Some(b'/') => TargetParts { path: until(target, |byte| matches!(byte, b'?' | b'#')), authority: None },
        Some(b'*') if target.len() == 1 => TargetParts { path: b"", authority: None },
        _ => absolute(target),
    }
}

/// `scheme://user@host:port/path?query`. What has no scheme isn't a valid target: it has neither path nor authority.
fn absolute(target: &[u8]) -> TargetParts<'_> {
    let scheme = until(target, |byte| byte == b':');
    let Some(rest) = target.get(scheme.len()..).and_then(|rest| rest.strip_prefix(b"://")) else {
        return TargetParts { path: b"", authority: None };
    };
    let authority = until(rest, |byte| matches!(byte, b'/' | b'?' | b'#'));
    let path = until(rest.get(authority.len()..).unwrap_or_default(), |byte| matches!(byte, b'?' | b'#'));
    // User and password don't name a host, and have no business in anything that is told.
    let authority = authority.rsplit(|&byte| byte == b'@').next().unwrap_or(authority);
    // An empty path is the same as `/` (RFC 9110 section 4.2.3).
    TargetParts { path: if path.is_empty() { b"/" } else { path }, authority: Some(authority) }
}

/// The bytes in front of the first one that ends them.
fn until(bytes: &[u8], ends: impl Fn(u8) -> bool) -> &[u8] {
    bytes.split(|&byte| ends(byte)).next().unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::parts;

    fn taken_apart(target: &str) -> (&str, Option<&str>) {
        let parts = parts(target.as_bytes(), false);
        let text = |bytes| str::from_utf8(bytes).expect("as it was given");
        (text(parts.path), parts.authority.map(text))
    }

    #[test]
    fn paths_have_no_query() {
        assert_eq!(taken_apart("/a/b?c=/d"), ("/a/b", None));
        assert_eq!(taken_apart("/a#b?c"), ("/a", None));
        assert_eq!(taken_apart("/?"), ("/", None));
        assert_eq!(taken_apart("//a//b"), ("//a//b", None));
        assert_eq!(taken_apart("*"), ("", None));
    }

    #[test]
    fn absolute_targets_name_their_host() {
        assert_eq!(taken_apart("http://a:80/b/c?d"), ("/b/c", Some("a:80")));
        assert_eq!(taken_apart("http://a"), ("/", Some("a")));
        assert_eq!(taken_apart("http://a?b=/c@d"), ("/", Some("a")));
        assert_eq!(taken_apart("https://user:pass@[::1]:80#x"), ("/", Some("[::1]:80")));
        assert_eq!(taken_apart("http://"), ("/", Some("")));
        for strange in ["a", "*a", "urn:a:b", "http:/a", "a/b?c", "?"] {
            assert_eq!(taken_apart(strange), ("", None), "{strange}");
        }
    }

    #[test]
    fn connect_names_nothing_but_a_host() {
        let parts = parts(b"/a:443", true);
        assert_eq!((parts.path, parts.authority), (&b""[..], Some(&b"/a:443"[..])));
    }
}
