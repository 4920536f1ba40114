//! What is hostile costs no memory, and no more time than its bytes.

#[path = "support/kafka_messages.rs"]
mod kafka_messages;
#[path = "support/kafka_side.rs"]
mod kafka_side;

use flowfold_wire::kafka::{KafkaDecoder, KafkaEvent};
use flowfold_wire::limits;
use kafka_messages::{array, batch, int, produce, request, short, text};
use kafka_side::{Asked, Side};

/// The most memory that one text needs while it comes.
const MEMORY: usize = 2 * limits::KAFKA_TEXT_BYTES;

#[test]
fn a_length_of_two_gibibytes_is_taken_for_what_it_is() {
    let mut side = Side::client();
    // A Produce to a topic, with a field of records that is nearly as long as the request.
    let head = [short(0), short(2), int(1), text("c"), short(1), int(0), int(1), text("t"), int(1), int(0)].concat();
    side.reads(&[int(i32::MAX), head, int(i32::MAX - 100)].concat());
    let piece = vec![0; 1 << 20];
    for _ in 0..100 {
        side.reads(&piece);
    }
    assert!(side.totals.body >= 100 << 20 && side.error.is_none());
    assert_eq!(side.memory, 0);
}

#[test]
fn counts_of_more_elements_than_there_are_bytes_are_refused() {
    for count in [i32::MAX, 1_000_000, 100] {
        // Topics of a Produce; groups to describe, which are no structures; numbers that are skipped.
        let counts = [(0, [short(1), int(0), int(count)].concat()), (15, int(count)), (68, vec![0; 4])];
        for (api_key, body) in counts {
            let side = Side::client().reads_all([&request(api_key, 0, 1, &[body, vec![0; 20]].concat())[..]]);
            assert!(side.events.iter().any(|event| event.contains("Malformed")), "{count}: {:?}", side.events);
            assert!(side.memory <= MEMORY, "{count}: {} bytes", side.memory);
        }
    }
}

#[test]
fn numbers_that_are_skipped_cannot_overflow() {
    // Replicas of a partition in a Metadata response of version 0: each has four bytes.
    let partition = [short(0), int(0), int(0), int(0x4000_0001), int(1)].concat();
    let topic = [short(0), text("t"), array(&[partition])].concat();
    let body = [array(&[]), array(&[topic]), vec![0; 100]].concat();
    let stream = kafka_messages::response(7, &body);
    let side = Side::server(Asked::from([(7, (3, 0))])).reads_all([&stream[..]]);
    assert!(side.events.iter().any(|event| event.contains("Malformed")), "{:?}", side.events);
}

#[test]
fn long_texts_are_held_as_far_as_they_are_told() {
    let group = "g".repeat(30_000);
    let stream = request(12, 0, 1, &[text(&group), int(1), text("")].concat());
    let side = Side::client().reads_all(stream.chunks(10));
    let told = format!("Group({:?})", &group[..limits::KAFKA_TEXT_BYTES]);
    assert!(side.events.contains(&told), "{:?}", side.events);
    assert!(side.memory <= MEMORY, "{} bytes", side.memory);
}

#[test]
fn messages_in_the_steady_state_allocate_nothing() {
    let stream = [produce(1, 1, &batch(0, 10, 1000)), produce(2, 1, &batch(0, 10, 1000))].concat();
    let mut decoder = KafkaDecoder::client();
    let mut read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut ends = 0;
        for mut input in pieces {
            loop {
                let step = decoder.advance(input).expect("valid");
                if step.needs_more() {
                    break;
                }
                ends += usize::from(matches!(step.event, Some(KafkaEvent::End(_))));
                input = &input[step.consumed..];
            }
        }
        ends
    };
    assert_eq!(read(&mut stream.chunks(5)), 2);
    let info = allocation_counter::measure(|| {
        for length in [stream.len(), 1000, 5, 1] {
            assert_eq!(read(&mut stream.chunks(length)), 2);
        }
    });
    assert_eq!(info.count_total, 0);
}
