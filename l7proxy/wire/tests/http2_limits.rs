//! What an HTTP/2 decoder may keep, and where it gives up.

#[path = "support/http2_side.rs"]
mod http2_side;

use allocation_counter::measure;
use flowfold_wire::http2::{Fields, Http2Decoder, Http2Error, Http2Event};
use flowfold_wire::limits;
use http2_side::Side;

/// A frame; `length` is what its header says.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const END_HEADERS: u8 = 4;

fn headers(flags: u8, block: &[u8]) -> Vec<u8> {
    frame(1, flags, 1, block)
}

fn continuation(flags: u8, block: &[u8]) -> Vec<u8> {
    frame(9, flags, 1, block)
}

/// The same stream whole and in pieces: how many events, and the error.
fn cut_anyhow(stream: &[u8]) -> (usize, Option<Http2Error>) {
    let mut whole = Side::server();
    whole.reads(stream);
    let mut cut = Side::server();
    stream.chunks(1000).for_each(|piece| cut.reads(piece));
    assert_eq!(whole.events, cut.events);
    (whole.events.len(), whole.error)
}

/// A literal that is not indexed, with a name in plain.
fn literal(name: &str, value_length: usize) -> Vec<u8> {
    let mut literal = vec![0];
    literal.extend(string(name.len()));
    literal.extend(name.bytes());
    literal.extend(string(value_length));
    literal.resize(literal.len() + value_length, b'v');
    literal
}

/// The length of a string.
fn string(length: usize) -> Vec<u8> {
    let Some(mut rest) = length.checked_sub(127) else { return vec![u8::try_from(length).expect("short")] };
    let mut bytes = vec![127];
    while rest > 127 {
        bytes.push(0x80 | u8::try_from(rest & 127).expect("seven bits"));
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).expect("seven bits"));
    bytes
}

#[test]
fn an_idle_decoder_is_small() {
    // Thousands of idle connections have two of these each.
    assert!(size_of::<Http2Decoder>() <= 256, "{}", size_of::<Http2Decoder>());
    assert_eq!((Http2Decoder::client().memory(), Http2Decoder::server().memory()), (0, 0));
    assert!(size_of::<Fields<'_>>() <= 192, "{}", size_of::<Fields<'_>>());
}

#[test]
fn a_header_block_has_a_longest_length() {
    let most = limits::HEADER_BLOCK_BYTES;
    let block = |length: usize| literal("x", length - 7);
    assert_eq!(block(most).len(), most);
    assert_eq!(cut_anyhow(&headers(END_HEADERS, &block(most))), (1, None));
    assert_eq!(cut_anyhow(&headers(END_HEADERS, &block(most + 1))), (1, Some(Http2Error::HeadTooLarge)));
    let whole = block(most);
    let (front, back) = whole.split_at(most / 2);
    assert_eq!(cut_anyhow(&[headers(0, front), continuation(END_HEADERS, back)].concat()), (1, None));
    let whole = block(most + 1);
    let (front, back) = whole.split_at(most / 2);
    let larger = [headers(0, front), continuation(END_HEADERS, back)].concat();
    assert_eq!(cut_anyhow(&larger), (1, Some(Http2Error::HeadTooLarge)));
}

#[test]
fn a_header_block_has_a_largest_number_of_frames() {
    let flood = |frames: u32, piece: &[u8]| {
        let mut stream = headers(0, &[0x82]);
        (1..frames).for_each(|_| stream.extend(continuation(0, piece)));
        stream.extend(continuation(END_HEADERS, &[]));
        stream
    };
    for piece in [&b""[..], b"\x84"] {
        assert_eq!(cut_anyhow(&flood(limits::CONTINUATIONS, piece)), (1, None));
        assert_eq!(cut_anyhow(&flood(limits::CONTINUATIONS + 1, piece)), (1, Some(Http2Error::HeadTooLarge)));
    }
}

#[test]
fn a_header_block_has_a_largest_number_of_fields() {
    let block = |fields: usize| headers(END_HEADERS, &vec![0x82; fields]);
    assert_eq!(cut_anyhow(&block(limits::HEADER_LIST_FIELDS)), (1, None));
    assert_eq!(cut_anyhow(&block(limits::HEADER_LIST_FIELDS + 1)), (1, Some(Http2Error::HeadTooLarge)));
}

/// One byte stands for a field of nearly 4 KiB.
#[test]
fn a_bomb_is_stopped() {
    for name in ["x", ":path"] {
        let mut block = vec![0x40];
        block.extend(&literal(name, 4000)[1..]);
        let entry = name.len() + 4000 + 32;
        let most = limits::HEADER_LIST_BYTES / entry;
        block.resize(block.len() + most - 1, 0xbe);
        assert_eq!(cut_anyhow(&headers(END_HEADERS, &block)), (1, None), "{name}");
        block.push(0xbe);
        assert_eq!(cut_anyhow(&headers(END_HEADERS, &block)), (1, Some(Http2Error::HeadTooLarge)), "{name}");
    }
}

/// Whatever a few bytes stand for, no more of it is copied than of one long value.
#[test]
fn a_bomb_that_is_small_enough_is_cheap() {
    let grow = [0x3f, 0xe1, 0xff, 0x03];
    for (length, times) in [(60_000, 4), (4000, 60), (1000, 240)] {
        let mut block = grow.to_vec();
        block.push(0x40);
        block.extend(&literal(":path", length)[1..]);
        let mut side = Side::server();
        side.reads(&headers(END_HEADERS, &block));
        let bomb = headers(END_HEADERS, &vec![0xbe; times]);
        let Side { decoder, .. } = &mut side;
        let mut told = None;
        let allocated = measure(|| {
            let step = decoder.advance(&bomb[..9]).expect("a frame header");
            assert_eq!(step.consumed, 9);
            let Some(Http2Event::Headers { fields, .. }) = decoder.advance(&bomb[9..]).expect("a block").event else {
                panic!("a whole block");
            };
            told = Some(fields.target.is_none());
        });
        assert_eq!(told, Some(true), "a path that is given {times} times is none");
        assert!(allocated.bytes_total <= 2 * limits::TEXT_BYTES as u64, "{length}: {allocated:?}");
    }
}

#[test]
fn of_a_long_path_the_front_is_told() {
    let front = vec![b'v'; limits::TEXT_BYTES];
    let mut path = vec![0x44];
    path.extend(&literal("", limits::TEXT_BYTES + 1000)[2..]);
    // In plain, from the table, and coded (`0` has the shortest code, of five zeros).
    let mut coded = vec![0x04, 0xff];
    coded.extend(&string(1250)[1..]);
    coded.resize(coded.len() + 1250, 0);
    let mut decoder = Http2Decoder::server();
    for (block, expected) in [(path, &front), (vec![0xbe], &front), (coded, &vec![b'0'; limits::TEXT_BYTES])] {
        let frame = headers(END_HEADERS, &block);
        decoder.advance(&frame[..9]).expect("a frame header");
        let Some(Http2Event::Headers { fields, .. }) = decoder.advance(&frame[9..]).expect("a block").event else {
            panic!("a whole block");
        };
        assert_eq!(fields.path, Some(&expected[..]));
    }
}

#[test]
fn a_table_has_a_largest_size() {
    let resize = |size: usize| {
        let mut bytes = string(size + 127 - 31);
        bytes[0] = 0x3f;
        headers(END_HEADERS, &bytes)
    };
    assert_eq!(cut_anyhow(&resize(limits::HEADER_TABLE_BYTES)), (1, None));
    assert_eq!(cut_anyhow(&resize(limits::HEADER_TABLE_BYTES + 1)), (1, Some(Http2Error::HeaderTableTooLarge)));
}

/// The largest table, filled with the smallest entries and with the largest value of interest, over and over.
#[test]
fn a_full_table_costs_bounded_memory() {
    let grow = [0x3f, 0xe1, 0xff, 0x03];
    let smallest = [&grow[..], &[0x40, 0, 0].repeat(4000)].concat();
    let mut largest = vec![0x44];
    largest.extend(string(65_000));
    largest.resize(largest.len() + 65_000, b'/');
    let mut side = Side::server();
    for _ in 0..20 {
        side.reads(&headers(END_HEADERS, &smallest));
        side.reads(&headers(END_HEADERS, &largest));
        // To nothing, and to the whole again.
        side.reads(&headers(END_HEADERS, &[0x20]));
        assert_eq!(side.decoder.memory(), 0);
        side.reads(&headers(END_HEADERS, &grow));
    }
    assert_eq!(side.error, None);
    assert!(side.memory < 512 * 1024, "{}", side.memory);
}

#[test]
fn a_length_is_not_believed() {
    let claim = |kind: u8| [&[0xff, 0xff, 0xff, kind, 0], &1_u32.to_be_bytes()[..]].concat();
    for kind in [0, 2, 6, 8, 10, 0xee] {
        let mut side = Side::server();
        side.reads(&claim(kind));
        for _ in 0..64 {
            side.reads(&vec![0; 1 << 16]);
        }
        assert_eq!((side.error, side.memory), (None, 0), "type {kind}");
    }
    for kind in [1, 5] {
        assert_eq!(cut_anyhow(&claim(kind)), (1, Some(Http2Error::HeadTooLarge)), "type {kind}");
    }
    let mut side = Side::server();
    side.reads(&[&[0xff, 0xff, 0xff, 7, 0], &0_u32.to_be_bytes()[..]].concat());
    (0..256).for_each(|_| side.reads(&vec![0; 1 << 16]));
    assert_eq!((side.error, side.memory, side.events.len()), (None, 0, 1));
}

#[test]
fn a_block_in_pieces_costs_memory_only_until_it_is_told() {
    let mut side = Side::server();
    let block = literal("x", 10_000);
    let frames = [headers(0, &block[..5000]), continuation(END_HEADERS, &block[5000..])].concat();
    side.reads(&frames[..7000]);
    assert!(side.decoder.memory() > 5000);
    side.reads(&frames[7000..]);
    assert_eq!((side.decoder.memory(), side.events.len()), (0, 1));
    // A long path that comes coded leaves nothing behind, either.
    let mut coded = vec![0x04, 0xff];
    coded.extend(&string(5000)[1..]);
    coded.resize(coded.len() + 5000, 0);
    coded.pop();
    coded.push(0x07);
    side.reads(&headers(END_HEADERS, &coded));
    assert_eq!((side.decoder.memory(), side.error), (0, None));
}

/// What a gRPC client sends again and again: all but two fields from the table, and one that is new each time.
#[test]
fn a_header_block_costs_no_allocation() {
    let mut block = vec![0x83, 0x86, 0x44];
    block.extend(string(14));
    block.extend(b"/shop.Cart/Add");
    block.extend([0x5f, 16]);
    block.extend(b"application/grpc");
    let first = headers(END_HEADERS, &block);
    let traced = |count: u32| {
        let mut block = vec![0x83, 0x86, 0xbf, 0xbe, 0x40, 11];
        block.extend(b"traceparent");
        block.push(55);
        block.extend(format!("00-{count:032x}-{count:016x}-01").bytes());
        // Coded: `/a`.
        block.extend([0x04, 0x82, 0x60, 0xff]);
        headers(END_HEADERS, &block)
    };
    let mut decoder = Http2Decoder::server();
    let mut read = |mut input: &[u8]| {
        let mut told = 0;
        while let Some(step) = decoder.advance(input).ok().filter(|step| !step.needs_more()) {
            told += u32::from(matches!(step.event, Some(Http2Event::Headers { .. })));
            input = &input[step.consumed..];
        }
        told
    };
    assert_eq!(read(&first), 1);
    let frames: Vec<_> = (1..1000).map(traced).collect();
    // Until the table is full it may grow.
    assert_eq!(frames[..100].iter().map(|frame| read(frame)).sum::<u32>(), 100);
    let mut told = 0;
    let allocated = measure(|| told = frames[100..].iter().map(|frame| read(frame)).sum());
    assert_eq!((told, allocated.count_total), (899, 0));
}
