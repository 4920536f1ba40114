//! The server's direction.

use super::body::Body;
use super::parse::{self, Whole};
use super::section::{EmptyLines, Section};
use super::{ByteClass, End, Http1Error, ResponseHead, ResponseTo, Step, Tunnel};
use crate::limits;

/// What a server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseEvent<'a> {
    /// An interim response (1xx but 101): the final one is still to come.
    Interim(ResponseHead<'a>),
    /// The final response begins.
    Head(ResponseHead<'a>),
    /// The last byte of the final response was taken. The next one answers the next request.
    End,
    /// Comes in place of `End` where [`ResponseHead::tunnel`] is granted: the response is over, and with it HTTP/1.
    Tunnel,
}

/// Reads along with the responses of one connection.
#[derive(Debug, Default)]
pub struct ResponseDecoder {
    state: State,
    /// A head or trailers in pieces.
    section: Section,
    /// What lies in the section was told, and is borrowed no more.
    spent: bool,
    /// No response follows the one under way.
    last: bool,
}

#[derive(Debug)]
enum State {
    /// In front of a response.
    Between(EmptyLines),
    /// In a head that comes in pieces.
    Head,
    /// Behind the head of a final response.
    Body(Body),
    /// Behind a head that granted a tunnel, which is still to be told.
    Granted,
    /// In a tunnel.
    Tunnel,
}

impl ResponseDecoder {
    /// A decoder at the start of a connection. Owns no memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes from the front of `input` and says what they are. Takes nothing and tells nothing only when `input`
    /// is empty: see [`Step::needs_more`].
    ///
    /// `expected` is the [`response_to`](super::RequestHead::response_to) of the oldest request whose response has not
    /// ended; none where there is no such request. After an error the decoder must not be used further.
    pub fn advance<'a>(
        &'a mut self,
        input: &'a [u8],
        expected: Option<ResponseTo>,
    ) -> Result<Step<ResponseEvent<'a>>, Http1Error> {
        if self.spent {
            self.section.free();
            self.spent = false;
        }
        match &mut self.state {
            State::Between(lines) => {
                let skipped = lines.skip(input)?;
                if skipped > 0 || input.is_empty() {
                    return Ok(Step { consumed: skipped, class: ByteClass::Framing, event: None });
                }
                // RFC 9112 section 9.6: a client reads nothing behind a response with `close`, whatever it had asked.
                let to = expected.filter(|_| !self.last).ok_or(Http1Error::UnexpectedResponse)?;
                self.head_in_place(input, to)
            }
            State::Head => self.head_in_pieces(input, expected.ok_or(Http1Error::UnexpectedResponse)?),
            State::Body(body) => {
                let taken = body.advance(input, &mut self.section)?;
                if taken.whole {
                    self.section.free();
                    self.state = State::default();
                }
                let event = taken.whole.then_some(ResponseEvent::End);
                Ok(Step { consumed: taken.consumed, class: taken.class, event })
            }
            State::Granted => {
                self.state = State::Tunnel;
                Ok(Step { consumed: 0, class: ByteClass::Tunnel, event: Some(ResponseEvent::Tunnel) })
            }
            State::Tunnel => Ok(Step { consumed: input.len(), class: ByteClass::Tunnel, event: None }),
        }
    }

    /// The server closed its direction. What that means for the response under way.
    ///
    /// [`End::Complete`] takes the place of the `End` event that a close-delimited response can't have before.
    pub fn finish(&mut self) -> End {
        match self.state {
            State::Between(_) | State::Granted | State::Tunnel => End::Clean,
            State::Body(Body::UntilClose) => {
                self.state = State::default();
                End::Complete
            }
            State::Head | State::Body(_) => End::Truncated,
        }
    }

    /// Between two messages: no response is under way, and no memory is owned.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Between(_) | State::Tunnel) && self.section.is_free()
    }

    /// Reads a head without a copy, where it lies whole in the input.
    fn head_in_place<'a>(&'a mut self, input: &'a [u8], to: ResponseTo) -> Result<Step<ResponseEvent<'a>>, Http1Error> {
        let window = input.get(..limits::HEAD_BYTES).unwrap_or(input);
        // An error isn't told before the end of the head, or of its first line, was seen: what is told must not depend
        // on how the stream was cut.
        let Ok(Some(whole)) = parse::response(window, to) else {
            self.state = State::Head;
            return self.head_in_pieces(input, to);
        };
        let consumed = whole.bytes;
        self.state = State::behind(&whole);
        self.last = is_last(&whole.head);
        Ok(Step { consumed, class: ByteClass::Head, event: Some(event(whole.head)) })
    }

    /// Gathers a head that comes in pieces.
    fn head_in_pieces<'a>(
        &'a mut self,
        input: &'a [u8],
        to: ResponseTo,
    ) -> Result<Step<ResponseEvent<'a>>, Http1Error> {
        let gathered = self.section.gather(input, limits::HEAD_BYTES)?;
        let consumed = gathered.taken;
        // What isn't HTTP shows in the first line. There is no need to gather more of it.
        if let Some(line) = gathered.first_line.and_then(|end| self.section.bytes().get(..end)) {
            parse::response(line, to)?;
        }
        if !gathered.whole {
            return Ok(Step { consumed, class: ByteClass::Head, event: None });
        }
        let whole = parse::response(self.section.bytes(), to)?.ok_or(Http1Error::MalformedHead)?;
        self.spent = true;
        self.state = State::behind(&whole);
        self.last = is_last(&whole.head);
        Ok(Step { consumed, class: ByteClass::Head, event: Some(event(whole.head)) })
    }
}

impl Default for State {
    fn default() -> Self {
        Self::Between(EmptyLines::default())
    }
}

impl State {
    /// The state behind a head.
    fn behind(whole: &Whole<ResponseHead<'_>>) -> Self {
        if whole.head.tunnel == Tunnel::Granted {
            Self::Granted
        } else if parse::is_interim(whole.head.status) {
            Self::default()
        } else {
            Self::Body(Body::new(whole.length))
        }
    }
}

/// No response follows this one. Options of an interim response say nothing: the final one is still due.
fn is_last(head: &ResponseHead<'_>) -> bool {
    !head.keep_alive && !parse::is_interim(head.status)
}

fn event(head: ResponseHead<'_>) -> ResponseEvent<'_> {
    if parse::is_interim(head.status) { ResponseEvent::Interim(head) } else { ResponseEvent::Head(head) }
}
