//! Our reading of header blocks beside that of an independent decoder.

use std::collections::HashSet;

use flowfold_wire::http2::GrpcContentType;
use flowfold_wire::http2::Http2Error;
use flowfold_wire::http2::hpack::{Block, Name, Table, Value};
use flowfold_wire::limits;
use loona_hpack::Decoder;

/// A field in plain text.
pub(crate) type Field = (Vec<u8>, Vec<u8>);

/// Two decoders of one direction.
pub(crate) struct Pair {
    pub(crate) table: Table,
    theirs: Decoder<'static>,
}

impl Pair {
    /// At the start of a connection.
    pub(crate) fn new() -> Self {
        let mut theirs = Decoder::new();
        theirs.set_max_allowed_table_size(limits::HEADER_TABLE_BYTES);
        Self { table: Table::default(), theirs }
    }

    /// Reads a block with both, and compares all that ours knows of its fields: the names and values of interest, and
    /// the size of every field. None where the block can't be read, by theirs or by both.
    pub(crate) fn read(&mut self, block: &[u8]) -> Option<Vec<Field>> {
        let theirs = self.theirs.decode(block);
        let mut reader = Block::new(block);
        let mut scratch = Vec::new();
        let mut ours = Vec::new();
        let end = loop {
            match reader.next(&mut self.table, &mut scratch) {
                Ok(Some(line)) => ours.push(line),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let theirs = theirs.ok()?;
        if end == Err(Http2Error::MalformedHead) && is_late_resize(block, reader.rest()) {
            // RFC 7541 section 4.2 has size updates at the start of a block; the other decoder takes them anywhere.
            return None;
        }
        assert_eq!(end, Ok(()), "{block:02x?} is {theirs:?}");
        assert_eq!(ours.len(), theirs.len(), "{block:02x?} is {theirs:?}");
        let mut known = HashSet::new();
        for (line, (name, value)) in ours.iter().zip(&theirs) {
            assert_eq!(line.name, Name::of_plain(name));
            assert_eq!(line.size(), Ok(name.len() + value.len() + 32), "{name:?}: {value:?}");
            assert!(line.cost() <= block.len() + name.len() + value.len() + 32);
            let is_repeated = !known.insert(name) && matches!(line.value, Value::Nothing);
            let is_meant = is_repeated || is_meant(line.name, line.value, value, &scratch);
            assert!(is_meant, "{name:?}: {value:?} is {line:?}");
        }
        Some(theirs)
    }

    /// Compares what is in the tables. The other decoder tells the entries of its table when asked for their indices,
    /// which takes its time.
    pub(crate) fn compare_tables(&mut self) {
        let ours: Vec<_> = self.table.geometry().collect();
        let behind = 62 + ours.len();
        let theirs = self.theirs.decode(&(62..behind).flat_map(indexed).collect::<Vec<_>>()).expect("as many entries");
        assert!(self.theirs.decode(&indexed(behind)).is_err(), "an entry more");
        for ((name, name_length, value_length), (their_name, their_value)) in ours.iter().zip(&theirs) {
            assert_eq!(*name, Name::of_plain(their_name));
            assert_eq!((*name_length, *value_length), (their_name.len(), their_value.len()), "{their_name:?}");
        }
        assert_eq!(self.table.size(), ours.iter().map(|(_, name, value)| name + value + 32).sum::<usize>());
        assert!(self.table.size() <= self.table.most());
    }
}

/// The field at an index, on the wire.
fn indexed(index: usize) -> Vec<u8> {
    loona_hpack::encoder::encode_integer(index, 7)
        .into_iter()
        .enumerate()
        .map(|(at, byte)| if at == 0 { byte | 0x80 } else { byte })
        .collect()
}

/// Whether reading stopped at a size update.
fn is_late_resize(block: &[u8], rest: &[u8]) -> bool {
    let at = (block.len() - rest.len()).checked_sub(1);
    at.is_some_and(|at| at > 0 && block[at] & 0xe0 == 0x20)
}

/// Whether a value was understood as this one.
fn is_meant(name: Name, value: Value<'_>, text: &[u8], scratch: &[u8]) -> bool {
    let number = |most: usize| {
        let digits = str::from_utf8(text).ok().filter(|text| text.len() <= most && !text.starts_with(['+', '-']));
        digits.and_then(|digits| digits.parse::<u32>().ok())
    };
    match (name, value) {
        (Name::Scheme, Value::Https(https)) => https == text.eq_ignore_ascii_case(b"https"),
        (Name::Status, Value::Status(status)) => text.len() == 3 && number(3) == Some(u32::from(status)),
        (Name::Status, Value::Nothing) => text.len() != 3 || number(3).is_none(),
        (Name::ContentType, Value::Grpc(kind)) => GrpcContentType::read(text) == Some(kind),
        (Name::ContentType, Value::Nothing) => GrpcContentType::read(text).is_none(),
        (Name::GrpcStatus, Value::GrpcStatus(status)) => number(9) == Some(status),
        (Name::GrpcStatus, Value::Nothing) => number(9).is_none(),
        (Name::Scheme | Name::Status | Name::ContentType | Name::GrpcStatus, _) => false,
        (Name::Other, value) => matches!(value, Value::Nothing),
        (_, Value::Text(kept)) => kept.resolve(scratch) == text.get(..limits::TEXT_BYTES).unwrap_or(text),
        _ => false,
    }
}
