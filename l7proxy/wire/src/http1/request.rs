//! The client's direction.

use super::body::Body;
use super::parse::{self, Whole};
use super::section::{EmptyLines, Section};
use super::{ByteClass, End, Http1Error, RequestHead, Step};
use crate::limits;

/// What a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestEvent<'a> {
    /// A request begins.
    Head(RequestHead<'a>),
    /// The last byte of the request was taken.
    End,
}

/// Reads along with the requests of one connection.
///
/// After a request that asks for a tunnel (CONNECT, or an upgrade), only the server's answer tells what the client's
/// next bytes are. Until [`settle`](Self::settle) brings that answer they are taken as [`ByteClass::Held`], at most
/// [`HELD_BYTES`](limits::HELD_BYTES) of them; nothing that relays has to wait.
#[derive(Debug, Default)]
pub struct RequestDecoder {
    state: State,
    after: After,
    /// A head or trailers in pieces, or what is held.
    section: Section,
    /// What lies in the section was told, and is borrowed no more.
    spent: bool,
}

#[derive(Debug)]
enum State {
    /// In front of a request.
    Between(EmptyLines),
    /// In a head that comes in pieces.
    Head,
    /// Behind a head.
    Body(Body),
    /// Behind a request that asked for a tunnel and has no answer yet.
    Held,
    /// In a tunnel, or behind the last request of the connection.
    Tunnel,
}

/// What follows the request under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum After {
    #[default]
    Request,
    Nothing,
    Tunnel,
    /// A tunnel if the server grants it, else as `last` says.
    Asked {
        /// No further request.
        last: bool,
    },
}

impl RequestDecoder {
    /// A decoder at the start of a connection. Owns no memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes from the front of `input` and says what they are. Takes nothing and tells nothing only when `input`
    /// is empty: see [`Step::needs_more`].
    ///
    /// After an error the decoder must not be used further, but for [`held`](Self::held).
    pub fn advance<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<RequestEvent<'a>>, Http1Error> {
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
                self.head_in_place(input)
            }
            State::Head => self.head_in_pieces(input),
            State::Body(body) => {
                let taken = body.advance(input, &mut self.section)?;
                if taken.whole {
                    self.section.free();
                    self.state = self.after.into();
                }
                let event = taken.whole.then_some(RequestEvent::End);
                Ok(Step { consumed: taken.consumed, class: taken.class, event })
            }
            State::Held => {
                self.section.hold(input)?;
                Ok(Step { consumed: input.len(), class: ByteClass::Held, event: None })
            }
            State::Tunnel => Ok(Step { consumed: input.len(), class: ByteClass::Tunnel, event: None }),
        }
    }

    /// Brings the server's answer to a request that asked for a tunnel: `true` where [`Tunnel::Granted`], `false` where
    /// [`Tunnel::Refused`]. Returns the bytes that were held; feed them to [`advance`](Self::advance) before any others.
    ///
    /// The answer may come before the request has ended: nothing was held then, and it counts from its end on.
    ///
    /// [`Tunnel::Granted`]: super::Tunnel::Granted
    /// [`Tunnel::Refused`]: super::Tunnel::Refused
    #[must_use = "the held bytes have to be fed again"]
    pub fn settle(&mut self, granted: bool) -> Vec<u8> {
        let After::Asked { last } = self.after else {
            return Vec::new();
        };
        self.after = match (granted, last) {
            (true, _) => After::Tunnel,
            (false, true) => After::Nothing,
            (false, false) => After::Request,
        };
        if !matches!(self.state, State::Held) {
            return Vec::new();
        }
        self.state = self.after.into();
        self.section.take()
    }

    /// How many bytes are held: taken, and not yet told what they are.
    pub fn held(&self) -> usize {
        if matches!(self.state, State::Held) { self.section.bytes().len() } else { 0 }
    }

    /// The client closed its direction. What that means for the request under way.
    pub fn finish(&self) -> End {
        match self.state {
            State::Between(_) | State::Held | State::Tunnel => End::Clean,
            State::Head | State::Body(_) => End::Truncated,
        }
    }

    /// Between two messages: no request is under way, and no memory is owned.
    pub fn is_idle(&self) -> bool {
        self.finish() == End::Clean && self.section.is_free()
    }

    /// Reads a head without a copy, where it lies whole in the input.
    fn head_in_place<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<RequestEvent<'a>>, Http1Error> {
        let window = input.get(..limits::HEAD_BYTES).unwrap_or(input);
        // An error isn't told before the end of the head, or of its first line, was seen: what is told must not depend
        // on how the stream was cut.
        let Ok(Some(Whole { head, length, bytes })) = parse::request(window) else {
            self.state = State::Head;
            return self.head_in_pieces(input);
        };
        self.after = After::of(&head);
        self.state = State::Body(Body::new(length));
        Ok(Step { consumed: bytes, class: ByteClass::Head, event: Some(RequestEvent::Head(head)) })
    }

    /// Gathers a head that comes in pieces.
    fn head_in_pieces<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<RequestEvent<'a>>, Http1Error> {
        let gathered = self.section.gather(input, limits::HEAD_BYTES)?;
        let consumed = gathered.taken;
        // What isn't HTTP shows in the first line. There is no need to gather more of it.
        if let Some(line) = gathered.first_line.and_then(|end| self.section.bytes().get(..end)) {
            parse::request(line)?;
        }
        if !gathered.whole {
            return Ok(Step { consumed, class: ByteClass::Head, event: None });
        }
        let Whole { head, length, .. } = parse::request(self.section.bytes())?.ok_or(Http1Error::MalformedHead)?;
        self.spent = true;
        self.after = After::of(&head);
        self.state = State::Body(Body::new(length));
        Ok(Step { consumed, class: ByteClass::Head, event: Some(RequestEvent::Head(head)) })
    }
}

impl Default for State {
    fn default() -> Self {
        Self::Between(EmptyLines::default())
    }
}

impl From<After> for State {
    /// The state behind a request.
    fn from(after: After) -> Self {
        match after {
            After::Request => Self::default(),
            // RFC 9112 section 9.6: a server reads nothing behind a request with `close`. Whatever comes, it isn't a
            // request that will be answered.
            After::Nothing | After::Tunnel => Self::Tunnel,
            After::Asked { .. } => Self::Held,
        }
    }
}

impl After {
    fn of(head: &RequestHead<'_>) -> Self {
        match (head.response_to.may_tunnel(), head.keep_alive) {
            (true, keep_alive) => Self::Asked { last: !keep_alive },
            (false, true) => Self::Request,
            (false, false) => Self::Nothing,
        }
    }
}
