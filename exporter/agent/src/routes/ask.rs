//! Asks a running agent.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use flowfold_expose::LearnedRoutes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::error::{AgentError, whole};

/// Where the agent tells what it learned.
const PATH: &str = "/routes";

/// How long it may take. An agent answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer that is read: several times that of an agent that learned all it can.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// What the agent that serves there has learned.
pub(super) async fn learned(address: SocketAddr) -> Result<LearnedRoutes, AgentError> {
    let answer = match tokio::time::timeout(PATIENCE, get(address)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {}", humantime::format_duration(PATIENCE))),
    };
    answer.map_err(|why| AgentError::NoAgent { address, why })
}

async fn get(address: SocketAddr) -> Result<LearnedRoutes, String> {
    let stream = TcpStream::connect(address).await.map_err(|error: io::Error| error.to_string())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| whole(&error))?;
    let ask = async {
        let request = Request::get(PATH).header(HOST, address.to_string()).body(Empty::<Bytes>::new());
        let request = request.map_err(|error| error.to_string())?;
        let answer = sender.send_request(request).await.map_err(|error| whole(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(format!("{PATH} is answered with {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await.map_err(|error| whole(&*error))?;
        serde_json::from_slice(&body.to_bytes()).map_err(|error| format!("{PATH} is no answer of an agent: {error}"))
    };
    // The connection is driven beside the question, and its own error is the question's as well.
    tokio::pin!(ask);
    tokio::select! {
        answer = &mut ask => answer,
        _ = connection => ask.await,
    }
}
