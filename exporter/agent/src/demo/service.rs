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
use super::ratings;
use super::trace::Trace;
use crate::error::AgentError;

/// A client that keeps connections open, as services do.
pub(super) type Caller = Client<HttpConnector, Empty<Bytes>>;

/// A service while it runs.
#[derive(Debug)]
struct Service {
    role: Role,
    calls: Vec<(Role, Called)>,
    /// The requests so far.
    requests: AtomicU64,
}

/// A service that another one calls, and what it calls it with.
#[derive(Debug)]
enum Called {
    Http(Box<Caller>, SocketAddr),
    Grpc(ratings::Caller),
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
    let addresses = calls()?;
    if role == Role::Ratings {
        ratings::serve(listener).await;
        return Ok(());
    }
    let calls = role.calls().iter().copied().zip(addresses);
    let calls = calls.map(|(called, address)| Called::at(called, address).map(|how| (called, how)));
    let calls = calls.collect::<Result<_, _>>()?;
    let service = Arc::new(Service { role, calls, requests: AtomicU64::new(0) });
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
        let trace = Trace::of(request.headers());
        let id = request.uri().path().rsplit('/').next().unwrap_or_default();
        let (time, mut status) = plan(self.role, number);
        tokio::time::sleep(time).await;
        let mut text = format!("{} of {id}\n", self.role.name());
        // Both calls of the page are made one after the other: a slow one is seen in the page's own time.
        for (role, called) in &self.calls {
            let answered = called.answers(*role, id, number, &trace).await;
            if !answered && *role == Role::Details {
                // Reviews are shown without their stars, but a page without details is none.
                status = StatusCode::BAD_GATEWAY;
            } else if !answered {
                text += "(some of it is missing)\n";
            }
        }
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        Ok(response)
    }
}

impl Called {
    fn at(role: Role, address: SocketAddr) -> Result<Self, AgentError> {
        if role != Role::Ratings {
            return Ok(Self::Http(Box::new(caller()), address));
        }
        let caller = ratings::Caller::of(address).map_err(|error| cannot_call(address, error))?;
        Ok(Self::Grpc(caller))
    }

    /// Calls it for a product, and tells whether that went well.
    async fn answers(&self, role: Role, id: &str, number: u64, trace: &Trace) -> bool {
        match self {
            Self::Http(caller, address) => {
                let status = call(caller, *address, &format!("/{}/{id}", role.name()), trace).await;
                status.is_ok_and(|status| status == StatusCode::OK)
            }
            // Who asks for a review in full gets every reader's stars with it.
            Self::Grpc(caller) if number.is_multiple_of(4) => caller.list(id, trace).await.is_ok(),
            Self::Grpc(caller) => caller.get(id, trace).await.is_ok(),
        }
    }
}

/// How long the answer to this request takes, and what it is.
fn plan(role: Role, number: u64) -> (Duration, StatusCode) {
    let every = |count: u64| number % count == count - 1;
    let time = match role {
        Role::Reviews if every(40) => 60,
        Role::Details => 2,
        _ => 1,
    };
    let status = match role {
        Role::Details if every(50) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    };
    (Duration::from_millis(time), status)
}

/// Makes a GET request of a trace and reads the answer to its end.
pub(super) async fn call(
    caller: &Caller,
    address: SocketAddr,
    path: &str,
    trace: &Trace,
) -> Result<StatusCode, AgentError> {
    let uri: Uri = format!("http://{address}{path}").parse().map_err(|error| cannot_call(address, error))?;
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri;
    trace.add_to(request.headers_mut());
    let response = caller.request(request).await.map_err(|error| cannot_call(address, error))?;
    let status = response.status();
    response.into_body().collect().await.map_err(|error| cannot_call(address, error))?;
    Ok(status)
}

fn cannot_call(address: SocketAddr, error: impl std::error::Error) -> AgentError {
    AgentError::system(format!("cannot call {address}"))(io::Error::other(error.to_string()))
}
