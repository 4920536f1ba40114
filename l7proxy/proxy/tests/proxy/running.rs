//! A worker on its own thread, in front of a server that a test plays.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use flowfold_flow::{ConnectionInfo, Protocol, Refusal, Workload};
use flowfold_proxy::{
    Accepted, DrainTrigger, FixedDestination, KafkaKnowledge, Listener, OriginalDestination, Worker, WorkerStatus,
    drain_channel,
};

use crate::recording::{Recording, Records};

/// No socket of a test waits longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) records: Records,
    pub(crate) recording: Recording,
    pub(crate) status: Arc<WorkerStatus>,
    server: TcpListener,
    drain: Option<DrainTrigger>,
    worker: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut Recording)) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
        let upstream = server.local_addr().expect("a bound socket has an address");
        Self::in_front_of(server, upstream, change)
    }

    /// In front of a server that should speak this.
    pub(crate) fn expecting(protocol: Protocol) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
        let upstream = server.local_addr().expect("a bound socket has an address");
        Self::with(server, Steered { fixed: fixed(upstream), expected: Some(protocol) }, |_| {})
    }

    pub(crate) fn in_front_of(server: TcpListener, upstream: SocketAddr, change: impl FnOnce(&mut Recording)) -> Self {
        Self::with(server, fixed(upstream), change)
    }

    fn with<D: OriginalDestination + Send + 'static>(
        server: TcpListener,
        destinations: D,
        change: impl FnOnce(&mut Recording),
    ) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
        let address = socket.local_addr().expect("a bound socket has an address");
        let (mut recording, records) = Recording::new();
        change(&mut recording);
        let (trigger, drain) = drain_channel();
        let status = Arc::new(WorkerStatus::default());
        let worker = Worker {
            listeners: vec![Listener { socket }],
            destinations,
            sink: recording.clone(),
            kafka: KafkaKnowledge::default(),
            status: Arc::clone(&status),
            drain,
        };
        let worker = std::thread::spawn(move || worker.run().expect("the worker can start"));
        Self { address, records, recording, status, server, drain: Some(trigger), worker: Some(worker) }
    }

    /// A client's connection and the server's end of it.
    pub(crate) fn connect(&self) -> (TcpStream, TcpStream) {
        let client = self.client();
        let (server, _) = self.server.accept().expect("the proxy connects to the server");
        (patient(client), patient(server))
    }

    pub(crate) fn client(&self) -> TcpStream {
        patient(TcpStream::connect(self.address).expect("the proxy accepts"))
    }

    pub(crate) fn start_drain(&self, timeout: Duration) {
        self.drain.as_ref().expect("not drained yet").start(timeout);
    }

    /// Waits until the worker's thread has ended.
    pub(crate) fn join(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.join().expect("the worker ends without a panic");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.drain.take());
        self.join();
    }
}

fn fixed(upstream: SocketAddr) -> FixedDestination {
    FixedDestination::new(upstream, Arc::new(Workload::named("server")))
}

/// What steers connections by rules, and so knows what they should speak.
struct Steered {
    fixed: FixedDestination,
    expected: Option<Protocol>,
}

impl OriginalDestination for Steered {
    fn resolve(&self, accepted: &Accepted) -> Result<Arc<ConnectionInfo>, Refusal> {
        self.fixed.resolve(accepted)
    }

    fn expected(&self, _info: &ConnectionInfo) -> Option<Protocol> {
        self.expected
    }

    fn prepare(&self, socket: BorrowedFd<'_>, info: &ConnectionInfo) -> io::Result<()> {
        self.fixed.prepare(socket, info)
    }

    fn out_of_ports(&self, info: &ConnectionInfo) {
        self.fixed.out_of_ports(info);
    }
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time-out can be set");
    stream
}

/// Reads exactly what is expected, and fails with what came instead.
pub(crate) fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    stream.read_exact(&mut got).expect("the bytes arrive");
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(bytes));
}

/// Sends bytes one way and sees them arrive.
pub(crate) fn pass(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    from.write_all(bytes).expect("the bytes can be sent");
    expect(to, bytes);
}

/// The stream has ended in order.
pub(crate) fn expect_end(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the stream ends in order");
    assert_eq!(String::from_utf8_lossy(&rest), "");
}

/// The stream has been reset.
pub(crate) fn expect_reset(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let error = stream.read_to_end(&mut rest).expect_err("the stream is reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}
