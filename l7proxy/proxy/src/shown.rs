//! For tests of readers: a connection without sockets, and a sink that hears of it.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowfold_flow::{
    ByteTally, ConnectionEnd, ConnectionInfo, Exchange, FlowSink, Outcome, Protocol, Refusal, Reporters, Side, Workload,
};

use crate::KafkaKnowledge;
use crate::reader::{Listening, Reader, Reading};
use crate::shared::ReaderTools;

/// A sink that counts answers, and nothing else.
#[derive(Default)]
pub(crate) struct Answers(pub(crate) Cell<u64>);

impl FlowSink for Answers {
    type Connection = ();

    fn opened(&self, _info: &Arc<ConnectionInfo>) {}

    fn protocol(&self, (): &mut (), _protocol: Protocol) {}

    fn bytes(&self, (): &mut (), _side: Side, _tally: &ByteTally) {}

    fn relayed(&self, (): &mut (), _side: Side, _added: Duration) {}

    fn exchange(&self, (): &mut (), exchange: &Exchange<'_>) {
        if exchange.outcome == Outcome::Answered {
            self.0.set(self.0.get() + 1);
        }
    }

    fn closed(&self, (): (), _end: &ConnectionEnd) {}

    fn refused(&self, _refusal: Refusal) {}
}

/// A connection that is shown to a reader.
pub(crate) struct Shown<R> {
    pub(crate) sink: Answers,
    info: ConnectionInfo,
    tools: ReaderTools,
    pub(crate) reader: R,
}

impl<R: Reader<Answers> + Default> Shown<R> {
    pub(crate) fn new() -> Self {
        let anybody = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        let workload = Arc::new(Workload::named("any"));
        let info = ConnectionInfo {
            reporters: Reporters::SERVER,
            client: anybody,
            server: anybody,
            source: Arc::clone(&workload),
            destination: workload,
        };
        let tools = ReaderTools::new(KafkaKnowledge::default());
        Self { sink: Answers::default(), info, tools, reader: R::default() }
    }

    pub(crate) fn show(&mut self, side: Side, bytes: &[u8]) {
        let mut sink_side = ();
        let mut listening = Listening::new(&self.sink, &mut sink_side, &self.info, &self.tools);
        assert_eq!(self.reader.read(&mut listening, side, bytes, Instant::now()), Reading::Goes);
        listening.report();
    }
}
