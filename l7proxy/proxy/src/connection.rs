//! One connection from accept to close.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use flowfold_flow::{ConnectionEnd, ConnectionInfo, ConnectionOutcome, FlowSink, Protocol, Refusal, Side};
use tokio::net::TcpStream;

use crate::shared::Shared;
use crate::socket_options::reset_on_close;
use crate::tap::Tap;
use crate::upstream::{self, UpstreamError};
use crate::{Accepted, OriginalDestination, relay};

/// Relays one accepted connection until it is over.
pub(crate) async fn serve<D: OriginalDestination, S: FlowSink>(
    shared: Rc<Shared<D, S>>,
    client: TcpStream,
    accepted: Accepted,
) {
    let open = Open(&shared.status);
    let info = match shared.destinations.resolve(&accepted) {
        Ok(info) => info,
        Err(refusal) => return refuse(&shared, &client, refusal),
    };
    let expected = shared.destinations.expected(&info);
    let mut connection = Connection::new(&shared, client, info, expected);
    match upstream::connect(&shared.destinations, &connection.info).await {
        Ok(server) => {
            let outcome = relay::run(&mut connection, server).await;
            connection.end(outcome);
        }
        Err(error) => {
            tracing::debug!(server = %connection.info.server, %error, "no connection to the server");
            connection.read_what_came();
            connection.end(match error {
                UpstreamError::Socket(_) | UpstreamError::Ports(_) => ConnectionOutcome::AgentError,
                UpstreamError::Connect(_) => ConnectionOutcome::ConnectFailed,
            });
        }
    }
    drop(connection);
    drop(open);
}

/// How many times a connection that found no server is read before it is reset. Enough for the requests that a client
/// sent at once; an upload would refill as fast as it is read, and hold up all other connections of the worker.
const LEFTOVER_READS: usize = 4;

/// Counts a connection as open until it is dropped.
struct Open<'a>(&'a crate::WorkerStatus);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

fn refuse<D, S: FlowSink>(shared: &Shared<D, S>, client: &TcpStream, refusal: Refusal) {
    reset_on_close(client);
    shared.sink.refused(refusal);
}

/// A connection that the sinks know of. However it goes out of scope, it is closed to them exactly once.
pub(crate) struct Connection<'a, D, S: FlowSink> {
    pub(crate) shared: &'a Shared<D, S>,
    pub(crate) client: TcpStream,
    pub(crate) server: Option<TcpStream>,
    pub(crate) tap: Tap<S>,
    info: Arc<ConnectionInfo>,
    /// Absent until something ended it. A task that is dropped before was cut off by the drain deadline, or panicked.
    outcome: Option<ConnectionOutcome>,
}

impl<'a, D, S: FlowSink> Connection<'a, D, S> {
    fn new(shared: &'a Shared<D, S>, client: TcpStream, info: Arc<ConnectionInfo>, expected: Option<Protocol>) -> Self {
        let tap = Tap::open(&shared.sink, Arc::clone(&info), expected);
        Self { shared, client, server: None, tap, info, outcome: None }
    }

    fn end(&mut self, outcome: ConnectionOutcome) {
        self.outcome = Some(outcome);
    }

    /// Reads what the client has sent already, so that requests to a server that is not there are counted as failed.
    fn read_what_came(&mut self) {
        let mut scratch = self.shared.scratch.borrow_mut();
        for _ in 0..LEFTOVER_READS {
            match self.client.try_read(&mut scratch) {
                Ok(0) => return,
                Ok(count) => {
                    let bytes = scratch.get(..count).unwrap_or_default();
                    self.tap.show(self.shared, Side::ClientToServer, bytes, Instant::now());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_nothing_more) => return,
            }
        }
    }
}

impl<D, S: FlowSink> Drop for Connection<'_, D, S> {
    fn drop(&mut self) {
        let outcome = self.outcome.unwrap_or(if std::thread::panicking() {
            ConnectionOutcome::AgentError
        } else {
            ConnectionOutcome::DrainTimeout
        });
        if outcome != ConnectionOutcome::Closed {
            reset_on_close(&self.client);
            if let Some(server) = &self.server {
                reset_on_close(server);
            }
        }
        self.tap.close(self.shared, ConnectionEnd { outcome }, Instant::now());
    }
}
