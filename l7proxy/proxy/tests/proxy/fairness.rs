//! What connections that open more than they end leave to the others.

use flowfold_flow::{Outcome, UnparsedReason};

use crate::frames::{PREFACE, SETTINGS, headers};
use crate::running::{Running, pass};

/// As many streams as a connection may have open.
const STREAMS: u32 = 16_384;

/// The connections that hold what they have are cut off before the others find nothing left.
#[test]
fn a_few_connections_full_of_streams_do_not_blind_the_worker() {
    let proxy = Running::start();
    let fields = [(":method", "POST"), (":path", "/hold")];
    let mut streams: Vec<u8> = [PREFACE, SETTINGS].concat();
    (0..STREAMS).for_each(|number| streams.extend(headers(2 * number + 1, 0, &fields)));
    let mut held = Vec::new();
    for _ in 0..4 {
        let (mut client, mut server) = proxy.connect();
        // In pieces that fit into the sockets' buffers.
        streams.chunks(16_384).for_each(|piece| pass(&mut client, &mut server, piece));
        held.push((client, server));
    }
    let (mut client, mut server) = proxy.connect();
    pass(&mut client, &mut server, b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n");
    pass(&mut server, &mut client, b"HTTP/1.1 204 No Content\r\n\r\n");
    drop((client, server));
    let other = proxy.records.next();
    assert_eq!(other.exchanges.iter().map(|one| one.outcome).collect::<Vec<_>>(), [Outcome::Answered]);
    drop(held);
    let reasons: Vec<_> = (0..4).map(|_| proxy.records.next().unparsed_reason()).collect();
    assert!(reasons.contains(&Some(UnparsedReason::TooManyInFlight)), "{reasons:?}");
}
