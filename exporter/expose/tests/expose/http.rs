//! The server, over loopback.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::GzDecoder;
use flowfold_expose::{Endpoints, LearnedRoute, LearnedRoutes, Readiness, Source, serve};
use flowfold_flow::{FlowSink, Reporters};
use flowfold_fold::{Fold, FoldOptions, names};
use http_body_util::{BodyExt, Empty};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::client_model::decode;
use crate::store::{ODD_NAME, answered, connection, filled};

/// A server over a store with a little of everything.
async fn start(readiness: &Readiness) -> SocketAddr {
    let resource = [("deployment.environment.name".to_owned(), "production".to_owned())];
    start_over(Source::new(filled()).with_target_info(&resource), readiness).await
}

async fn start_over(source: Source, readiness: &Readiness) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let endpoints = Endpoints::new(Arc::new(source), readiness.clone()).into();
    tokio::spawn(serve(listener, endpoints, std::future::pending()));
    address
}

async fn ask(address: SocketAddr, request: hyper::http::request::Builder) -> Response<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = request.header("host", "agent").body(Empty::<Bytes>::new()).unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    drop(sender);
    connection.await.unwrap().unwrap();
    Response::from_parts(head, body)
}

async fn get(address: SocketAddr, path: &str) -> Response<Bytes> {
    ask(address, Request::get(path)).await
}

fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

#[tokio::test]
async fn a_scrape_has_every_family_and_tells_of_the_one_before() {
    let address = start(&Readiness::default()).await;
    let first = get(address, "/metrics").await;
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(first.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(first.headers()[VARY], "Accept, Accept-Encoding");
    assert!(text(&first).contains("flowfold_scrapes_total{format=\"text_0.0.4\"} 0\n"));

    let second = get(address, "/metrics").await;
    for metric in names::ALL {
        assert!(text(&second).contains(&format!("# TYPE {} ", metric.name)), "{} is not exported", metric.name);
    }
    assert!(text(&second).contains("target_info{deployment_environment_name=\"production\"} 1\n"));
    assert!(text(&second).contains("flowfold_scrapes_total{format=\"text_0.0.4\"} 1\n"));
    assert!(text(&second).contains(&format!("flowfold_scrape_size_bytes {}\n", first.body().len())));
}

#[tokio::test]
async fn the_format_and_the_encoding_are_negotiated() {
    let address = start(&Readiness::default()).await;
    let request = Request::get("/metrics")
        .header(ACCEPT, "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.5")
        .header(ACCEPT_ENCODING, "gzip");
    let response = ask(address, request).await;
    assert_eq!(
        response.headers()[CONTENT_TYPE],
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
    );
    assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
    let mut text = String::new();
    GzDecoder::new(response.body().as_ref()).read_to_string(&mut text).unwrap();
    assert!(text.ends_with("# EOF\n") && text.len() > response.body().len());

    let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;\
                  escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5";
    let response = ask(address, Request::get("/metrics").header(ACCEPT, accept)).await;
    assert_eq!(
        response.headers()[CONTENT_TYPE],
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; \
         escaping=allow-utf-8"
    );
    assert!(decode(response.body()).iter().any(|family| family.name.as_deref() == Some("flowfold_exchanges_total")));

    let refused = ask(address, Request::get("/metrics").header(ACCEPT_ENCODING, "gzip;q=0, identity")).await;
    assert!(!refused.headers().contains_key(CONTENT_ENCODING));
    let odd = Request::get("/metrics").header(ACCEPT, &b"\xff\xfe;q=,,"[..]).header(ACCEPT_ENCODING, &b"\xff"[..]);
    assert_eq!(ask(address, odd).await.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
}

#[tokio::test]
async fn probes_say_what_is_missing() {
    let readiness = Readiness::default();
    let steering = readiness.require("steering");
    let listeners = readiness.require("listeners");
    let address = start(&readiness).await;
    assert_eq!(get(address, "/healthz").await.status(), StatusCode::OK);
    let missing = get(address, "/readyz").await;
    assert_eq!(missing.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text(&missing), "not ready: listeners, steering\n");
    listeners.ready();
    assert_eq!(text(&get(address, "/readyz").await), "not ready: steering\n");
    assert!(text(&get(address, "/").await).contains("not ready: steering"));
    steering.ready();
    let ready = get(address, "/readyz").await;
    assert_eq!((ready.status(), text(&ready)), (StatusCode::OK, "ready\n"));
    steering.not_ready();
    assert_eq!(get(address, "/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get(address, "/healthz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn learned_patterns_are_told_in_json() {
    let none = get(start(&Readiness::default()).await, "/routes").await;
    assert_eq!(text(&none), "{\"max_url_templates\":0,\"routes\":[]}\n");

    let fold = Fold::new(FoldOptions { max_url_templates: 9, ..FoldOptions::default() });
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, ODD_NAME);
    let mut open = shard.opened(&info);
    shard.exchange(&mut open, &answered(&info, 200, Duration::from_millis(1)));
    let response = get(start_over(Source::new(fold), &Readiness::default()).await, "/routes").await;
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let route = LearnedRoute {
        namespace: String::new(),
        workload: ODD_NAME.to_owned(),
        server: info.server,
        template: "/users/{id}".to_owned(),
    };
    let learned: LearnedRoutes = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(learned, LearnedRoutes { max_url_templates: 9, routes: vec![route] });
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_is_said() {
    let address = start(&Readiness::default()).await;
    let missing = get(address, "/metric").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert!(["/metrics", "/healthz", "/readyz", "/routes"].iter().all(|path| text(&missing).contains(path)));
    for method in [Method::POST, Method::DELETE, Method::OPTIONS] {
        let refused = ask(address, Request::builder().method(method).uri("/metrics")).await;
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.headers()[ALLOW], "GET, HEAD");
    }
    let landing = get(address, "/").await;
    assert_eq!(landing.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    assert!(text(&landing).contains("href=\"/metrics\""));
    assert_eq!(get(address, "/metrics?name=x").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_head_request_gets_the_head_alone() {
    let address = start(&Readiness::default()).await;
    for path in ["/", "/metrics", "/healthz", "/readyz", "/routes"] {
        let response = ask(address, Request::head(path)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.body().is_empty() && response.headers().contains_key(CONTENT_TYPE), "{path}");
    }
    assert!(text(&get(address, "/metrics").await).contains("flowfold_scrapes_total{format=\"text_0.0.4\"} 0\n"));
}
