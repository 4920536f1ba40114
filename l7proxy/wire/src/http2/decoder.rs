//! One direction of a connection.

use super::assembly::{About, Assembly};
use super::frame::{Frame, HEADER_BYTES, Kind};
use super::hpack::Table;
use super::{ByteClass, End, Fields, Http2Error, Http2Event, Step};
use crate::limits;
use crate::sniff::HTTP2_PREFACE;

/// Reads along with one direction of an HTTP/2 connection.
///
/// What it says depends on nothing but the bytes of this direction: the size of the header table is what the encoder says
/// in its header blocks, because settings only allow what these then announce.
#[derive(Debug)]
pub struct Http2Decoder {
    state: State,
    frame: Frame,
    /// The front of a frame header, or of a payload that is read whole.
    gathered: [u8; HEADER_BYTES],
    assembly: Assembly,
    /// A block was told, and is borrowed no more.
    told: bool,
    table: Table,
    /// Texts of the last block that were not in plain in it.
    scratch: Vec<u8>,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The preface, of which so many bytes came.
    Preface(usize),
    /// A frame header, of which so many bytes came.
    Header(usize),
    /// A payload that is of no interest, of which so many bytes are left.
    Skipped(u32),
    /// The payload of `RST_STREAM` or GOAWAY, of which so many bytes came.
    Short(usize),
    /// The length of the padding of a DATA frame.
    PadLength,
    /// The content of a DATA frame.
    Content {
        /// Bytes left.
        left: u32,
        /// Bytes of padding behind it.
        padding: u32,
    },
    /// The padding of a DATA frame, of which so many bytes are left. The end of the frame is still to tell.
    Padding(u32),
    /// The payload of a frame with a header block, of which so many bytes are left.
    Block(u32),
}

const BETWEEN: State = State::Header(0);

/// What became known with what is around content and heads. Small, because this is passed on for every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    DataEnd,
    Reset(u32),
    GoAway(u32, u32),
}

impl Http2Decoder {
    /// The client's direction, from its preface (RFC 9113 section 3.4) on. Owns no memory.
    pub fn client() -> Self {
        Self::new(State::Preface(0))
    }

    /// The server's direction, from its first frame on. Owns no memory.
    pub fn server() -> Self {
        Self::new(BETWEEN)
    }

    fn new(state: State) -> Self {
        Self {
            state,
            frame: Frame::default(),
            gathered: [0; HEADER_BYTES],
            assembly: Assembly::default(),
            told: false,
            table: Table::default(),
            scratch: Vec::new(),
        }
    }

    /// Takes bytes from the front of `input` and says what they are. Takes nothing and tells nothing only when `input`
    /// is empty: see [`Step::needs_more`].
    ///
    /// After an error the decoder must not be used further.
    pub fn advance<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<Http2Event<'a>>, Http2Error> {
        if self.told {
            self.told = false;
            self.assembly.free();
            if self.scratch.capacity() > limits::KEPT_SCRATCH_BYTES {
                self.scratch = Vec::new();
            }
        }
        let (consumed, told) = self.take_framing(input)?;
        let stream = self.frame.stream;
        let event = match told {
            Told::Nothing if consumed > 0 => None,
            Told::Nothing => return self.take_content(input),
            Told::DataEnd => {
                let (end_stream, wire_bytes) = (self.frame.ends_stream(), self.frame.wire_bytes());
                Some(Http2Event::DataEnd { stream, end_stream, wire_bytes })
            }
            Told::Reset(code) => Some(Http2Event::Reset { stream, code }),
            Told::GoAway(last_stream, code) => Some(Http2Event::GoAway { last_stream, code }),
        };
        Ok(Step { consumed, class: ByteClass::Framing, event })
    }

    /// The direction was closed. What that means for the frame or header block under way. Of streams this says nothing.
    pub fn finish(&self) -> End {
        if self.is_between_frames() || self.state == State::Preface(0) { End::Clean } else { End::Truncated }
    }

    /// Behind a frame, or the preface, and not within a header block.
    pub fn is_between_frames(&self) -> bool {
        self.state == BETWEEN && !self.assembly.is_open()
    }

    /// Bytes of memory owned, beside the decoder itself.
    pub fn memory(&self) -> usize {
        self.table.memory().saturating_add(self.assembly.memory()).saturating_add(self.scratch.capacity())
    }

    /// Takes what is around content and heads, up to the first event, content or head.
    fn take_framing(&mut self, input: &[u8]) -> Result<(usize, Told), Http2Error> {
        let mut rest = input;
        let mut told = Told::Nothing;
        while told == Told::Nothing {
            match self.state {
                State::Padding(left) => {
                    let left = skip(&mut rest, left);
                    self.state = State::Padding(left);
                    if left > 0 {
                        break;
                    }
                    self.state = BETWEEN;
                    told = Told::DataEnd;
                }
                State::Content { .. } | State::Block(_) => break,
                _ if rest.is_empty() => break,
                State::Preface(came) => self.state = preface(&mut rest, came)?,
                State::Header(came) => {
                    if let Some(header) = self.gather(&mut rest, came, HEADER_BYTES) {
                        self.state = self.begin_frame(header)?;
                    }
                }
                State::Skipped(left) => {
                    let left = skip(&mut rest, left);
                    self.state = if left > 0 { State::Skipped(left) } else { BETWEEN };
                }
                State::Short(came) => told = self.take_short(&mut rest, came),
                State::PadLength => {
                    let (&byte, behind) = rest.split_first().unwrap_or((&0, &[]));
                    rest = behind;
                    let (content, padding) = (self.frame.length.saturating_sub(1), u32::from(byte));
                    let left = content.checked_sub(padding).ok_or(Http2Error::MalformedFrame)?;
                    self.state = behind_content(left, padding);
                }
            }
        }
        Ok((input.len().saturating_sub(rest.len()), told))
    }

    /// Gathers bytes up to a length. Returns them, in front of zeros, once they are all in.
    fn gather(&mut self, rest: &mut &[u8], came: usize, length: usize) -> Option<[u8; HEADER_BYTES]> {
        if came == 0
            && length == HEADER_BYTES
            && let Some((whole, behind)) = rest.split_first_chunk()
        {
            *rest = behind;
            return Some(*whole);
        }
        let (taken, behind) = rest.split_at_checked(length.saturating_sub(came)).unwrap_or((rest, &[]));
        let room = self.gathered.iter_mut().skip(came);
        room.zip(taken).for_each(|(slot, byte)| *slot = *byte);
        *rest = behind;
        let came = came.saturating_add(taken.len());
        if came == length {
            return Some(std::mem::take(&mut self.gathered));
        }
        self.state = match self.state {
            State::Short(_) => State::Short(came),
            _ => State::Header(came),
        };
        None
    }

    /// The state behind a frame header.
    fn begin_frame(&mut self, header: [u8; HEADER_BYTES]) -> Result<State, Http2Error> {
        let frame = Frame::read(header)?;
        self.frame = frame;
        self.assembly.begin_frame(frame)?;
        match frame.kind {
            Kind::Headers | Kind::PushPromise | Kind::Continuation if frame.length > 0 || frame.ends_block() => {
                Ok(State::Block(frame.length))
            }
            Kind::Headers | Kind::PushPromise | Kind::Continuation => {
                self.assembly.end_frame(frame)?;
                Ok(BETWEEN)
            }
            Kind::Reset | Kind::GoAway => Ok(State::Short(0)),
            Kind::Data if !frame.is_padded() => Ok(behind_content(frame.length, 0)),
            Kind::Data if frame.length == 0 => Err(Http2Error::MalformedFrame),
            Kind::Data => Ok(State::PadLength),
            Kind::Other if frame.length == 0 => Ok(BETWEEN),
            Kind::Other => Ok(State::Skipped(frame.length)),
        }
    }

    /// Takes the part of `RST_STREAM` or GOAWAY that has a fixed length.
    fn take_short(&mut self, rest: &mut &[u8], came: usize) -> Told {
        let is_reset = self.frame.kind == Kind::Reset;
        let (length, left) = if is_reset { (4, 0) } else { (8, self.frame.length.saturating_sub(8)) };
        let Some([a, b, c, d, code @ .., _]) = self.gather(rest, came, length) else { return Told::Nothing };
        let first = u32::from_be_bytes([a, b, c, d]);
        // Debug data may follow.
        self.state = if left > 0 { State::Skipped(left) } else { BETWEEN };
        if is_reset { Told::Reset(first) } else { Told::GoAway(first & 0x7fff_ffff, u32::from_be_bytes(code)) }
    }

    /// Takes content, or what belongs to a header block.
    fn take_content<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<Http2Event<'a>>, Http2Error> {
        let (left, padding) = match self.state {
            State::Block(left) => return self.take_block(input, left),
            State::Content { left, padding } => (left, padding),
            _ => (0, 0),
        };
        let mut rest = input;
        let left = skip(&mut rest, left);
        let consumed = input.len().saturating_sub(rest.len());
        let content = input.get(..consumed).unwrap_or(input);
        if consumed == 0 {
            return Ok(Step { consumed, class: ByteClass::Framing, event: None });
        }
        self.state = behind_content(left, padding);
        let event = Some(Http2Event::Data { stream: self.frame.stream, content });
        Ok(Step { consumed, class: ByteClass::Body, event })
    }

    /// Takes the payload of a frame with a header block: in place where the block is whole with it.
    fn take_block<'a>(&'a mut self, input: &'a [u8], left: u32) -> Result<Step<Http2Event<'a>>, Http2Error> {
        let mut rest = input;
        let after = skip(&mut rest, left);
        let consumed = input.len().saturating_sub(rest.len());
        let payload = input.get(..consumed).unwrap_or(input);
        let step = |event| Step { consumed, class: ByteClass::Head, event };
        let frame = self.frame;
        if after > 0 {
            self.assembly.gather(payload);
            self.state = State::Block(after);
            return Ok(step(None));
        }
        self.state = BETWEEN;
        let is_in_place = left == frame.length && frame.kind != Kind::Continuation && frame.ends_block();
        let block = if is_in_place {
            let fragment = frame.fragment(payload)?;
            self.assembly.promises(fragment.promised);
            payload.get(fragment.start..fragment.end).unwrap_or(payload)
        } else {
            self.assembly.gather(payload);
            self.assembly.end_frame(frame)?;
            payload
        };
        if !frame.ends_block() {
            return Ok(step(None));
        }
        self.told = true;
        let about = self.assembly.close().ok_or(Http2Error::MalformedFrame)?;
        let block = if is_in_place { block } else { self.assembly.bytes() };
        let fields = Fields::read(block, &mut self.table, &mut self.scratch)?;
        Ok(step(Some(event(about, fields))))
    }
}

/// Takes up to `left` bytes from the front. Returns how many are left then.
fn skip(rest: &mut &[u8], left: u32) -> u32 {
    let length = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
    *rest = rest.get(length..).unwrap_or_default();
    left.saturating_sub(u32::try_from(length).unwrap_or(u32::MAX))
}

/// Takes bytes of the preface.
fn preface(rest: &mut &[u8], came: usize) -> Result<State, Http2Error> {
    let expected = HTTP2_PREFACE.get(came..).unwrap_or_default();
    let length = expected.len().min(rest.len());
    let (taken, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    if !expected.starts_with(taken) {
        return Err(Http2Error::MalformedFrame);
    }
    *rest = behind;
    Ok(if length == expected.len() { BETWEEN } else { State::Preface(came.saturating_add(length)) })
}

/// The state in front of so many bytes of content.
const fn behind_content(left: u32, padding: u32) -> State {
    if left > 0 { State::Content { left, padding } } else { State::Padding(padding) }
}

fn event(about: About, fields: Fields<'_>) -> Http2Event<'_> {
    let About { first, promised, wire_bytes } = about;
    match first.kind {
        Kind::PushPromise => Http2Event::PushPromise { stream: first.stream, promised, fields, wire_bytes },
        _ => Http2Event::Headers { stream: first.stream, fields, end_stream: first.ends_stream(), wire_bytes },
    }
}
