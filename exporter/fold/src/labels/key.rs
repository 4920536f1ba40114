//! What an exchange itself adds to a label set, packed into one integer.

use flowfold_flow::{ConnectionOutcome, FailureReason, GrpcStatus, HttpExchange, HttpVersion, Outcome, UrlScheme};

use super::{Field, KeyKind, Reporter, Vocabulary, dns_key, kafka_key, rpc_key};

/// The `error_type` of an exchange whose end was not read: it may have been answered, but nothing says so.
const UNFINISHED: &str = "unfinished";

/// Method, status, outcome and whatever else of an exchange becomes a label, as small integers. Two exchanges have the
/// same key exactly where these labels are the same, so a connection finds its series by comparing one integer.
///
/// The methods that read an HTTP exchange's key are in this file, those of a gRPC call's and of a Kafka exchange's in
/// files of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(pub(super) u64);

/// Where the parts of an HTTP exchange's key are, in bits from the lowest. The method is at the lowest.
const VERSION: u32 = 18;
const SCHEME: u32 = 22;
const ROUTE: u32 = 32;
const ROUTE_BITS: u16 = (1 << 12) - 1;
const PATTERN: u32 = 44;
/// Where every key has the status code of HTTP, in ten bits.
const HTTP_STATUS: u32 = 8;
const HTTP_STATUS_BITS: u16 = (1 << 10) - 1;
/// Where every key says how the exchange ended.
pub(super) const ENDING: u32 = 24;
/// Set in the key of a connection between addresses of IPv6.
const IPV6: u64 = 1;
/// Set in every key, so that none equals [`Key::NONE`].
pub(super) const PRESENT: u64 = 1 << 63;
/// Set in the key of a gRPC call.
pub(super) const RPC: u64 = 1 << 62;
/// Set in the key of an exchange that is reported for the server, too.
const SERVER_TOO: u64 = 1 << 61;

const VERSIONS: [HttpVersion; 3] = [HttpVersion::Http10, HttpVersion::Http11, HttpVersion::Http2];
const SCHEMES: [UrlScheme; 2] = [UrlScheme::Http, UrlScheme::Https];

/// How an exchange ended: answered, unfinished, or failed for the reason of the number less [`FAILED`].
pub(super) const ANSWERED: u8 = 0;
const UNKNOWN_END: u8 = 1;
const FAILED: u8 = 2;

/// What `error_type` says.
pub(super) enum ErrorType {
    /// It was no error.
    None,
    /// The status code of an answer that is one.
    Status(u16),
    /// The status of a call, or what cut the exchange short.
    Word(&'static str),
}

impl Key {
    /// The key of no exchange.
    pub(crate) const NONE: Self = Self(0);

    /// The key of the series that takes what the ceiling turned away.
    pub(crate) const OVERFLOW: Self = Self(u64::MAX);

    /// The key of an HTTP exchange with the route and the learned pattern of these places.
    #[inline]
    pub(crate) fn http(
        vocabulary: &Vocabulary,
        http: &HttpExchange<'_>,
        outcome: Outcome,
        (route, pattern): (u16, u16),
    ) -> Self {
        let method = vocabulary.methods.place(http.known_method, http.method);
        Self(
            PRESENT
                | u64::from(method)
                | u64::from(route & ROUTE_BITS) << ROUTE
                | u64::from(pattern) << PATTERN
                | http_status(http.status)
                | (http.version as u64) << VERSION
                | (http.scheme as u64) << SCHEME
                | ending(outcome),
        )
    }

    /// The key of a connection that is over.
    pub(crate) fn connection(outcome: ConnectionOutcome, is_ipv6: bool) -> Self {
        Self(PRESENT | if is_ipv6 { IPV6 } else { 0 } | (outcome.index() as u64) << ENDING)
    }

    /// How a connection ended; what overflowed does not say.
    pub(crate) fn connection_outcome(self) -> Option<ConnectionOutcome> {
        ConnectionOutcome::ALL.get(usize::from(self.byte(ENDING))).copied().filter(|_| self != Self::OVERFLOW)
    }

    /// The family of a connection's addresses as Hubble has it.
    pub(super) const fn ip_family(self) -> &'static str {
        if self.0 & IPV6 == 0 { "IPv4" } else { "IPv6" }
    }

    /// One byte of the key.
    pub(super) const fn byte(self, at: u32) -> u8 {
        (self.0 >> at).to_le_bytes()[0]
    }

    /// Two bytes of the key.
    pub(super) const fn two_bytes(self, at: u32) -> u16 {
        let [low, high, ..] = (self.0 >> at).to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    pub(super) const fn is_rpc(self) -> bool {
        self.0 & dns_key::DNS == RPC
    }

    pub(super) const fn http_method(self) -> u8 {
        self.byte(0)
    }

    pub(super) const fn http_route(self) -> u16 {
        self.two_bytes(ROUTE) & ROUTE_BITS
    }

    pub(super) const fn url_template(self) -> u16 {
        self.two_bytes(PATTERN)
    }

    /// The key with these bits alone. What they say no more must not be asked for.
    #[inline]
    pub(crate) const fn masked(self, bits: u64) -> Self {
        Self(self.0 & bits)
    }

    /// The status code; 0 where there was none.
    pub(crate) const fn http_status(self) -> u16 {
        self.two_bytes(HTTP_STATUS) & HTTP_STATUS_BITS
    }

    /// The version as Hubble has it. All calls are taken for those of HTTP/2, which is what gRPC is.
    pub(super) fn http_protocol(self) -> &'static str {
        if self.is_rpc() {
            return "HTTP/2";
        }
        match self.version() {
            Some(HttpVersion::Http10) => "HTTP/1.0",
            Some(HttpVersion::Http2) => "HTTP/2",
            Some(HttpVersion::Http11) | None => "HTTP/1.1",
        }
    }

    /// The same exchange, as one that is reported for the server, too.
    pub(crate) const fn with_server_too(self) -> Self {
        Self(self.0 | SERVER_TOO)
    }

    /// Whether the exchange is reported for the server, too, where that has been said.
    pub(crate) fn is_reported_by_server_too(self) -> bool {
        self.0 & SERVER_TOO != 0 && self != Self::OVERFLOW
    }

    /// Whether `error_type` says anything to this side.
    pub(super) fn is_error(self, reporter: Reporter) -> bool {
        !matches!(self.error_type(reporter), ErrorType::None)
    }

    pub(super) fn http_version(self) -> &'static str {
        self.version().map_or("", |version| version.as_label())
    }

    fn version(self) -> Option<HttpVersion> {
        VERSIONS.get(usize::from(self.byte(VERSION) & 0xf)).copied()
    }

    pub(super) fn url_scheme(self) -> &'static str {
        SCHEMES.get(usize::from(self.byte(SCHEME) & 0b11)).map_or("", |scheme| scheme.as_label())
    }

    /// What `error_type` says to this side.
    pub(super) fn error_type(self, reporter: Reporter) -> ErrorType {
        match self.byte(ENDING) {
            ANSWERED if self.is_kafka() => self.kafka_error_type(),
            ANSWERED if self.is_dns() => self.dns_error_type(reporter),
            ANSWERED if self.is_rpc() => rpc_error(self.rpc_status(), reporter),
            ANSWERED => http_error(self.http_status(), reporter),
            UNKNOWN_END => ErrorType::Word(UNFINISHED),
            failed => match FailureReason::ALL.get(usize::from(failed - FAILED)) {
                // The client's doing, which gRPC has a status for.
                Some(FailureReason::ClientCancelled | FailureReason::DeadlineExceeded) if self.is_rpc() => {
                    rpc_error(self.rpc_status(), reporter)
                }
                reason => reason.map_or(ErrorType::None, |reason| ErrorType::Word(reason.as_label())),
            },
        }
    }
}

/// The conventions: a server is not to blame for a 4xx, to a client both are errors.
fn http_error(status: u16, reporter: Reporter) -> ErrorType {
    let least = if reporter == Reporter::Server { 500 } else { 400 };
    if status >= least { ErrorType::Status(status) } else { ErrorType::None }
}

/// The conventions: a server is to blame for some of the statuses, to a client all but OK are errors.
fn rpc_error(status: Option<GrpcStatus>, reporter: Reporter) -> ErrorType {
    match status {
        Some(status) if status.is_server_error() || (reporter == Reporter::Client && status != GrpcStatus::Ok) => {
            ErrorType::Word(status.as_label())
        }
        _ => ErrorType::None,
    }
}

/// The bits that a field needs, of a key of this kind.
pub(super) fn bits_of(kind: KeyKind, field: Field) -> u64 {
    let status = u64::from(HTTP_STATUS_BITS) << HTTP_STATUS;
    let ending = 0xff << ENDING;
    let own = match (kind, field) {
        (KeyKind::Kafka, Field::ErrorType) => ending | kafka_key::ERROR_BITS,
        (KeyKind::Kafka, field) => kafka_key::bits_of(field),
        (KeyKind::Dns, Field::ErrorType) => ending | dns_key::RCODE_BITS,
        (KeyKind::Dns, field) => dns_key::bits_of(field),
        (KeyKind::Rpc, Field::ErrorType) => ending | rpc_key::STATUS_BITS,
        (KeyKind::Http, Field::ErrorType) => ending | status,
        (_, Field::HttpStatus) => status,
        (KeyKind::Rpc, field) => rpc_key::bits_of(field),
        (KeyKind::Http, Field::HttpMethod) => 0xff,
        (KeyKind::Http, Field::HttpRoute) => u64::from(ROUTE_BITS) << ROUTE,
        (KeyKind::Http, Field::HttpVersion | Field::HttpProtocol) => 0xf << VERSION,
        (KeyKind::Http, Field::UrlScheme) => 0b11 << SCHEME,
        (KeyKind::Http, Field::UrlTemplate) => 0xffff << PATTERN,
        (KeyKind::Http, Field::IpFamily) => IPV6,
        (KeyKind::Http, _) => 0,
    };
    let of_kind = match kind {
        KeyKind::Http | KeyKind::Rpc => RPC,
        KeyKind::Kafka => kafka_key::KIND_BITS,
        KeyKind::Dns => dns_key::DNS,
    };
    own | PRESENT | of_kind | SERVER_TOO
}

/// The status code where every key has it. None is 0, and so is one that no server may send.
pub(super) fn http_status(status: Option<u16>) -> u64 {
    u64::from(status.filter(|status| *status <= HTTP_STATUS_BITS).unwrap_or(0)) << HTTP_STATUS
}

/// How an exchange ended, where every key has it.
pub(super) fn ending(outcome: Outcome) -> u64 {
    let ending = match outcome {
        Outcome::Answered => u64::from(ANSWERED),
        Outcome::Unfinished => u64::from(UNKNOWN_END),
        Outcome::Failed(reason) => u64::from(FAILED) + reason.index() as u64,
    };
    ending << ENDING
}

#[cfg(test)]
mod tests {
    use flowfold_flow::KnownMethod;

    use super::super::{ExchangeFamily, ExchangeLabels, Field};
    use super::*;
    use crate::router::Router;
    use crate::{Methods, RouteTable};

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
        let routes = Router::new(routes, Vec::new());
        let place = routes.place(0, http.method, http.path);
        let vocabulary = Vocabulary::new(Methods::default(), routes);
        let labels = ExchangeLabels {
            family: ExchangeFamily::http(reporter),
            reporter,
            key: Key::http(&vocabulary, http, outcome, (place, 0)),
            port: 0,
            source: None,
            destination: None,
            destination_name: None,
        };
        [Field::HttpMethod, Field::HttpStatus, Field::ErrorType, Field::HttpRoute, Field::HttpVersion, Field::UrlScheme]
            .map(|field| field.value(&labels, &vocabulary, str::to_owned))
            .join(",")
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
    fn a_status_that_no_server_may_send_is_none() {
        assert_eq!(text(Reporter::Client, &exchange(Some(1023)), Outcome::Answered).split(',').nth(1), Some("1023"));
        for status in [1024, u16::MAX] {
            let text = text(Reporter::Client, &exchange(Some(status)), Outcome::Answered);
            assert_eq!(text, "POST,,,/users/{id},1.0,https");
        }
    }

    #[test]
    fn a_connection_tells_its_end_and_its_addresses() {
        for outcome in ConnectionOutcome::ALL {
            for (is_ipv6, family) in [(false, "IPv4"), (true, "IPv6")] {
                let key = Key::connection(outcome, is_ipv6);
                assert_eq!((key.connection_outcome(), key.ip_family()), (Some(outcome), family));
            }
        }
        assert_eq!(Key::OVERFLOW.connection_outcome(), None);
    }

    #[test]
    fn positions_of_versions_and_schemes_are_their_numbers() {
        assert!(VERSIONS.into_iter().enumerate().all(|(place, version)| version as usize == place));
        assert!(SCHEMES.into_iter().enumerate().all(|(place, scheme)| scheme as usize == place));
    }
}
