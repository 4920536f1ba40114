//! One worker: a thread's runtime, its listeners and its connections.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowfold_flow::FlowSink;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::JoinSet;

use crate::shared::Shared;
use crate::{DrainWatch, KafkaKnowledge, Listener, OriginalDestination, WorkerStatus, connection, listener};

/// How often a worker shows that it is alive, and renews its clock.
const TICK: Duration = Duration::from_millis(100);

/// How often a draining worker looks whether its last connection has gone. Connections that were steered before
/// steering ended may still be on their way, so the listeners stay open meanwhile.
const DRAIN_POLL: Duration = Duration::from_millis(20);

/// How long a draining worker keeps accepting although nothing is open: a connection that was steered a moment before
/// steering ended has its handshake to finish.
const LATE_ARRIVALS: Duration = Duration::from_millis(100);

/// Everything that one worker thread needs.
#[derive(Debug)]
pub struct Worker<D, S> {
    /// The sockets to accept on.
    pub listeners: Vec<Listener>,
    /// Where accepted connections were going.
    pub destinations: D,
    /// Who hears what was read.
    pub sink: S,
    /// What all workers know of Kafka's brokers.
    pub kafka: KafkaKnowledge,
    /// Where the worker shows that it is alive.
    pub status: Arc<WorkerStatus>,
    /// When to finish.
    pub drain: DrainWatch,
}

impl<D, S> Worker<D, S>
where
    D: OriginalDestination + 'static,
    S: FlowSink + 'static,
    S::Connection: 'static,
{
    /// Accepts and relays on the calling thread until the drain is over.
    ///
    /// # Errors
    /// When the runtime cannot be made or a listener cannot be registered.
    pub fn run(self) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
        runtime.block_on(self.serve())
    }

    async fn serve(mut self) -> io::Result<()> {
        let listeners = self.listeners.into_iter().map(listener::register).collect::<io::Result<Vec<_>>>()?;
        let shared = Rc::new(Shared::new(self.destinations, self.sink, self.status, self.kafka));
        let mut connections = JoinSet::new();
        let mut ticks = tokio::time::interval(TICK);
        let deadline = {
            let mut accepting = Accepting::new(&listeners);
            loop {
                tokio::select! {
                    (stream, accepted) = accepting.next() => {
                        shared.status.accepted();
                        connections.spawn_local(connection::serve(Rc::clone(&shared), stream, accepted));
                    }
                    Some(_ended) = connections.join_next() => {}
                    _ = ticks.tick() => {
                        shared.status.tick();
                        shared.tools.clock.renew();
                    }
                    deadline = self.drain.started() => break deadline,
                }
            }
        };
        shared.draining.set(true);
        shared.wakers.wake_all();
        drain(&listeners, &shared, &mut connections, deadline).await;
        // Dropping a connection's task resets it and records what was open.
        connections.shutdown().await;
        Ok(())
    }
}

/// Takes connections from all listeners of a worker.
struct Accepting<'a>(&'a [TcpListener]);

impl<'a> Accepting<'a> {
    fn new(listeners: &'a [TcpListener]) -> Self {
        Self(listeners)
    }

    async fn next(&mut self) -> (tokio::net::TcpStream, crate::Accepted) {
        match self.0 {
            [] => std::future::pending().await,
            [one] => listener::next(one).await,
            [one, two] => tokio::select! {
                biased;
                accepted = listener::next(one) => accepted,
                accepted = listener::next(two) => accepted,
            },
            many => {
                let nexts = many.iter().map(|one| Box::pin(listener::next(one)));
                first_of(nexts.collect()).await
            }
        }
    }
}

/// The first of several futures to be ready.
async fn first_of<F: Future + Unpin>(mut futures: Vec<F>) -> F::Output {
    std::future::poll_fn(move |context| {
        for future in &mut futures {
            if let std::task::Poll::Ready(output) = std::pin::Pin::new(future).poll(context) {
                return std::task::Poll::Ready(output);
            }
        }
        std::task::Poll::Pending
    })
    .await
}

async fn drain<D, S>(
    listeners: &[TcpListener],
    shared: &Rc<Shared<D, S>>,
    connections: &mut JoinSet<()>,
    deadline: Instant,
) where
    D: OriginalDestination + 'static,
    S: FlowSink + 'static,
    S::Connection: 'static,
{
    let mut last_arrival = Instant::now();
    let mut accepting = Accepting::new(listeners);
    loop {
        let now = Instant::now();
        let is_idle = connections.is_empty();
        if now >= deadline || (is_idle && now.duration_since(last_arrival) >= LATE_ARRIVALS) {
            return;
        }
        shared.status.tick();
        tokio::select! {
            (stream, accepted) = accepting.next() => {
                last_arrival = Instant::now();
                shared.status.accepted();
                connections.spawn_local(connection::serve(Rc::clone(shared), stream, accepted));
            }
            Some(_ended) = connections.join_next() => {}
            () = tokio::time::sleep(DRAIN_POLL) => {}
        }
    }
}
