//! The one service of the shop that speaks gRPC: its messages, its server and its client.
//!
//! The messages are written by hand, as `message Product { string id = 1; }` and `message Rating { string reader = 1;
//! uint32 stars = 2; }` would be generated: building needs no protoc.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::http::uri::PathAndQuery;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use super::trace::Trace;

/// The average rating of a product: `rpc Get(Product) returns (Rating)`.
const GET: &str = "/shop.Ratings/Get";

/// All ratings of a product: `rpc List(Product) returns (stream Rating)`.
const LIST: &str = "/shop.Ratings/List";

/// How long a caller waits. The slowest answers take longer.
const PATIENCE: Duration = Duration::from_millis(100);

/// How many readers have rated each product.
const READERS: u64 = 5;

/// What is asked for.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Product {
    #[prost(string, tag = "1")]
    id: String,
}

/// What one reader thinks of a product, or all of them.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Rating {
    #[prost(string, tag = "1")]
    reader: String,
    #[prost(uint32, tag = "2")]
    stars: u32,
}

/// Serves for as long as the process lives: HTTP/2 with prior knowledge, as gRPC has it where there is no TLS.
pub(super) async fn serve(listener: TcpListener) {
    let calls = Arc::new(AtomicU64::new(0));
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let calls = Arc::clone(&calls);
        tokio::spawn(async move {
            let answer = service_fn(|request| answer(request, calls.fetch_add(1, Ordering::Relaxed)));
            let connection = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer);
            // What goes wrong with a connection is for the client to see, and for the agent.
            drop(connection.await);
        });
    }
}

async fn answer(request: Request<Incoming>, number: u64) -> Result<Response<Body>, Infallible> {
    let mut server = tonic::server::Grpc::new(ProstCodec::<Rating, Product>::default());
    Ok(match request.uri().path() {
        GET => server.unary(tower::service_fn(|asked| get(asked, number)), request).await,
        LIST => server.server_streaming(tower::service_fn(|asked| list(asked, number)), request).await,
        _ => Status::unimplemented("the shop has no such method").into_http(),
    })
}

async fn get(asked: tonic::Request<Product>, number: u64) -> Result<tonic::Response<Rating>, Status> {
    let every = |count: u64| number % count == count - 1;
    tokio::time::sleep(if every(50) { 2 * PATIENCE } else { Duration::from_millis(2) }).await;
    if every(20) {
        return Err(Status::unavailable("the ratings are being counted"));
    }
    if every(30) {
        return Err(Status::not_found(format!("nobody has rated {}", asked.into_inner().id)));
    }
    Ok(tonic::Response::new(Rating { reader: "everybody".to_owned(), stars: stars(number) }))
}

type Ratings = tokio_stream::Iter<std::vec::IntoIter<Result<Rating, Status>>>;

async fn list(_: tonic::Request<Product>, number: u64) -> Result<tonic::Response<Ratings>, Status> {
    tokio::time::sleep(Duration::from_millis(2)).await;
    let rating = |reader| Ok(Rating { reader: format!("reader {reader}"), stars: stars(number + reader) });
    let mut ratings: Vec<_> = (0..READERS).map(rating).collect();
    if number.is_multiple_of(9) {
        // It breaks off in the middle: some ratings have been sent when the status tells that the rest is lost.
        ratings.truncate(2);
        ratings.push(Err(Status::data_loss("the other ratings cannot be read")));
    }
    Ok(tonic::Response::new(tokio_stream::iter(ratings)))
}

fn stars(number: u64) -> u32 {
    1 + u32::try_from(number % 5).unwrap_or_default()
}

/// A client that keeps its connection open.
#[derive(Clone, Debug)]
pub(super) struct Caller(Channel);

impl Caller {
    /// A client of the server at this address, which it connects to when it is first used.
    pub(super) fn of(server: SocketAddr) -> Result<Self, tonic::transport::Error> {
        Ok(Self(Endpoint::from_shared(format!("http://{server}"))?.connect_lazy()))
    }

    /// Asks for the average rating of a product.
    pub(super) async fn get(&self, id: &str, trace: &Trace) -> Result<(), Status> {
        self.ready().await?.unary(asking_for(id, trace), PathAndQuery::from_static(GET), codec()).await.map(drop)
    }

    /// Asks for all ratings of a product and reads them to their end.
    pub(super) async fn list(&self, id: &str, trace: &Trace) -> Result<(), Status> {
        let mut client = self.ready().await?;
        let answer = client.server_streaming(asking_for(id, trace), PathAndQuery::from_static(LIST), codec()).await?;
        let mut ratings = answer.into_inner();
        while ratings.message().await?.is_some() {}
        Ok(())
    }

    async fn ready(&self) -> Result<tonic::client::Grpc<Channel>, Status> {
        let mut client = tonic::client::Grpc::new(self.0.clone());
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(client)
    }
}

fn codec() -> ProstCodec<Product, Rating> {
    ProstCodec::default()
}

fn asking_for(id: &str, trace: &Trace) -> tonic::Request<Product> {
    let mut request = tonic::Request::new(Product { id: id.to_owned() });
    request.set_timeout(PATIENCE);
    trace.add_to(request.metadata_mut().as_mut());
    request
}

#[cfg(test)]
mod tests {
    use tonic::Code::{self, Cancelled, DataLoss, NotFound, Unavailable};

    use super::*;

    #[tokio::test]
    async fn answers_both_kinds_of_call_and_fails_by_number() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let caller = Caller::of(listener.local_addr().unwrap()).unwrap();
        let server = tokio::spawn(serve(listener));
        let mut codes = Vec::new();
        for _ in 0..60 {
            codes.push(caller.get("1", &Trace::default()).await.map_or_else(|status| status.code(), |()| Code::Ok));
        }
        let of = |code| codes.iter().filter(|each| **each == code).count();
        // Cancelled is what tonic calls a deadline of its own that is over.
        assert_eq!([of(Code::Ok), of(Unavailable), of(NotFound), of(Cancelled)], [55, 3, 1, 1], "{codes:?}");
        // The sixty calls before make these the numbers 60 to 63.
        for lost in [false, false, false, true] {
            assert_eq!(caller.list("1", &Trace::default()).await.is_err_and(|status| status.code() == DataLoss), lost);
        }
        server.abort();
    }
}
