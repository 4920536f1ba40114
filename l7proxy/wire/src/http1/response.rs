//! The server's direction.

use super::{ByteClass, End, Http1Error, ResponseHead, ResponseTo, Step};

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
    carried: Vec<u8>,
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
        let _ = expected;
        Ok(Step { consumed: input.len(), class: ByteClass::Head, event: None })
    }

    /// The server closed its direction. What that means for the response under way.
    pub fn finish(&mut self) -> End {
        End::Clean
    }

    /// Between two messages: no response is under way, and no memory is owned.
    pub fn is_idle(&self) -> bool {
        self.carried.is_empty()
    }
}
