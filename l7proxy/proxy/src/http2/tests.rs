//! The reader without sockets around it.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use flowfold_flow::{ByteTally, ConnectionEnd, ConnectionInfo, Exchange, Protocol, Refusal, Reporters, Side, Workload};

use super::*;
use crate::TopicNames;
use crate::shared::ReaderTools;
use frames::{END_STREAM, PREFACE, SETTINGS, data, headers, message};

#[path = "../../tests/proxy/frames.rs"]
#[expect(dead_code, reason = "the tests with sockets need more of it")]
mod frames;

/// A sink that counts answers, and nothing else.
#[derive(Default)]
struct Answers(Cell<u64>);

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
struct Shown {
    sink: Answers,
    info: ConnectionInfo,
    tools: ReaderTools,
    reader: Http2Reader,
}

impl Shown {
    fn new() -> Self {
        let anybody = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        let workload = Arc::new(Workload::named("any"));
        let info = ConnectionInfo {
            reporters: Reporters::SERVER,
            client: anybody,
            server: anybody,
            source: Arc::clone(&workload),
            destination: workload,
        };
        let mut shown = Self {
            sink: Answers::default(),
            info,
            tools: ReaderTools::new(TopicNames::default()),
            reader: Http2Reader::default(),
        };
        shown.show(Side::ClientToServer, &[PREFACE, SETTINGS].concat());
        shown.show(Side::ServerToClient, SETTINGS);
        shown
    }

    fn show(&mut self, side: Side, bytes: &[u8]) {
        let mut sink_side = ();
        let mut listening = Listening::new(&self.sink, &mut sink_side, &self.info, &self.tools);
        assert_eq!(self.reader.read(&mut listening, side, bytes, Instant::now()), Reading::Goes);
        listening.report();
    }
}

/// What both sides send for a call on each of some streams, all of which are open at once.
fn calls(streams: std::ops::Range<u32>) -> [Vec<u8>; 2] {
    let request = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/shop.Ratings/Get"),
        ("content-type", "application/grpc"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ];
    let answer = [(":status", "200"), ("content-type", "application/grpc")];
    let mut sent = [Vec::new(), Vec::new()];
    for stream in streams.map(|number| 2 * number + 1) {
        sent[0].extend([headers(stream, 0, &request), data(stream, END_STREAM, &message(b"ask"))].concat());
        sent[1].extend([headers(stream, 0, &answer), data(stream, 0, &message(b"answer"))].concat());
        sent[1].extend(headers(stream, END_STREAM, &[("grpc-status", "0")]));
    }
    sent
}

/// Records, the places of streams and the decoders' memory are all used again.
#[test]
fn exchanges_allocate_nothing() {
    let mut shown = Shown::new();
    let rounds: Vec<_> = (0..200).map(|round| calls(32 * round..32 * (round + 1))).collect();
    let show = |shown: &mut Shown, rounds: &[[Vec<u8>; 2]]| {
        for [asked, answered] in rounds {
            shown.show(Side::ClientToServer, asked);
            shown.show(Side::ServerToClient, answered);
        }
    };
    show(&mut shown, &rounds[..2]);
    let allocated = measure(|| show(&mut shown, &rounds[2..]));
    assert_eq!((shown.sink.0.get(), allocated.count_total), (200 * 32, 0));
}
