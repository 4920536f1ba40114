//! What the fuzz targets of Kafka check. Of an input, a byte seeds the cuts; with responses, two tell what is answered.

use flowfold_wire::limits;

use crate::kafka_bytes::{self, Choices};
use crate::kafka_side::{Asked, Side};
use crate::pieces;

/// The correlation id that bodies which are made up have.
const CORRELATION: i32 = 7;

/// Kinds beyond those that there are, and versions likewise.
const KINDS: u8 = 100;
const VERSIONS: u8 = 24;

/// A client's bytes, in whatever pieces, say the same, and cost no more memory than they may.
pub fn client(data: &[u8]) {
    let Some((&seed, stream)) = data.split_first() else { return };
    compare(|| Side::client().with_tokens(), stream, seed);
    // The same bytes as choices in a body of some kind, which is understood to its end.
    let Some((&[kind, version], choices)) = stream.split_first_chunk() else { return };
    let (kind, version) = (i16::from(kind % KINDS), i16::from(version % VERSIONS));
    let Some(body) = made_up(kind, version, true, choices) else { return };
    let header = [&kind.to_be_bytes()[..], &version.to_be_bytes(), &CORRELATION.to_be_bytes(), &[0xff, 0xff]].concat();
    // The oldest header names no client, and the newer ones have tagged fields.
    let header = if (kind, version) == (7, 0) { header[..8].to_vec() } else { header };
    let flexible = flowfold_wire::kafka::body_of(kind, version, true).is_some_and(|(_, flexible)| flexible);
    let tags = if flexible { &[0][..] } else { &[] };
    understood(Side::client, &[&header[..], tags, &body].concat(), seed);
}

/// A broker's bytes, in whatever pieces, say the same, whatever they answer.
pub fn server(data: &[u8]) {
    let Some((&[seed, kind, version], stream)) = data.split_first_chunk() else { return };
    let (kind, version) = (i16::from(kind % KINDS), i16::from(version % VERSIONS));
    let side = || Side::server((0..16).map(|id| (id, (kind, version))).collect::<Asked>());
    compare(|| side().with_tokens(), stream, seed);
    let Some(mut body) = made_up(kind, version, false, stream) else { return };
    if kind == 18 {
        // With an error it is one of version 0.
        body[..2].fill(0);
    }
    let flexible = flowfold_wire::kafka::body_of(kind, version, false).is_some_and(|(_, flexible)| flexible);
    let tags = if flexible && kind != 18 { &[0][..] } else { &[] };
    understood(side, &[&CORRELATION.to_be_bytes()[..], tags, &body].concat(), seed);
}

fn made_up(kind: i16, version: i16, request: bool, choices: &[u8]) -> Option<Vec<u8>> {
    kafka_bytes::body((kind, version, request), &mut Choices(choices), &|choices| {
        (0..choices.below(200)).map(|_| u8::try_from(choices.below(255)).expect("a byte")).collect()
    })
}

/// A whole message is understood to its end.
fn understood(side: impl Fn() -> Side, message: &[u8], seed: u8) {
    let length = u32::try_from(message.len()).expect("short").to_be_bytes();
    let told = compare(side, &[&length[..], message].concat(), seed);
    let [.., end, closed] = &told.events[..] else { panic!("{:?}", told.events) };
    assert!(end.contains("details: Read") && closed == "closed: Clean", "{:?}", told.events);
}

fn compare(side: impl Fn() -> Side, stream: &[u8], seed: u8) -> Side {
    let whole = side().reads_all([stream]);
    for cut in [side().reads_all(pieces(stream, seed)), side().reads_all(stream.chunks(1))] {
        assert_eq!(whole.events, cut.events);
        assert_eq!(whole.error, cut.error);
        if whole.error.is_none() {
            assert_eq!(whole.totals, cut.totals);
        }
        assert!(cut.memory <= 2 * limits::KAFKA_TEXT_BYTES, "{} bytes", cut.memory);
    }
    whole
}
