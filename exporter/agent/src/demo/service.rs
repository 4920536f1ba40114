//! The services of the shop. Which of their answers are slow or fail is a matter of counting, so that every run is alike.

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use super::child::Role;
use crate::error::AgentError;

/// A client that keeps connections open, as services do.
pub(super) type Caller = Client<HttpConnector, Empty<Bytes>>;

/// A service while it runs.
#[derive(Debug)]
struct Service {
    role: Role,
    calls: Vec<SocketAddr>,
    caller: Caller,
    /// The requests so far.
    requests: AtomicU64,
}

/// A new client.
pub(super) fn caller() -> Caller {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Listens on a free port of loopback, and tells the demo which.
pub(super) async fn listen() -> Result<TcpListener, AgentError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.map_err(AgentError::system("cannot listen on 127.0.0.1"))?;
    let address = listener.local_addr().map_err(AgentError::system("cannot tell a listener's address"))?;
    let mut out = io::stdout().lock();
    let told = writeln!(out, "{}", address.port()).and_then(|()| out.flush());
    told.map_err(AgentError::system("cannot speak to the demo")).map(|()| listener)
}

/// Serves for as long as the process lives, once `calls` has told whom to call.
pub(super) async fn serve(
    role: Role,
    listener: TcpListener,
    calls: impl FnOnce() -> Result<Vec<SocketAddr>, AgentError>,
) -> Result<(), AgentError> {
    let service = Arc::new(Service { role, calls: calls()?, caller: caller(), requests: AtomicU64::new(0) });
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            let answer = service_fn(|request| Arc::clone(&service).answer(request));
            // What goes wrong with a connection is for the client to see, and for the agent.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
        });
    }
}

impl Service {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let id = request.uri().path().rsplit('/').next().unwrap_or_default();
        let (time, mut status) = plan(self.role, number);
        tokio::time::sleep(time).await;
        let mut text = format!("{} of {id}\n", self.role.name());
        // Both calls of the page are made one after the other: a slow one is seen in the page's own time.
        for (called, address) in self.role.calls().iter().zip(&self.calls) {
            match call(&self.caller, *address, &format!("/{}/{id}", called.name())).await {
                Ok(StatusCode::OK) => {}
                // Reviews are shown without their stars, but a page without details is none.
                Ok(_) | Err(_) if *called == Role::Details => status = StatusCode::BAD_GATEWAY,
                Ok(_) | Err(_) => text += "(some of it is missing)\n",
            }
        }
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        Ok(response)
    }
}

/// How long the answer to this request takes, and what it is.
fn plan(role: Role, number: u64) -> (Duration, StatusCode) {
    let every = |count: u64| number % count == count - 1;
    let time = match role {
        Role::Ratings if every(25) => 120,
        Role::Reviews if every(40) => 60,
        Role::Ratings | Role::Details => 2,
        _ => 1,
    };
    let status = match role {
        Role::Ratings if every(20) => StatusCode::SERVICE_UNAVAILABLE,
        Role::Details if every(50) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    };
    (Duration::from_millis(time), status)
}

/// Makes a GET request and reads the answer to its end.
pub(super) async fn call(caller: &Caller, address: SocketAddr, path: &str) -> Result<StatusCode, AgentError> {
    let failed = |error: String| AgentError::system(format!("cannot call {address}"))(io::Error::other(error));
    let uri: Uri = format!("http://{address}{path}").parse().map_err(|error| failed(format!("{error}")))?;
    let response = caller.get(uri).await.map_err(|error| failed(error.to_string()))?;
    let status = response.status();
    response.into_body().collect().await.map_err(|error| failed(error.to_string()))?;
    Ok(status)
}
