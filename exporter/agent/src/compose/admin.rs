//! The thread that serves `/metrics`, apart from the workers.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flowfold_expose::Endpoints;
use tokio::sync::oneshot;

use super::outgoing::{Outgoing, push_beside};
use crate::capabilities::{self, Role};
use crate::error::AgentError;
use crate::priority;

/// How often it is looked whether the thread is still there.
const LOOK: Duration = Duration::from_secs(1);

/// The same, once it was told to end.
const LOOK_AT_END: Duration = Duration::from_millis(5);

/// The thread that serves `/metrics`.
#[derive(Debug)]
pub(super) struct Admin {
    address: SocketAddr,
    shutdown: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// Opens the socket for `/metrics`, in the network namespace that the agent was started in.
pub(super) fn bind(address: SocketAddr) -> Result<TcpListener, AgentError> {
    TcpListener::bind(address).map_err(|source| AgentError::Listen { what: "serve /metrics", address, source })
}

impl Admin {
    /// Serves on an open socket.
    pub(super) fn start(listener: TcpListener, outgoing: Outgoing, endpoints: Endpoints) -> Result<Self, AgentError> {
        let failed = AgentError::system("cannot serve /metrics");
        let address = listener.set_nonblocking(true).and_then(|()| listener.local_addr()).map_err(failed)?;
        let Outgoing { runtime, spans, pusher, .. } = outgoing;
        let (shutdown, asked) = oneshot::channel();
        let serve = move || {
            priority::behind_traffic();
            if let Err(error) = capabilities::keep_only_what(Role::Admin) {
                tracing::warn!(%error, "the thread of /metrics keeps its capabilities");
            }
            runtime.run(async {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => {
                        let asked = async { drop(asked.await) };
                        let serve = flowfold_expose::serve(listener, Arc::new(endpoints), asked);
                        push_beside(serve, pusher, spans).await;
                    }
                    Err(error) => tracing::error!(%error, "cannot serve /metrics"),
                }
            });
        };
        let thread = thread::Builder::new().name("admin".to_owned()).spawn(serve);
        Ok(Self { address, shutdown, thread: thread.map_err(AgentError::system("cannot start a thread"))? })
    }

    /// Where it serves.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the thread has ended, which it should not do by itself.
    pub(super) async fn one_ended(&self) {
        let mut looks = tokio::time::interval(LOOK);
        while !self.thread.is_finished() {
            looks.tick().await;
        }
    }

    /// Lets the answers under way finish for a short while, sends what is left to be pushed, and ends.
    pub(super) async fn stop(self) {
        drop(self.shutdown);
        let mut looks = tokio::time::interval(LOOK_AT_END);
        while !self.thread.is_finished() {
            looks.tick().await;
        }
        if self.thread.join().is_err() {
            tracing::warn!("the thread of /metrics panicked");
        }
    }
}
