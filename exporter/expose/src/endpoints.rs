//! What is answered to which request.

mod landing;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;

use crate::limits::Limits;
use crate::negotiate;
use crate::readiness::Readiness;
use crate::scrape::ScrapeBody;
use crate::{LearnedRoutes, Source};

/// An answer's body: whole, or made while it is read.
pub(crate) type AnswerBody = Either<Full<Bytes>, ScrapeBody>;

type Answer = Response<AnswerBody>;

const PLAIN: &str = "text/plain; charset=utf-8";

/// The paths, with what they are.
const PATHS: [(&str, &str); 4] = [
    ("/metrics", "metrics, for Prometheus"),
    ("/healthz", "whether the process is alive"),
    ("/readyz", "whether the agent does what it was started for"),
    ("/routes", "patterns of paths that were learned, as JSON"),
];

/// What the server answers from: `/metrics`, `/healthz`, `/readyz`, `/routes` and a landing page at `/`.
#[derive(Debug)]
pub struct Endpoints {
    source: Arc<Source>,
    readiness: Readiness,
    shows_created: bool,
    turns: Arc<Semaphore>,
    limits: Limits,
}

impl Endpoints {
    /// Endpoints over this source and these conditions of readiness.
    pub fn new(source: Arc<Source>, readiness: Readiness) -> Self {
        Self::within(Limits::NORMAL, source, readiness)
    }

    pub(crate) fn within(limits: Limits, source: Arc<Source>, readiness: Readiness) -> Self {
        let turns = Arc::new(Semaphore::new(limits.scrapes));
        Self { source, readiness, shows_created: false, turns, limits }
    }

    /// Whether OpenMetrics gets the starts of counters and histograms, in lines of their own.
    #[must_use]
    pub fn with_created_lines(self, shows_created: bool) -> Self {
        Self { shows_created, ..self }
    }

    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }

    /// Answers a request. Its body, if it has one, is not looked at.
    pub(crate) async fn answer<B>(&self, request: Request<B>) -> Result<Answer, Infallible> {
        let is_head = request.method() == Method::HEAD;
        let path = request.uri().path();
        if path != "/" && !PATHS.iter().any(|(known, _)| *known == path) {
            return Ok(plain(StatusCode::NOT_FOUND, not_found()));
        }
        if request.method() != Method::GET && !is_head {
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered\n".to_owned());
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Ok(answer);
        }
        Ok(match path {
            "/metrics" => self.metrics(request.headers(), is_head).await,
            "/healthz" => plain(StatusCode::OK, "alive\n".to_owned()),
            "/readyz" => self.ready(),
            "/routes" => self.routes(),
            _ => {
                let page = landing::page(self.source.fold().build(), &self.readiness.missing());
                whole(StatusCode::OK, "text/html; charset=utf-8", page)
            }
        })
    }

    async fn metrics(&self, request: &HeaderMap, is_head: bool) -> Answer {
        let (format, escaping) = negotiate::format(values(request, header::ACCEPT));
        let gzip = negotiate::accepts_gzip(values(request, header::ACCEPT_ENCODING));
        let body = if is_head {
            Either::Left(Full::default())
        } else {
            let turn = tokio::time::timeout(self.limits.turn, Arc::clone(&self.turns).acquire_owned()).await;
            let Ok(Ok(turn)) = turn else {
                let text = format!("{} scrapes are being read already\n", self.limits.scrapes);
                let mut busy = plain(StatusCode::SERVICE_UNAVAILABLE, text);
                busy.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
                return busy;
            };
            Either::Right(ScrapeBody::new(&self.source, format, gzip, self.shows_created, turn))
        };
        let mut answer = Response::new(body);
        let headers = answer.headers_mut();
        if let Ok(content_type) = HeaderValue::try_from(format.content_type(escaping)) {
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answer
    }

    fn routes(&self) -> Answer {
        match serde_json::to_string(&LearnedRoutes::of(self.source.fold())) {
            Ok(json) => whole(StatusCode::OK, "application/json", json + "\n"),
            // Not to be expected of texts and numbers.
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot write JSON: {error}\n")),
        }
    }

    fn ready(&self) -> Answer {
        let missing = self.readiness.missing();
        if missing.is_empty() {
            plain(StatusCode::OK, "ready\n".to_owned())
        } else {
            plain(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", missing.join(", ")))
        }
    }
}

fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

fn whole(status: StatusCode, content_type: &'static str, text: String) -> Answer {
    let mut answer = Response::new(Either::Left(Full::from(text)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

fn plain(status: StatusCode, text: String) -> Answer {
    whole(status, PLAIN, text)
}

fn not_found() -> String {
    let paths = PATHS.map(|(path, what)| format!("  {path}  {what}\n"));
    format!("there is nothing here; try\n{}", paths.concat())
}
