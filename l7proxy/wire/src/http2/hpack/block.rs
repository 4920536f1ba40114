//! A header block, field by field (RFC 7541 sections 3 and 6).

use super::huffman::Coded;
use super::kept::{self, Kept};
use super::static_table::{self, StaticField};
use super::table::{self, ENTRY_BYTES, Entry, NewValue, Table};
use super::{Name, integer};
use crate::grpc::GrpcContentType;
use crate::http2::Http2Error;

/// What is left of a whole header block.
#[derive(Debug)]
pub struct Block<'a> {
    rest: &'a [u8],
    /// A field was read: from here on the size of the table stays.
    began: bool,
    /// A bit for each name whose value was copied from the table.
    copied: u16,
}

/// A field of a header block.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its name.
    pub name: Name,
    /// Its value, as far as it is of interest.
    pub value: Value<'a>,
    name_length: Length<'a>,
    value_length: Length<'a>,
}

/// The value of a field.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// The name has no meaning, or the value none for the name; or the field came from the dynamic table for a second
    /// time, and would have been copied again.
    Nothing,
    /// Whether `:scheme` is `https`.
    Https(bool),
    /// The value of `:status`.
    Status(u16),
    /// The value of `content-type`, where it is one of gRPC.
    Grpc(GrpcContentType),
    /// The value of `grpc-status`.
    GrpcStatus(u32),
    /// The value of any other name with a meaning, up to [`TEXT_BYTES`](crate::limits::TEXT_BYTES).
    Text(Text<'a>),
}

/// Where a text lies.
#[derive(Clone, Copy, Debug)]
pub enum Text<'a> {
    /// In the block, or in the static table.
    Plain(&'a [u8]),
    /// In the scratch, from one place to another.
    Scratch(usize, usize),
}

impl<'a> Text<'a> {
    /// The text itself.
    pub fn resolve(self, scratch: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Plain(text) => text,
            Self::Scratch(start, end) => scratch.get(start..end).unwrap_or_default(),
        }
    }
}

/// The length of a name or a value.
#[derive(Clone, Copy, Debug)]
enum Length<'a> {
    Known(usize),
    /// Of a string that nobody decoded.
    Coded(Coded<'a>),
}

impl Length<'_> {
    fn exact(self) -> Result<usize, Http2Error> {
        match self {
            Self::Known(length) => Ok(length),
            Self::Coded(coded) => coded.decoded_length(),
        }
    }

    fn estimate(self) -> usize {
        match self {
            Self::Known(length) => length,
            Self::Coded(coded) => coded.0.len(),
        }
    }
}

impl Line<'_> {
    /// The size of the field as RFC 7541 section 4.1 counts. Strings that were skipped are decoded for it.
    pub fn size(&self) -> Result<usize, Http2Error> {
        Ok(self.name_length.exact()?.saturating_add(self.value_length.exact()?).saturating_add(ENTRY_BYTES))
    }

    /// The same, but for strings that were skipped: these count as they were on the wire.
    pub fn cost(&self) -> usize {
        self.name_length.estimate().saturating_add(self.value_length.estimate()).saturating_add(ENTRY_BYTES)
    }
}

/// A string as it is on the wire (RFC 7541 section 5.2).
#[derive(Clone, Copy, Debug)]
enum Wire<'a> {
    Plain(&'a [u8]),
    Coded(Coded<'a>),
}

impl<'a> Wire<'a> {
    fn length(self) -> Length<'a> {
        match self {
            Self::Plain(text) => Length::Known(text.len()),
            Self::Coded(coded) => Length::Coded(coded),
        }
    }
}

impl<'a> Block<'a> {
    /// A block from its first byte to its last.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, began: false, copied: 0 }
    }

    /// Reads the next field. None behind the last one.
    ///
    /// Texts that are not in plain in the block are appended to the scratch.
    #[inline]
    pub fn next(&mut self, table: &mut Table, scratch: &mut Vec<u8>) -> Result<Option<Line<'a>>, Http2Error> {
        while let Some((&first, behind)) = self.rest.split_first() {
            self.rest = behind;
            if first & 0xe0 == 0x20 {
                if self.began {
                    return Err(Http2Error::MalformedHead);
                }
                table.resize(self.integer(first, 0x1f)?)?;
                continue;
            }
            self.began = true;
            let line = match first {
                0x80.. => {
                    let index = self.integer(first, 0x7f)?;
                    self.indexed(index, table, scratch)
                }
                0x40.. => self.literal(first, 0x3f, true, table, scratch),
                // Never to be indexed, or just not: that differs for those who pass fields on.
                _ => self.literal(first, 0x0f, false, table, scratch),
            };
            return line.map(Some);
        }
        Ok(None)
    }

    /// What was not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn integer(&mut self, first: u8, mask: u8) -> Result<u32, Http2Error> {
        integer::read(first, mask, &mut self.rest)
    }

    fn string(&mut self) -> Result<Wire<'a>, Http2Error> {
        let (&first, behind) = self.rest.split_first().ok_or(Http2Error::MalformedHead)?;
        self.rest = behind;
        let length = usize::try_from(self.integer(first, 0x7f)?).unwrap_or(usize::MAX);
        let (string, behind) = self.rest.split_at_checked(length).ok_or(Http2Error::MalformedHead)?;
        self.rest = behind;
        Ok(if first < 0x80 { Wire::Plain(string) } else { Wire::Coded(Coded(string)) })
    }

    /// The field at an index of both tables.
    #[inline]
    fn indexed(&mut self, index: u32, table: &Table, scratch: &mut Vec<u8>) -> Result<Line<'a>, Http2Error> {
        if let Some(StaticField { name, name_length, value }) = static_table::field(index) {
            let value_length = Length::Known(value.len());
            let value = if kept::keeps_bytes(*name) {
                Value::Text(Text::Plain(value))
            } else {
                value_of(kept::meaning(*name, value))
            };
            return Ok(Line { name: *name, value, name_length: Length::Known(*name_length), value_length });
        }
        let entry = dynamic(index, table)?;
        let value = match entry.kept {
            Kept::Bytes(_) if self.copied & bit(entry.name) != 0 => Value::Nothing,
            Kept::Bytes(at) => {
                self.copied |= bit(entry.name);
                let start = scratch.len();
                table.copy_value(at, entry.text_length(), scratch);
                Value::Text(Text::Scratch(start, scratch.len()))
            }
            kept => value_of(kept),
        };
        let (name_length, value_length) = (Length::Known(entry.name_length()), Length::Known(entry.value_length()));
        Ok(Line { name: entry.name, value, name_length, value_length })
    }

    fn literal(
        &mut self,
        first: u8,
        mask: u8,
        is_added: bool,
        table: &mut Table,
        scratch: &mut Vec<u8>,
    ) -> Result<Line<'a>, Http2Error> {
        let (name, name_length) = match self.integer(first, mask)? {
            0 => match self.string()? {
                Wire::Plain(text) => (Name::of_plain(text), Length::Known(text.len())),
                Wire::Coded(coded) => (Name::of_coded(coded), Length::Coded(coded)),
            },
            index => named(index, table)?,
        };
        let wire = self.string()?;
        if name == Name::Other {
            if !is_added {
                return Ok(Line { name, value: Value::Nothing, name_length, value_length: wire.length() });
            }
            let (name_length, value_length) = (name_length.exact()?, wire.length().exact()?);
            table.insert(name, name_length, NewValue::Meaning(Kept::Nothing, value_length));
            let (name_length, value_length) = (Length::Known(name_length), Length::Known(value_length));
            return Ok(Line { name, value: Value::Nothing, name_length, value_length });
        }
        let start = scratch.len();
        if let Wire::Coded(coded) = wire {
            coded.decode_into(scratch)?;
        }
        let text = match wire {
            Wire::Plain(text) => text,
            Wire::Coded(_) => scratch.get(start..).unwrap_or_default(),
        };
        let (length, is_kept) = (text.len(), kept::keeps_bytes(name));
        let meaning = if is_kept { Kept::Nothing } else { kept::meaning(name, text) };
        if is_added {
            let value = if is_kept { NewValue::Bytes(text) } else { NewValue::Meaning(meaning, length) };
            table.insert(name, name_length.exact()?, value);
        }
        let value = match wire {
            _ if !is_kept => {
                scratch.truncate(start);
                value_of(meaning)
            }
            Wire::Plain(text) => Value::Text(Text::Plain(table::text(text))),
            Wire::Coded(_) => {
                let end = start.saturating_add(table::text(text).len());
                scratch.truncate(end);
                Value::Text(Text::Scratch(start, end))
            }
        };
        Ok(Line { name, value, name_length, value_length: Length::Known(length) })
    }
}

/// The name at an index of both tables.
fn named<'a>(index: u32, table: &Table) -> Result<(Name, Length<'a>), Http2Error> {
    if let Some(field) = static_table::field(index) {
        return Ok((field.name, Length::Known(field.name_length)));
    }
    dynamic(index, table).map(|entry| (entry.name, Length::Known(entry.name_length())))
}

fn dynamic(index: u32, table: &Table) -> Result<Entry, Http2Error> {
    index.checked_sub(static_table::COUNT + 1).and_then(|index| table.entry(index)).ok_or(Http2Error::MalformedHead)
}

/// The bit of a name.
fn bit(name: Name) -> u16 {
    1_u16.wrapping_shl(name as u32)
}

fn value_of<'a>(kept: Kept) -> Value<'a> {
    match kept {
        Kept::Nothing | Kept::Bytes(_) => Value::Nothing,
        Kept::Https(https) => Value::Https(https),
        Kept::Status(status) => Value::Status(status),
        Kept::Grpc(kind) => Value::Grpc(kind),
        Kept::GrpcStatus(status) => Value::GrpcStatus(status),
    }
}
