//! The reader without sockets around it.

use allocation_counter::measure;
use flowfold_flow::Side;

use super::*;
use crate::shown::Shown;
use kafka_messages::{batch, fetched, int, produce, request, response, short, text};

#[path = "../../../wire/tests/support/kafka_messages.rs"]
mod kafka_messages;

/// What both sides send for so many exchanges of each kind, all of which are open at once.
fn exchanges(kinds: i32) -> [Vec<u8>; 2] {
    let records = [batch(0, 10, 500), batch(0, 5, 200)].concat();
    let partition = [int(3), int(0), int(9)].concat();
    let fetch = |id| {
        let topics = [int(1), text("orders"), int(1), partition.clone(), int(1 << 20)].concat();
        request(1, 2, id, &[int(-1), int(500), int(1), topics].concat())
    };
    let mut sent = [Vec::new(), Vec::new()];
    for id in 0..kinds {
        sent[0].extend([produce(3 * id, 0, &records), fetch(3 * id + 1)].concat());
        sent[0].extend(request(12, 0, 3 * id + 2, &[text("shop"), int(1), text("member")].concat()));
        sent[1].extend([fetched(2, 3 * id + 1, &records), response(3 * id + 2, &short(27))].concat());
    }
    sent
}

/// Records, lists of partitions and the decoders' memory are all used again.
#[test]
fn exchanges_allocate_nothing() {
    let mut shown: Shown<KafkaReader> = Shown::new();
    let [asked, answered] = exchanges(20);
    let mut show = |pieces: usize| {
        asked.chunks(pieces).for_each(|piece| shown.show(Side::ClientToServer, piece));
        answered.chunks(pieces).for_each(|piece| shown.show(Side::ServerToClient, piece));
        shown.sink.0.get()
    };
    // Until each record has been one of each kind.
    let warm = (0..8).map(|_| show(7)).last();
    let mut last = 0;
    let allocated = measure(|| last = [1000, 7, 50].map(&mut show)[2]);
    assert_eq!((warm, last, allocated.count_total), (Some(8 * 60), 11 * 60, 0));
}

#[test]
fn every_cut_tells_the_same_exchanges() {
    let [asked, answered] = exchanges(1);
    for cut in 0..asked.len().max(answered.len()) {
        let mut shown: Shown<KafkaReader> = Shown::new();
        for (side, bytes) in [(Side::ClientToServer, &asked), (Side::ServerToClient, &answered)] {
            let (front, back) = bytes.split_at(cut.min(bytes.len()));
            shown.show(side, front);
            shown.show(side, back);
        }
        assert_eq!(shown.sink.0.get(), 3, "cut at {cut}");
        assert!(Reader::<crate::shown::Answers>::is_between(&shown.reader));
    }
}
