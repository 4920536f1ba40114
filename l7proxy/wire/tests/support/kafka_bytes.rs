//! Bodies of messages, made up from the schemas that the decoder walks by.

use flowfold_wire::kafka::body_of;
use flowfold_wire::kafka::schema::{Field, Kind};

/// Decides what a body has, from random bytes. All zeros once they are used up: the least that there can be.
pub(crate) struct Choices<'a>(pub(crate) &'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, limit: u8) -> usize {
        usize::from(self.byte() % limit)
    }
}

/// Makes up the records of a field.
pub(crate) type Records<'a> = &'a dyn Fn(&mut Choices<'_>) -> Vec<u8>;

/// A body of this version. Absent where nobody knows it.
pub(crate) fn body(
    (api_key, version, request): (i16, i16, bool),
    choices: &mut Choices<'_>,
    records: Records<'_>,
) -> Option<Vec<u8>> {
    let (fields, flexible) = body_of(api_key, version, request)?;
    let mut writer = Writer { version, flexible, choices, records, out: Vec::new() };
    writer.structure(fields, true);
    Some(writer.out)
}

/// A number as a varint.
pub(crate) fn varint(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).expect("seven bits"));
    out
}

/// Tagged fields: some of these, whose values are a number, one of eight bytes, and no tagged fields; and some that no
/// schema knows.
pub(crate) fn tags(known: &[u32], choices: &mut Choices<'_>) -> Vec<u8> {
    let known: Vec<_> = known.iter().filter(|_| choices.below(2) == 1).collect();
    let count = choices.below(3);
    let mut out = varint(known.len() + count);
    for tag in known {
        out.extend(varint(usize::try_from(*tag).expect("small")));
        out.push(13);
        out.extend((0..12).map(|_| choices.byte()));
        out.push(0);
    }
    for tag in 0..count {
        let length = choices.below(140);
        out.extend(varint(10_000 + tag));
        out.extend(varint(length));
        out.extend(std::iter::repeat_n(b't', length));
    }
    out
}

struct Writer<'a, 'b> {
    version: i16,
    flexible: bool,
    choices: &'a mut Choices<'b>,
    records: Records<'a>,
    out: Vec<u8>,
}

impl Writer<'_, '_> {
    fn structure(&mut self, fields: &[Field], tagged: bool) {
        let version = self.version;
        for field in fields.iter().filter(|field| (field.since..=field.until).contains(&version)) {
            self.field(field.kind);
        }
        if tagged && self.flexible {
            let known: Vec<u32> = fields
                .iter()
                .filter(|field| (field.since..=field.until).contains(&version))
                .filter_map(|field| match field.kind {
                    Kind::Tagged(number, _) => Some(number),
                    _ => None,
                })
                .collect();
            let tags = tags(&known, self.choices);
            self.out.extend(tags);
        }
    }

    fn field(&mut self, kind: Kind) {
        match kind {
            Kind::Fixed(1, _) => {
                let value = self.choices.byte() & 1;
                self.out.push(value);
            }
            Kind::Fixed(length, _) => {
                let value: Vec<u8> = (0..length).map(|_| self.choices.byte()).collect();
                self.out.extend(value);
            }
            Kind::Text(_) | Kind::LongText(_) => {
                let text = self.text();
                self.length(text.len(), 2);
                self.out.extend(text);
            }
            Kind::Bytes => {
                let length = self.choices.below(200);
                self.length(length, 4);
                self.out.extend(std::iter::repeat_n(b'b', length));
            }
            Kind::Records => {
                let records = (self.records)(self.choices);
                self.length(records.len(), 4);
                self.out.extend(records);
            }
            Kind::Array(fields, _) | Kind::Bare(fields, _) => {
                let count = self.choices.below(4);
                self.length(count, 4);
                for _ in 0..count {
                    self.structure(fields, matches!(kind, Kind::Array(..)));
                }
            }
            Kind::Structure(fields) => self.structure(fields, true),
            Kind::Optional(fields) => {
                let is_there = self.choices.byte() & 1 == 1;
                self.out.push(if is_there { 1 } else { 0xff });
                if is_there {
                    self.structure(fields, true);
                }
            }
            Kind::Tagged(..) | Kind::Rest | Kind::RestOfError => {}
        }
    }

    fn text(&mut self) -> Vec<u8> {
        let length = match self.choices.byte() {
            choice @ 250.. => usize::from(choice) + 10,
            choice => usize::from(choice % 30),
        };
        (0..length).map(|_| b'a' + self.choices.byte() % 26).collect()
    }

    fn length(&mut self, length: usize, bytes: usize) {
        if self.flexible {
            self.out.extend(varint(length + 1));
        } else {
            let length = u64::try_from(length).expect("short").to_be_bytes();
            self.out.extend(&length[length.len() - bytes..]);
        }
    }
}
