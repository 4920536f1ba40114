//! A sink that remembers what it heard.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowfold_flow::{
    ByteTally, ConnectionEnd, ConnectionInfo, ConnectionOutcome, Exchange, FlowSink, HttpVersion, Operation, Outcome,
    Protocol, Refusal, Side, UnparsedReason,
};

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// An exchange, with what it borrowed copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: Option<u16>,
    pub(crate) version: HttpVersion,
    pub(crate) outcome: Outcome,
    pub(crate) tunnel: bool,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) first_byte_known: bool,
}

/// What was heard of one connection, told when it closes.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionRecord {
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) exchanges: Vec<Heard>,
    pub(crate) to_server: ByteTally,
    pub(crate) to_client: ByteTally,
    pub(crate) outcome: Option<ConnectionOutcome>,
}

/// Where the records of closed connections come out.
pub(crate) struct Records(Receiver<ConnectionRecord>);

impl Records {
    pub(crate) fn next(&self) -> ConnectionRecord {
        self.0.recv_timeout(PATIENCE).expect("a connection should have closed by now")
    }
}

/// The sink. Exchanges can be watched while a connection is open.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    closed: Sender<ConnectionRecord>,
    pub(crate) exchanges: Arc<Mutex<Vec<Heard>>>,
    /// Panics when an exchange has this path, as a sink with a fault would.
    pub(crate) faulty_path: Option<&'static str>,
}

impl Recording {
    pub(crate) fn new() -> (Self, Records) {
        let (closed, records) = channel();
        (Self { closed, exchanges: Arc::default(), faulty_path: None }, Records(records))
    }
}

impl FlowSink for Recording {
    type Connection = ConnectionRecord;

    fn opened(&self, _info: &Arc<ConnectionInfo>) -> ConnectionRecord {
        ConnectionRecord::default()
    }

    fn protocol(&self, connection: &mut ConnectionRecord, protocol: Protocol) {
        connection.protocols.push(protocol);
    }

    fn bytes(&self, connection: &mut ConnectionRecord, side: Side, tally: &ByteTally) {
        match side {
            Side::ClientToServer => connection.to_server += *tally,
            Side::ServerToClient => connection.to_client += *tally,
        }
    }

    fn relayed(&self, _connection: &mut ConnectionRecord, _side: Side, _added: Duration) {}

    fn exchange(&self, connection: &mut ConnectionRecord, exchange: &Exchange<'_>) {
        let Operation::Http(http) = &exchange.operation else { panic!("only HTTP is read") };
        let heard = Heard {
            method: String::from_utf8_lossy(http.method).into_owned(),
            path: String::from_utf8_lossy(http.path).into_owned(),
            status: http.status,
            version: http.version,
            outcome: exchange.outcome,
            tunnel: http.tunnel,
            request_bytes: exchange.request_bytes,
            response_bytes: exchange.response_bytes,
            first_byte_known: exchange.time_to_first_byte.is_some(),
        };
        assert!(self.faulty_path.is_none_or(|path| path != heard.path), "a fault that a test asked for");
        self.exchanges.lock().expect("no test panics with the lock").push(heard.clone());
        connection.exchanges.push(heard);
    }

    fn closed(&self, mut connection: ConnectionRecord, end: &ConnectionEnd) {
        connection.outcome = Some(end.outcome);
        // A test that has seen enough no longer listens.
        drop(self.closed.send(connection));
    }

    fn refused(&self, _refusal: Refusal) {}
}

impl ConnectionRecord {
    /// The reasons for which bytes were not read.
    pub(crate) fn unparsed_reason(&self) -> Option<UnparsedReason> {
        self.to_server.reason.or(self.to_client.reason)
    }
}
