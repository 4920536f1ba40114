//! What an exchange itself adds to a label set, packed into one integer.

use flowfold_flow::{FailureReason, HttpExchange, HttpVersion, Outcome, UrlScheme};

use super::Reporter;
use crate::names::label;
use crate::{Methods, RouteTable};

/// The `error_type` of an exchange whose end was not read: it may have been answered, but nothing says so.
const UNFINISHED: &str = "unfinished";

/// The words that the small integers of a key stand for.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) methods: Methods,
    pub(crate) routes: RouteTable,
}

/// Method, route, status, version, scheme and outcome of an exchange, as small integers. Two exchanges have the same
/// key exactly where these labels are the same, so a connection finds its series by comparing one integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HttpKey(u64);

/// Where the parts of a key are, in bits from the lowest.
const ROUTE: u32 = 8;
const STATUS: u32 = 16;
const VERSION: u32 = 32;
const SCHEME: u32 = 36;
const ENDING: u32 = 40;
/// Set in every key, so that none equals [`HttpKey::VACANT`].
const PRESENT: u64 = 1 << 63;

const VERSIONS: [HttpVersion; 3] = [HttpVersion::Http10, HttpVersion::Http11, HttpVersion::Http2];
const SCHEMES: [UrlScheme; 2] = [UrlScheme::Http, UrlScheme::Https];

/// How an exchange ended: answered, unfinished, or failed for the reason of the number less [`FAILED`].
const ANSWERED: u8 = 0;
const UNKNOWN_END: u8 = 1;
const FAILED: u8 = 2;

impl HttpKey {
    /// The key of no exchange.
    pub(crate) const VACANT: Self = Self(0);

    #[inline]
    pub(crate) fn new(vocabulary: &Vocabulary, http: &HttpExchange<'_>, outcome: Outcome) -> Self {
        let method = vocabulary.methods.place(http.known_method, http.method);
        let route = vocabulary.routes.place(http.method, http.path);
        let ending = match outcome {
            Outcome::Answered => 0,
            Outcome::Unfinished => u64::from(UNKNOWN_END),
            Outcome::Failed(reason) => u64::from(FAILED) + reason.index() as u64,
        };
        Self(
            PRESENT
                | u64::from(method)
                | u64::from(route) << ROUTE
                | u64::from(http.status.unwrap_or(0)) << STATUS
                | (http.version as u64) << VERSION
                | (http.scheme as u64) << SCHEME
                | ending << ENDING,
        )
    }

    /// One byte of the key.
    const fn byte(self, at: u32) -> u8 {
        (self.0 >> at).to_le_bytes()[0]
    }

    /// Calls `visit` with each name and value. Values that are not known are empty.
    pub(super) fn visit(self, reporter: Reporter, vocabulary: &Vocabulary, visit: &mut impl FnMut(&'static str, &str)) {
        let [low, high, ..] = (self.0 >> STATUS).to_le_bytes();
        let status = u16::from_le_bytes([low, high]);
        let mut digits = itoa::Buffer::new();
        let status_text = if status == 0 { "" } else { digits.format(status) };
        let version = VERSIONS.get(usize::from(self.byte(VERSION) & 0xf)).map_or("", |version| version.as_label());
        let scheme = SCHEMES.get(usize::from(self.byte(SCHEME) & 0xf)).map_or("", |scheme| scheme.as_label());
        let ending = self.byte(ENDING);
        let error = match ending {
            // The conventions: a server is not to blame for a 4xx, to a client both are errors.
            ANSWERED if status >= if reporter == Reporter::Server { 500 } else { 400 } => status_text,
            ANSWERED => "",
            UNKNOWN_END => UNFINISHED,
            _ => FailureReason::ALL.get(usize::from(ending - FAILED)).map_or("", |reason| reason.as_label()),
        };
        visit(label::HTTP_REQUEST_METHOD, vocabulary.methods.label(self.byte(0)));
        visit(label::HTTP_RESPONSE_STATUS_CODE, status_text);
        visit(label::ERROR_TYPE, error);
        visit(label::HTTP_ROUTE, vocabulary.routes.label(self.byte(ROUTE)).unwrap_or_default());
        visit(label::NETWORK_PROTOCOL_VERSION, version);
        visit(label::URL_SCHEME, scheme);
    }
}

#[cfg(test)]
mod tests {
    use flowfold_flow::KnownMethod;

    use super::*;

    fn exchange(status: Option<u16>) -> HttpExchange<'static> {
        HttpExchange {
            known_method: Some(KnownMethod::Post),
            method: b"POST",
            path: b"/users/7",
            status,
            version: HttpVersion::Http10,
            scheme: UrlScheme::Https,
            tunnel: false,
        }
    }

    fn text(reporter: Reporter, http: &HttpExchange<'_>, outcome: Outcome) -> String {
        let routes = RouteTable::parse(["/users/{id}"]).unwrap();
        let vocabulary = Vocabulary { methods: Methods::default(), routes };
        let mut values = Vec::new();
        HttpKey::new(&vocabulary, http, outcome).visit(reporter, &vocabulary, &mut |_, value| {
            values.push(value.to_owned());
        });
        values.join(",")
    }

    #[test]
    fn what_is_packed_can_be_read_again() {
        let answered = Outcome::Answered;
        assert_eq!(text(Reporter::Server, &exchange(Some(201)), answered), "POST,201,,/users/{id},1.0,https");
        assert_eq!(text(Reporter::Server, &exchange(None), answered), "POST,,,/users/{id},1.0,https");
        for version in VERSIONS {
            for scheme in SCHEMES {
                let http = HttpExchange {
                    version,
                    scheme,
                    path: b"",
                    known_method: None,
                    method: b"x",
                    ..exchange(Some(200))
                };
                let expected = format!("_OTHER,200,,,{},{}", version.as_label(), scheme.as_label());
                assert_eq!(text(Reporter::Client, &http, answered), expected);
            }
        }
    }

    #[test]
    fn an_error_is_one_for_the_side_that_the_conventions_name() {
        let error = |reporter, status, outcome| {
            let text = text(reporter, &exchange(status), outcome);
            text.split(',').nth(2).unwrap().to_owned()
        };
        let answered = Outcome::Answered;
        assert_eq!(error(Reporter::Server, Some(404), answered), "");
        assert_eq!(error(Reporter::Client, Some(404), answered), "404");
        assert_eq!(error(Reporter::Server, Some(503), answered), "503");
        assert_eq!(error(Reporter::Client, Some(399), answered), "");
        assert_eq!(error(Reporter::Server, None, Outcome::Unfinished), "unfinished");
        for reason in FailureReason::ALL {
            assert_eq!(error(Reporter::Server, None, Outcome::Failed(reason)), reason.as_label());
            // What cut the exchange short says more than a status that was on its way.
            assert_eq!(error(Reporter::Client, Some(500), Outcome::Failed(reason)), reason.as_label());
        }
    }

    #[test]
    fn positions_of_versions_and_schemes_are_their_numbers() {
        assert!(VERSIONS.into_iter().enumerate().all(|(place, version)| version as usize == place));
        assert!(SCHEMES.into_iter().enumerate().all(|(place, scheme)| scheme as usize == place));
    }
}
