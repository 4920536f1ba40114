//! Which content types are gRPC.

/// The content types of gRPC and of gRPC-Web.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrpcContentType {
    /// `application/grpc`, with any message format behind `+`.
    Grpc,
    /// `application/grpc-web`: trailers come as a last frame of the content.
    Web,
    /// `application/grpc-web-text`: the same in base64.
    WebText,
}

impl GrpcContentType {
    /// Reads a `content-type` value. Parameters behind `;` and the message format behind `+` are not looked at; media
    /// types are case-insensitive (RFC 9110 section 8.3.1).
    pub fn read(value: &[u8]) -> Option<Self> {
        const PREFIX: &[u8] = b"application/grpc";
        let (prefix, rest) = value.split_at_checked(PREFIX.len())?;
        if !prefix.eq_ignore_ascii_case(PREFIX) {
            return None;
        }
        let end = rest.iter().position(|byte| matches!(byte, b'+' | b';' | b' ' | b'\t'));
        match rest.get(..end.unwrap_or(rest.len()))? {
            b"" => Some(Self::Grpc),
            kind if kind.eq_ignore_ascii_case(b"-web") => Some(Self::Web),
            kind if kind.eq_ignore_ascii_case(b"-web-text") => Some(Self::WebText),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::GrpcContentType::{self, Grpc, Web, WebText};

    #[test]
    fn content_types() {
        for (value, expected) in [
            ("application/grpc", Some(Grpc)),
            ("application/grpc+proto", Some(Grpc)),
            ("application/grpc+json; charset=utf-8", Some(Grpc)),
            ("application/grpc;x", Some(Grpc)),
            ("application/grpc ; x", Some(Grpc)),
            ("Application/GRPC", Some(Grpc)),
            ("application/grpc-web", Some(Web)),
            ("application/grpc-Web+proto", Some(Web)),
            ("application/grpc-web-text", Some(WebText)),
            ("application/grpc-web-text+proto", Some(WebText)),
            ("application/grpcfoo", None),
            ("application/grpc-webb", None),
            ("application/grp", None),
            ("application/json", None),
            ("", None),
        ] {
            assert_eq!(GrpcContentType::read(value.as_bytes()), expected, "{value}");
        }
    }
}
