//! The reader without sockets around it.

use allocation_counter::measure;
use flowfold_flow::Side;

use super::*;
use crate::shown::Shown;
use frames::{END_STREAM, PREFACE, SETTINGS, data, headers, message};

#[path = "../../tests/proxy/frames.rs"]
#[expect(dead_code, reason = "the tests with sockets need more of it")]
mod frames;

/// A connection that has begun.
fn shown() -> Shown<Http2Reader> {
    let mut shown = Shown::new();
    shown.show(Side::ClientToServer, &[PREFACE, SETTINGS].concat());
    shown.show(Side::ServerToClient, SETTINGS);
    shown
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
    let mut shown = shown();
    let rounds: Vec<_> = (0..200).map(|round| calls(32 * round..32 * (round + 1))).collect();
    let show = |shown: &mut Shown<Http2Reader>, rounds: &[[Vec<u8>; 2]]| {
        for [asked, answered] in rounds {
            shown.show(Side::ClientToServer, asked);
            shown.show(Side::ServerToClient, answered);
        }
    };
    show(&mut shown, &rounds[..2]);
    let allocated = measure(|| show(&mut shown, &rounds[2..]));
    assert_eq!((shown.sink.0.get(), allocated.count_total), (200 * 32, 0));
}
