//! Requests over HTTP, with protobuf bodies.

use std::io::Write;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::Body;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use prost::Message;
use tonic_types::Status;

use super::grpc::with_causes;
use super::tls::{self, Connector};
use super::transport::{Again, Failure, OtlpError};
use super::{Compression, Destination, Protocol};

/// The most bytes of an answer that are read: they are a few numbers and a sentence.
const MAX_ANSWER: usize = 64 * 1024;

/// A client of one URL.
#[derive(Debug)]
pub(super) struct Http {
    client: Client<Connector, Full<Bytes>>,
    url: Uri,
    headers: HeaderMap,
    compression: Compression,
}

impl Http {
    pub(super) fn new(destination: &Destination) -> Result<Self, OtlpError> {
        let connector = tls::connector(Protocol::HttpProtobuf, &destination.tls)?;
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        let mut headers: HeaderMap = destination.headers.0.iter().cloned().collect();
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!("flowfold/", env!("CARGO_PKG_VERSION"))));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if destination.compression == Compression::Gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Ok(Self { client, url: destination.url.clone(), headers, compression: destination.compression })
    }

    pub(super) async fn send(&self, body: Bytes) -> Result<Bytes, Failure> {
        let body = match self.compression {
            Compression::None => body,
            Compression::Gzip => gzip(&body).map_err(|error| Failure { why: error, again: Again::Never })?,
        };
        let mut request = Request::post(self.url.clone())
            .body(Full::new(body))
            .map_err(|error| Failure { why: error.to_string(), again: Again::Never })?;
        request.headers_mut().extend(self.headers.clone());
        let lost = |error: &dyn std::error::Error| Failure { why: with_causes(error), again: Again::Later };
        let answer = self.client.request(request).await.map_err(|error| lost(&error))?;
        let (status, again) = (answer.status(), again(answer.status(), answer.headers()));
        let body = read(answer.into_body()).await;
        if status.is_success() {
            return body.map_err(|error| Failure { why: error, again: Again::Later });
        }
        // What is wrong is told as a `google.rpc.Status`, if at all.
        let told = body.ok().and_then(|body| Status::decode(body).ok()).map(|status| status.message);
        let told = told.filter(|message| !message.is_empty()).map(|message| format!(": {message}"));
        Err(Failure { why: format!("{status}{}", told.unwrap_or_default()), again })
    }
}

async fn read<B: Body<Data = Bytes>>(body: B) -> Result<Bytes, String>
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Limited::new(body, MAX_ANSWER).collect().await.map(Collected::to_bytes).map_err(|error| error.to_string())
}

/// What the OTLP specification makes of a status.
fn again(status: StatusCode, headers: &HeaderMap) -> Again {
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let named = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            named.and_then(retry_after).map_or(Again::Later, Again::After)
        }
        _ => Again::Never,
    }
}

/// The time that a `Retry-After` field names, in seconds or as a date (RFC 9110 section 10.2.3).
fn retry_after(value: &str) -> Option<Duration> {
    let seconds = value.trim().parse().map(Duration::from_secs).ok();
    seconds.or_else(|| httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).ok())
}

fn gzip(body: &[u8]) -> Result<Bytes, String> {
    let mut gzip = GzEncoder::new(Vec::with_capacity(body.len() / 8), flate2::Compression::fast());
    let compressed = gzip.write_all(body).and_then(|()| gzip.finish());
    compressed.map(Bytes::from).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_sent_again_is_told_by_the_status() {
        let none = HeaderMap::new();
        for status in [429, 502, 503, 504] {
            assert_eq!(again(StatusCode::from_u16(status).unwrap(), &none), Again::Later);
        }
        for status in [400, 401, 404, 413, 500, 501, 505] {
            assert_eq!(again(StatusCode::from_u16(status).unwrap(), &none), Again::Never);
        }
        let mut named = HeaderMap::new();
        named.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        assert_eq!(again(StatusCode::SERVICE_UNAVAILABLE, &named), Again::After(Duration::from_secs(7)));
        assert_eq!(again(StatusCode::BAD_REQUEST, &named), Again::Never);
    }

    #[test]
    fn a_date_is_as_good_as_seconds() {
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_mins(1));
        let named = retry_after(&date).unwrap();
        assert!(named > Duration::from_secs(55) && named <= Duration::from_mins(1), "{named:?}");
        assert_eq!(retry_after("soon"), None);
        assert_eq!(retry_after("-1"), None);
        assert_eq!(retry_after("Fri, 31 Dec 1999 23:59:59 GMT"), None);
    }
}
