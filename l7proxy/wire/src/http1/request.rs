//! The client's direction.

use super::{ByteClass, End, Http1Error, RequestHead, Step};

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
/// [`HELD_BYTES`](crate::limits::HELD_BYTES) of them; nothing that relays has to wait.
#[derive(Debug, Default)]
pub struct RequestDecoder {
    held: Vec<u8>,
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
        Ok(Step { consumed: input.len(), class: ByteClass::Head, event: None })
    }

    /// Brings the server's answer to a request that asked for a tunnel: `true` where [`Tunnel::Granted`], `false` where
    /// [`Tunnel::Refused`]. Returns the bytes that were held; feed them to [`advance`](Self::advance) before any others.
    ///
    /// [`Tunnel::Granted`]: super::Tunnel::Granted
    /// [`Tunnel::Refused`]: super::Tunnel::Refused
    #[must_use = "the held bytes have to be fed again"]
    pub fn settle(&mut self, granted: bool) -> Vec<u8> {
        let _ = granted;
        std::mem::take(&mut self.held)
    }

    /// How many bytes are held: taken, and not yet told what they are.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The client closed its direction. What that means for the request under way.
    pub fn finish(&self) -> End {
        End::Clean
    }

    /// Between two messages: no request is under way, and no memory is owned.
    pub fn is_idle(&self) -> bool {
        self.held.is_empty()
    }
}
