//! Walks through the body of a message by its schema, and can stop at every byte.

mod numbers;
mod state;

use numbers::{FIXED_BYTES, Numbers, signed};
use state::{Cursor, Lengthy, Level, OUTSIDE, State};

use super::records::{Records, split};
use super::schema::{Each, Field, Kind, Slot};
use super::{Ended, Partition, TopicId};
use crate::limits;
use crate::step::ByteClass;

/// How deep structures are within each other. The schemas are data of this crate, and a test measures them.
pub(super) const DEPTH: usize = 4;

/// The number that a tagged field of interest begins with.
const TAGGED_BYTES: u8 = 4;

/// The body is not what its schema says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// What became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing yet: more bytes will tell, or bytes of another class come next.
    Nothing,
    /// A text. It is in the input, from where to where, or else in [`Walker::text`].
    Text(Slot, Option<(usize, usize)>),
    /// The id of a topic.
    TopicId(TopicId),
    /// An error of a group.
    GroupError(i16),
    /// A partition.
    Partition(Partition),
    /// The schema is over.
    End,
    /// The body is not what its schema says.
    Malformed,
}

/// What was taken from the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) consumed: usize,
    pub(super) class: ByteClass,
    pub(super) found: Found,
}

#[derive(Debug)]
pub(super) struct Walker {
    state: State,
    /// The structures around the next field, outermost first.
    levels: [Level; DEPTH],
    depth: usize,
    version: i16,
    flexible: bool,
    numbers: Numbers,
    /// The front of a text, if it is not in the input as a whole.
    text: Vec<u8>,
    records: Records,
    partition: Partition,
    /// How many of its records a member of a share group is given, where that is told, and the offset from which on it is just
    /// being told.
    given: Option<u64>,
    given_from: i64,
    /// What the message said so far beside its topics.
    pub(super) ended: Ended,
}

impl Default for Walker {
    /// Owns no memory, and is behind a body.
    fn default() -> Self {
        Self {
            state: State::Over,
            levels: [OUTSIDE; DEPTH],
            depth: 0,
            version: 0,
            flexible: false,
            numbers: Numbers::default(),
            text: Vec::new(),
            records: Records::new(0),
            partition: Partition::default(),
            given: None,
            given_from: 0,
            ended: Ended::default(),
        }
    }
}

impl Walker {
    /// Begins a body, or a header. What was told of the message stays.
    pub(super) fn begin(&mut self, fields: &'static [Field], version: i16, flexible: bool) {
        self.state = State::Next;
        self.levels = [OUTSIDE; DEPTH];
        if let Some(level) = self.levels.first_mut() {
            *level = Level { fields, elements: 1, tagged: true, ..OUTSIDE };
        }
        self.depth = 1;
        self.version = version;
        self.flexible = flexible;
        self.numbers = Numbers::default();
        self.partition = Partition::default();
        self.given = None;
    }

    /// The text that was found, where it is not in the input.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Bytes of memory owned.
    pub(super) fn memory(&self) -> usize {
        self.text.capacity()
    }

    /// Takes bytes from the front of what is left of the message, or of the part of it that has come. Takes nothing and
    /// finds nothing only when it needs bytes and `input` has none.
    pub(super) fn advance(&mut self, input: &[u8], left: u32) -> Taken {
        if matches!(self.state, State::Records) && !self.records.is_over() {
            let mut rest = input;
            self.records.take(&mut rest);
            let consumed = input.len().saturating_sub(rest.len());
            return Taken { consumed, class: ByteClass::Body, found: Found::Nothing };
        }
        let mut cursor = Cursor { input, rest: input, left };
        let found = loop {
            match self.step(&mut cursor) {
                Ok(None) => {}
                Ok(Some(found)) => break found,
                Err(Malformed) => break Found::Malformed,
            }
        };
        Taken { consumed: cursor.at(), class: ByteClass::Framing, found }
    }

    /// Takes what the state wants. None where another state has its turn.
    fn step(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<Found>, Malformed> {
        const MORE: Result<Option<Found>, Malformed> = Ok(Some(Found::Nothing));
        match self.state {
            State::Over => return Ok(Some(Found::End)),
            State::Next => self.enter_next(cursor.left())?,
            State::ElementEnd => return Ok(self.end_element()),
            State::Fixed(length, slot) => {
                let Some(value) = self.numbers.fixed(&mut cursor.rest, length) else { return MORE };
                self.state = State::Next;
                if slot == Slot::TopicId {
                    return Ok(Some(Found::TopicId(value)));
                }
                self.store(slot, length, value);
                if slot == Slot::GroupError {
                    return Ok(Some(Found::GroupError(i16::try_from(signed(length, value)).unwrap_or(0))));
                }
            }
            State::Length(of) => {
                let Some(length) = self.length(&mut cursor.rest, of)? else { return MORE };
                return self.enter(of, length, cursor.left());
            }
            State::Text(missing, slot) => return Ok(Some(self.take_text(cursor, missing, slot))),
            State::Skip(missing) => {
                let missing = missing.saturating_sub(split(&mut cursor.rest, missing));
                if missing > 0 {
                    self.state = State::Skip(missing);
                    return MORE;
                }
                self.state = State::Next;
            }
            State::Records if self.records.is_over() => {
                (self.partition.records, self.partition.bytes) = (self.records.count, self.records.bytes);
                self.partition.next_offset = self.records.next_offset;
                self.state = State::Next;
            }
            // These bytes are of another class.
            State::Records => return MORE,
            State::TagCount => match self.numbers.varint(&mut cursor.rest)? {
                None => return MORE,
                Some(0) => return Ok(self.end_element()),
                Some(tags) => self.state = State::Tag(tags),
            },
            State::Tag(tags) => {
                let Some(tag) = self.numbers.varint(&mut cursor.rest)? else { return MORE };
                self.state = State::TagLength(tags.saturating_sub(1), self.tagged(tag));
            }
            State::TagLength(tags, slot) => {
                let Some(length) = self.numbers.varint(&mut cursor.rest)? else { return MORE };
                if length > cursor.left() {
                    return Err(Malformed);
                }
                self.state = match (slot, length.checked_sub(TAGGED_BYTES.into())) {
                    (Some(slot), Some(behind)) => State::TagNumber(slot, tags, behind),
                    _ => State::TagValue(tags, length),
                };
            }
            State::TagNumber(slot, tags, behind) => {
                let Some(value) = self.numbers.fixed(&mut cursor.rest, TAGGED_BYTES) else { return MORE };
                self.store(slot, TAGGED_BYTES, value);
                self.state = State::TagValue(tags, behind);
            }
            State::TagValue(tags, missing) => {
                let missing = missing.saturating_sub(split(&mut cursor.rest, missing));
                self.state = State::TagValue(tags, missing);
                match (missing, tags) {
                    (0, 0) => return Ok(self.end_element()),
                    (0, tags) => self.state = State::Tag(tags),
                    _ => return MORE,
                }
            }
            State::Presence(fields) => {
                let Some(marker) = self.numbers.fixed(&mut cursor.rest, 1) else { return MORE };
                self.state = State::Next;
                if signed(1, marker) >= 0 {
                    self.push(Level { fields, elements: 1, tagged: true, ..OUTSIDE })?;
                }
            }
        }
        Ok(None)
    }

    /// Where the value of this tagged field of the innermost structure goes.
    fn tagged(&self, tag: u32) -> Option<Slot> {
        let level = self.depth.checked_sub(1).and_then(|top| self.levels.get(top))?;
        level.fields.iter().filter(|field| field.is_in(self.version)).find_map(|field| match field.kind {
            Kind::Tagged(number, slot) if number == tag => Some(slot),
            _ => None,
        })
    }

    fn take_text(&mut self, cursor: &mut Cursor<'_>, missing: u32, slot: Slot) -> Found {
        let from = cursor.at();
        let missing = missing.saturating_sub(split(&mut cursor.rest, missing));
        let to = cursor.at();
        self.state = if missing > 0 { State::Text(missing, slot) } else { State::Next };
        if missing == 0 && self.text.is_empty() {
            return Found::Text(slot, Some((from, to)));
        }
        let piece = cursor.input.get(from..to).unwrap_or_default();
        let room = limits::KAFKA_TEXT_BYTES.saturating_sub(self.text.len());
        self.text.extend_from_slice(piece.get(..room).unwrap_or(piece));
        if missing > 0 { Found::Nothing } else { Found::Text(slot, None) }
    }

    /// Turns to the next field that this version has.
    fn enter_next(&mut self, left: u32) -> Result<(), Malformed> {
        let version = self.version;
        let Some(level) = self.depth.checked_sub(1).and_then(|top| self.levels.get_mut(top)) else {
            self.state = State::Over;
            return Ok(());
        };
        let behind = level.fields.get(level.next..).unwrap_or_default();
        let Some(at) = behind.iter().position(|field| field.is_in(version)) else {
            self.state = if level.tagged && self.flexible { State::TagCount } else { State::ElementEnd };
            return Ok(());
        };
        level.next = level.next.saturating_add(at).saturating_add(1);
        let Some(field) = behind.get(at) else { return Err(Malformed) };
        self.state = match field.kind {
            Kind::Fixed(length, slot) => State::Fixed(length, slot),
            Kind::Text(slot) => State::Length(Lengthy::Text(slot)),
            Kind::LongText(slot) => State::Length(Lengthy::LongText(slot)),
            Kind::Bytes => State::Length(Lengthy::Bytes),
            Kind::Records => State::Length(Lengthy::Records),
            Kind::Array(fields, each) => State::Length(Lengthy::Array { fields, each, tagged: true }),
            Kind::Bare(fields, each) => State::Length(Lengthy::Array { fields, each, tagged: false }),
            Kind::Structure(fields) => {
                self.push(Level { fields, elements: 1, tagged: true, ..OUTSIDE })?;
                State::Next
            }
            Kind::Optional(fields) => State::Presence(fields),
            Kind::Tagged(..) => State::Next,
            Kind::RestOfError if self.ended.error_code == 0 => State::Next,
            Kind::Rest | Kind::RestOfError => {
                self.depth = 0;
                if left > 0 { State::Skip(left) } else { State::Over }
            }
        };
        Ok(())
    }

    /// Turns to what stands behind a length: nothing where it is absent.
    fn enter(&mut self, of: Lengthy, length: Option<u32>, left: u32) -> Result<Option<Found>, Malformed> {
        let length = length.unwrap_or(0);
        // Each element takes a byte at least.
        if length > left {
            return Err(Malformed);
        }
        self.state = State::Next;
        match of {
            Lengthy::Text(slot) | Lengthy::LongText(slot) if slot != Slot::Skip => {
                self.text.clear();
                if length == 0 {
                    return Ok(Some(Found::Text(slot, None)));
                }
                self.state = State::Text(length, slot);
            }
            _ if length == 0 => {}
            Lengthy::Text(_) | Lengthy::LongText(_) | Lengthy::Bytes => self.state = State::Skip(length),
            Lengthy::Records => {
                self.records = Records::new(length);
                self.state = State::Records;
            }
            Lengthy::Array { fields: [Field { kind: Kind::Fixed(size, Slot::Skip), .. }], tagged: false, .. } => {
                let size = length.checked_mul(u32::from(*size)).filter(|size| *size <= left).ok_or(Malformed)?;
                self.state = State::Skip(size);
            }
            Lengthy::Array { fields, each, tagged } => {
                self.push(Level { fields, next: 0, elements: length, each, tagged })?;
            }
        }
        Ok(None)
    }

    fn push(&mut self, level: Level) -> Result<(), Malformed> {
        *self.levels.get_mut(self.depth).ok_or(Malformed)? = level;
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }

    /// The innermost structure is over.
    fn end_element(&mut self) -> Option<Found> {
        self.state = State::Next;
        let top = self.depth.saturating_sub(1);
        let level = self.levels.get_mut(top)?;
        level.next = 0;
        level.elements = level.elements.saturating_sub(1);
        let each = level.each;
        if level.elements == 0 {
            self.depth = top;
        }
        (each == Each::Partition).then(|| {
            let mut partition = std::mem::take(&mut self.partition);
            // Whole batches are carried, whatever of them is given.
            partition.records = self.given.take().map_or(partition.records, |given| given.min(partition.records));
            Found::Partition(partition)
        })
    }

    /// A length once it is in: absent where that is what it says.
    #[expect(clippy::option_option, reason = "whether it has come, and whether there is one")]
    fn length(&mut self, rest: &mut &[u8], of: Lengthy) -> Result<Option<Option<u32>>, Malformed> {
        let size = match of {
            Lengthy::LongText(_) => 2,
            _ if self.flexible => return Ok(self.numbers.varint(rest)?.map(|length| length.checked_sub(1))),
            Lengthy::Text(_) => 2,
            _ => 4,
        };
        let Some(value) = self.numbers.fixed(rest, size) else { return Ok(None) };
        match signed(size, value) {
            -1 => Ok(Some(None)),
            length => u32::try_from(length).map(|length| Some(Some(length))).map_err(|_negative| Malformed),
        }
    }

    fn store(&mut self, slot: Slot, length: u8, value: [u8; FIXED_BYTES]) {
        if slot == Slot::Skip {
            return;
        }
        let value = signed(length, value);
        let (of16, of32) = (i16::try_from(value).unwrap_or(0), i32::try_from(value).unwrap_or(0));
        match slot {
            Slot::Acks => self.ended.acks = Some(of16),
            Slot::Commits => self.ended.commits = value != 0,
            Slot::CoordinatorKind => self.ended.coordinator_kind = i8::try_from(value).ok(),
            Slot::Error | Slot::GroupError => self.tell_error(of16),
            Slot::GivenFrom => self.given_from = value,
            Slot::GivenTo => {
                let last = value.saturating_sub(self.given_from);
                let given = u64::try_from(last).map_or(0, |last| last.saturating_add(1));
                self.given = Some(self.given.unwrap_or(0).saturating_add(given));
            }
            Slot::HighWatermark => self.partition.high_watermark = Some(value),
            Slot::Index => self.partition.index = of32,
            Slot::MaxWait => self.ended.max_wait_ms = Some(of32),
            Slot::MinBytes => self.ended.min_bytes = Some(of32),
            Slot::Offset => self.partition.offset = Some(value),
            Slot::PartitionError => {
                self.partition.error_code = of16;
                self.tell_error(of16);
            }
            Slot::ProducerEpoch => self.ended.producer_epoch = Some(of16),
            Slot::ProducerId => self.ended.producer_id = Some(value),
            Slot::Replica => self.ended.is_replica = value >= 0,
            Slot::Timestamp => self.partition.timestamp = Some(value),
            Slot::Throttle => self.ended.throttle_ms = Some(of32),
            Slot::TransactionTimeout => self.ended.transaction_timeout_ms = Some(of32),
            Slot::Skip
            | Slot::ClientId
            | Slot::ClusterId
            | Slot::Group
            | Slot::Topic
            | Slot::TopicId
            | Slot::TransactionalId => {}
        }
    }

    fn tell_error(&mut self, code: i16) {
        if self.ended.error_code == 0 {
            self.ended.error_code = code;
        }
    }
}
