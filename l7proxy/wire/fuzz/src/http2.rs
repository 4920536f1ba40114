//! The targets of HTTP/2, HPACK and gRPC.

use flowfold_wire::http2::{GrpcContentType, GrpcMessages};
use flowfold_wire::limits;

use crate::hpack_pair::Pair;
use crate::http2_side::Side;
use crate::pieces;

/// A client's bytes behind its preface, in whatever pieces, say the same.
pub fn client(data: &[u8]) {
    let Some((&seed, stream)) = data.split_first() else { return };
    let stream = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", stream].concat();
    compare(Side::client, &stream, seed);
}

/// A server's bytes, in whatever pieces, say the same.
pub fn server(data: &[u8]) {
    let Some((&seed, stream)) = data.split_first() else { return };
    compare(Side::server, stream, seed);
}

fn compare(side: fn() -> Side, stream: &[u8], seed: u8) {
    let whole = side().reads_all([stream]);
    for pieces in [pieces(stream, seed), stream.chunks(1).collect()] {
        let cut = side().reads_all(pieces);
        assert_eq!(whole.events, cut.events);
        assert!(whole.error.is_some() || whole.totals == cut.totals);
        // A block being gathered, the table with its values, and the texts of the block; each may have room to grow.
        let most = 2 * (limits::HEADER_BLOCK_BYTES + 2 * limits::HEADER_TABLE_BYTES + limits::HEADER_LIST_BYTES);
        assert!(cut.memory <= most, "{}", cut.memory);
        // What memory there is depends on the input: nothing is believed.
        assert!(cut.memory <= 1024 + 64 * stream.len(), "{} of {}", cut.memory, stream.len());
    }
}

/// Blocks of one direction are read as an independent decoder reads them. Each block has its length in front.
pub fn hpack(data: &[u8]) {
    let mut pair = Pair::new();
    let mut rest = data;
    while let Some((&length, behind)) = rest.split_first() {
        let (block, behind) = behind.split_at(usize::from(length).min(behind.len()));
        let read = pair.read(block);
        if read.is_some() {
            pair.compare_tables();
        } else {
            return;
        }
        rest = behind;
    }
}

/// The messages of content, in whatever pieces, are the same, and those of gRPC are what a plain loop over it finds.
pub fn grpc_messages(data: &[u8]) {
    let Some((&seed, content)) = data.split_first() else { return };
    for kind in [GrpcContentType::Grpc, GrpcContentType::Web, GrpcContentType::WebText] {
        let whole = count(kind, &[content]);
        assert_eq!(whole, count(kind, &pieces(content, seed)));
        assert_eq!(whole, count(kind, &content.chunks(1).collect::<Vec<_>>()));
        if kind == GrpcContentType::Grpc {
            let (mut rest, mut found, mut bytes) = (content, 0, 0);
            while let [_, a, b, c, d, behind @ ..] = rest {
                let length = u32::from_be_bytes([*a, *b, *c, *d]);
                let Some(behind) = behind.get(length as usize..) else { break };
                (rest, found, bytes) = (behind, found + 1, bytes + u64::from(length));
            }
            assert_eq!(whole, (found, bytes, !content.is_empty(), rest.is_empty(), None));
        }
    }
}

fn count(kind: GrpcContentType, pieces: &[&[u8]]) -> (u64, u64, bool, bool, Option<u32>) {
    let mut messages = GrpcMessages::new(kind);
    pieces.iter().for_each(|piece| messages.read(piece));
    (messages.count(), messages.bytes(), messages.began(), messages.is_whole(), messages.web_status())
}
