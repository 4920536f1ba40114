//! A head or a trailer section that arrives in pieces, and the empty lines in front of a message.

use super::Http1Error;
use crate::limits;

/// Gathers the bytes of a section until its empty line. Owns memory only while it does.
///
/// Every byte is scanned and copied once, however small the pieces are.
#[derive(Debug, Default)]
pub(super) struct Section {
    bytes: Vec<u8>,
    line: Line,
    has_line: bool,
}

/// How the line that the next byte belongs to has begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
    /// With nothing yet.
    #[default]
    Start,
    /// With CR: LF would make it the empty line.
    Cr,
    /// With something else.
    Text,
}

/// What [`Section::gather`] did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gathered {
    /// Bytes taken from the input.
    pub(super) taken: usize,
    /// The section has its empty line now.
    pub(super) whole: bool,
    /// How long the first line is, when these bytes ended it.
    pub(super) first_line: Option<usize>,
}

impl Section {
    /// The bytes gathered so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Nothing is gathered, and no memory is owned.
    pub(super) fn is_free(&self) -> bool {
        self.bytes.capacity() == 0
    }

    /// Forgets what was gathered and gives its memory back.
    pub(super) fn free(&mut self) {
        *self = Self::default();
    }

    /// Gives away what was gathered.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self).bytes
    }

    /// Keeps bytes that nobody can judge yet.
    pub(super) fn hold(&mut self, input: &[u8]) -> Result<(), Http1Error> {
        if input.len() > limits::HELD_BYTES.saturating_sub(self.bytes.len()) {
            return Err(Http1Error::AmbiguousLength);
        }
        self.bytes.extend_from_slice(input);
        Ok(())
    }

    /// Takes bytes from the front of the input, up to the end of the section. A section that has `cap` bytes and still
    /// no end is too large.
    pub(super) fn gather(&mut self, input: &[u8], cap: usize) -> Result<Gathered, Http1Error> {
        let before = self.bytes.len();
        let input = input.get(..cap.saturating_sub(before)).unwrap_or(input);
        let mut taken = 0_usize;
        let mut whole = false;
        let mut first_line = None;
        while let Some(rest) = input.get(taken..).filter(|rest| !rest.is_empty() && !whole) {
            let line_end = rest.iter().position(|&byte| byte == b'\n');
            let line = rest.get(..line_end.unwrap_or(rest.len())).unwrap_or(rest);
            self.line = self.line.with(line);
            taken = taken.saturating_add(line.len());
            if line_end.is_some() {
                taken = taken.saturating_add(1);
                whole = self.line != Line::Text;
                if !self.has_line {
                    self.has_line = true;
                    first_line = Some(before.saturating_add(taken));
                }
                self.line = Line::Start;
            }
        }
        self.bytes.extend_from_slice(input.get(..taken).unwrap_or(input));
        if whole || self.bytes.len() < cap {
            Ok(Gathered { taken, whole, first_line })
        } else {
            Err(Http1Error::HeadTooLarge)
        }
    }
}

impl Line {
    /// How the line has begun after further bytes of it.
    fn with(self, bytes: &[u8]) -> Self {
        match (self, bytes) {
            (_, []) => self,
            (Self::Start, [b'\r']) => Self::Cr,
            _ => Self::Text,
        }
    }
}

/// The empty lines in front of a message, which RFC 9112 section 2.2 asks a server to skip. Clients of the field skip
/// them in front of responses, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EmptyLines {
    after_cr: bool,
}

impl EmptyLines {
    /// How many bytes of empty lines the input starts with.
    pub(super) fn skip(&mut self, input: &[u8]) -> Result<usize, Http1Error> {
        let mut skipped = 0_usize;
        for byte in input {
            match (self.after_cr, byte) {
                (_, b'\n') => self.after_cr = false,
                (false, b'\r') => self.after_cr = true,
                (true, _) => return Err(Http1Error::MalformedHead),
                (false, _) => break,
            }
            skipped = skipped.saturating_add(1);
        }
        Ok(skipped)
    }
}
