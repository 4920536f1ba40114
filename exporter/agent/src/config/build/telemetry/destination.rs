//! Where a signal goes, and how.

use std::path::PathBuf;

use flowfold_expose::otlp::{Compression, Destination, Headers, Protocol, TlsFiles};
use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::uri::{PathAndQuery, Scheme};

use super::resource::pairs;
use super::{TIME, Wanted, read_bool, read_time, setting, wrong_variable};
use crate::config::build::line_of;
use crate::config::defaults;
use crate::config::environment::Environment;
use crate::config::problem::Collector;
use crate::config::raw::{RawOtlp, Text};

/// What is sent.
#[derive(Clone, Copy)]
pub(super) enum Signal {
    Metrics,
    Traces,
}

impl Signal {
    /// The word for it in variables.
    const fn word(self) -> &'static str {
        match self {
            Self::Metrics => "METRICS",
            Self::Traces => "TRACES",
        }
    }

    /// Where it is posted to below a base URL.
    const fn path(self) -> &'static str {
        match self {
            Self::Metrics => "v1/metrics",
            Self::Traces => "v1/traces",
        }
    }
}

/// Reads where signals go.
pub(super) struct Destinations<'a> {
    pub(super) environment: &'a Environment,
    pub(super) raw: &'a RawOtlp,
}

const URL: Wanted<'_> = Wanted {
    what: "is not the URL of a receiver",
    fix: "write http://HOST:PORT, or https:// for TLS; OTLP over HTTP is usually at port 4318, over gRPC at 4317",
};

impl Destinations<'_> {
    /// The destination of a signal; none where no endpoint is given.
    pub(super) fn read(&self, problems: &mut Collector, signal: Signal) -> Option<Destination> {
        let p = problems;
        let wanted = Wanted { what: "is not a protocol", fix: "write grpc or http/protobuf" };
        let protocol = self.setting(
            p,
            signal,
            "PROTOCOL",
            ("otlp.protocol", self.raw.protocol.as_ref()),
            wanted,
            |text| match text {
                "grpc" => Some(Protocol::Grpc),
                "http/protobuf" => Some(Protocol::HttpProtobuf),
                _ => None,
            },
        );
        let protocol = protocol.unwrap_or(Protocol::HttpProtobuf);
        let yes_or_no = Wanted { what: "is not a yes or no", fix: "write true or false" };
        let insecure =
            self.setting(p, signal, "INSECURE", ("otlp.insecure", self.raw.insecure.as_ref()), yes_or_no, read_bool);
        let url = self.url(p, signal, protocol, insecure.unwrap_or(false))?;
        let wanted = Wanted { what: "is not a compression", fix: "write gzip or none" };
        let raw = ("otlp.compression", self.raw.compression.as_ref());
        let compression = self.setting(p, signal, "COMPRESSION", raw, wanted, |text| match text {
            "gzip" => Some(Compression::Gzip),
            "none" => Some(Compression::None),
            _ => None,
        });
        let timeout = self.setting(p, signal, "TIMEOUT", ("otlp.timeout", self.raw.timeout.as_ref()), TIME, read_time);
        let headers = self.headers(p, signal);
        let tls = TlsFiles {
            certificate: self.file(p, signal, "CERTIFICATE", "otlp.certificate", self.raw.certificate.as_ref()),
            client_certificate: self.file(
                p,
                signal,
                "CLIENT_CERTIFICATE",
                "otlp.client_certificate",
                self.raw.client_certificate.as_ref(),
            ),
            client_key: self.file(p, signal, "CLIENT_KEY", "otlp.client_key", self.raw.client_key.as_ref()),
        };
        if tls.client_certificate.is_some() != tls.client_key.is_some() {
            let what = "one of client_certificate and client_key is given without the other";
            p.report(None, "otlp", what, "give both, or neither");
        }
        Some(Destination {
            url,
            protocol,
            headers,
            compression: compression.unwrap_or_default(),
            timeout: timeout.unwrap_or(defaults::OTLP_TIMEOUT),
            tls,
        })
    }

    /// The variables of a setting: that of the signal wins over that of all signals.
    fn variables(signal: Signal, setting: &str) -> [String; 2] {
        [format!("OTEL_EXPORTER_OTLP_{}_{setting}", signal.word()), format!("OTEL_EXPORTER_OTLP_{setting}")]
    }

    fn setting<T>(
        &self,
        problems: &mut Collector,
        signal: Signal,
        name: &str,
        raw: (&str, Option<&Text>),
        wanted: Wanted<'_>,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        setting(problems, self.environment, &Self::variables(signal, name), raw, wanted, read)
    }

    /// The URL of a signal. That of the signal's own variable is taken as it is; to any other its path is added, which
    /// gRPC does not need.
    fn url(&self, problems: &mut Collector, signal: Signal, protocol: Protocol, insecure: bool) -> Option<Uri> {
        let [own, all] = Self::variables(signal, "ENDPOINT");
        let read = |text: &str| read_url(text, protocol, insecure);
        if self.environment.get(&own).is_some() {
            return setting(problems, self.environment, &[own], ("", None), URL, read);
        }
        let base =
            setting(problems, self.environment, &[all], ("otlp.endpoint", self.raw.endpoint.as_ref()), URL, read)?;
        if protocol == Protocol::Grpc {
            return Some(base);
        }
        let path = format!("{}/{}", base.path().trim_end_matches('/'), signal.path());
        let mut parts = base.into_parts();
        parts.path_and_query = PathAndQuery::try_from(path).ok();
        Uri::from_parts(parts).ok()
    }

    /// The fields of a signal's requests. A wrong list is not shown: it may have a secret in it.
    fn headers(&self, problems: &mut Collector, signal: Signal) -> Headers {
        let header = |name: &str, value: &str| {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
        };
        let variables = Self::variables(signal, "HEADERS");
        if let Some((variable, text)) = variables.iter().find_map(|name| Some((name, self.environment.get(name)?))) {
            let list = pairs(text)
                .and_then(|pairs| pairs.iter().map(|(name, value)| header(name, value)).collect::<Option<Vec<_>>>());
            if list.is_none() {
                let what = "is not a list of header fields";
                wrong_variable(problems, variable, what, "write name=value,name=value, with values percent-encoded");
            }
            return Headers(list.unwrap_or_default());
        }
        let mut headers = Vec::new();
        for (name, text) in self.raw.headers.iter().flatten() {
            if let Some(header) = header(name, text.value.trim()) {
                headers.push(header);
            } else {
                let path = format!("otlp.headers.{name}");
                let fix = "write a name of letters, digits and dashes, and a value of visible ASCII characters";
                problems.report(Some(line_of(text)), path, "is not a header field", fix);
            }
        }
        Headers(headers)
    }

    fn file(
        &self,
        problems: &mut Collector,
        signal: Signal,
        name: &str,
        key: &str,
        raw: Option<&Text>,
    ) -> Option<PathBuf> {
        let wanted = Wanted { what: "is not a file", fix: "give the path of a PEM file" };
        let read = |text: &str| Some(PathBuf::from(text)).filter(|path| path.is_file());
        self.setting(problems, signal, name, (key, raw), wanted, read)
    }
}

/// A URL with a scheme and a host. Over gRPC the scheme may be left out.
fn read_url(text: &str, protocol: Protocol, insecure: bool) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    uri.authority()?;
    match uri.scheme() {
        Some(scheme) => (*scheme == Scheme::HTTP || *scheme == Scheme::HTTPS).then_some(uri),
        None if protocol == Protocol::Grpc => {
            format!("{}://{text}/", if insecure { "http" } else { "https" }).parse().ok()
        }
        None => None,
    }
}
