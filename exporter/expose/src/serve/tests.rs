//! What a reader that does not read can do, under tight limits.

use std::net::SocketAddr;
use std::time::Duration;

use flowfold_flow::{
    ConnectionInfo, Exchange, FlowSink, HttpExchange, HttpVersion, KnownMethod, Operation, Outcome, Reporters,
    UrlScheme, Workload,
};
use flowfold_fold::{Fold, FoldOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;
use crate::limits::Limits;
use crate::{Readiness, Source};

const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: agent\r\n\r\n";

/// A store whose scrape is more than the sockets' buffers take.
fn large_store() -> Arc<Fold> {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    for number in 0..2000 {
        let info = Arc::new(ConnectionInfo {
            reporters: Reporters::SERVER,
            client: SocketAddr::from(([192, 0, 2, 1], 40_000)),
            server: SocketAddr::from(([192, 0, 2, 2], 80)),
            source: Workload::named(&"long-name-".repeat(30)).into(),
            destination: Workload::named(&format!("server-{number}")).into(),
        });
        let mut open = shard.opened(&info);
        let exchange = Exchange {
            connection: &info,
            operation: Operation::Http(HttpExchange {
                known_method: Some(KnownMethod::Get),
                method: b"GET",
                path: b"/",
                status: Some(200),
                version: HttpVersion::Http11,
                scheme: UrlScheme::Http,
                tunnel: false,
            }),
            outcome: Outcome::Answered,
            started: std::time::SystemTime::UNIX_EPOCH,
            time_to_first_byte: None,
            duration: Duration::from_millis(1),
            request_bytes: 1,
            response_bytes: 1,
            trace: None,
        };
        shard.exchange(&mut open, &exchange);
    }
    fold
}

/// A server with these limits; it ends when the sender is used or dropped.
async fn start(limits: Limits) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let endpoints = Endpoints::within(limits, Source::new(large_store()).into(), Readiness::default()).into();
    let (stop, stopping) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, endpoints, async { drop(stopping.await) }));
    (address, stop, server)
}

async fn scrape(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(SCRAPE).await.unwrap();
    stream
}

/// Reads until `wanted` has come or the stream ends. Returns whether it has come.
async fn read_until(stream: &mut TcpStream, wanted: &str) -> bool {
    let mut seen = Vec::new();
    let mut piece = vec![0; 256 * 1024];
    while let Ok(length @ 1..) = stream.read(&mut piece).await {
        seen.extend_from_slice(&piece[..length]);
        if String::from_utf8_lossy(&seen).contains(wanted) {
            return true;
        }
        let keep_from = seen.len().saturating_sub(wanted.len());
        seen.drain(..keep_from);
    }
    false
}

/// The last line of text 0.0.4's last chunk.
const END: &str = "\r\n0\r\n\r\n";

#[tokio::test]
async fn a_reader_that_stops_reading_is_cut_off_and_gives_up_its_turn() {
    let limits =
        Limits { scrapes: 1, request: Duration::from_millis(300), turn: Duration::from_mins(1), ..Limits::NORMAL };
    let (address, _stop, _server) = start(limits).await;
    let mut stuck = scrape(address).await;
    assert!(read_until(&mut stuck, "HTTP/1.1 200").await);
    // The only turn is taken until the first reader's time is over.
    let mut next = scrape(address).await;
    assert!(read_until(&mut next, "HTTP/1.1 200").await);
    assert!(!read_until(&mut stuck, END).await, "the end arrived at a reader that did not read");
}

#[tokio::test]
async fn scrapes_beyond_the_limit_are_told_to_come_back() {
    let limits = Limits { scrapes: 1, turn: Duration::from_millis(50), ..Limits::NORMAL };
    let (address, _stop, _server) = start(limits).await;
    let mut first = scrape(address).await;
    assert!(read_until(&mut first, "HTTP/1.1 200").await);
    let mut second = scrape(address).await;
    assert!(read_until(&mut second, "retry-after: 5\r\n").await);
    // A probe needs no turn.
    let mut probe = TcpStream::connect(address).await.unwrap();
    probe.write_all(b"GET /healthz HTTP/1.1\r\nHost: agent\r\n\r\n").await.unwrap();
    assert!(read_until(&mut probe, "alive").await);
    assert!(read_until(&mut first, END).await);
}

#[tokio::test]
async fn a_connection_without_a_request_does_not_keep_its_place() {
    let limits = Limits { connections: 1, head: Duration::from_millis(100), ..Limits::NORMAL };
    let (address, _stop, _server) = start(limits).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    silent.write_all(b"GET /met").await.unwrap();
    let mut next = scrape(address).await;
    assert!(read_until(&mut next, END).await);
    assert!(!read_until(&mut silent, "HTTP/1.1 200").await);
}

#[tokio::test]
async fn a_stop_waits_for_answers_under_way_and_for_nobody_else() {
    let (address, stop, server) = start(Limits { stop: Duration::from_mins(1), ..Limits::NORMAL }).await;
    let mut reading = scrape(address).await;
    assert!(read_until(&mut reading, "HTTP/1.1 200").await);
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: agent\r\n\r\n").await.unwrap();
    assert!(read_until(&mut idle, "alive").await);
    stop.send(()).unwrap();
    assert!(read_until(&mut reading, END).await);
    server.await.unwrap();
    assert!(!read_until(&mut idle, "HTTP/1.1 200").await);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_reader_that_does_not_read() {
    let (address, stop, server) = start(Limits { stop: Duration::from_millis(100), ..Limits::NORMAL }).await;
    let mut stuck = scrape(address).await;
    assert!(read_until(&mut stuck, "HTTP/1.1 200").await);
    stop.send(()).unwrap();
    server.await.unwrap();
    assert!(!read_until(&mut stuck, END).await);
}
