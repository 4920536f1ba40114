//! The chunked coding (RFC 9112 section 7.1), without its data.
//!
//! Line ends must be CRLF: recipients disagree about a single LF here. Chunk extensions are skipped unread, and spaces
//! between a size and its line end are too, as old servers pad with them.

use super::section::Section;
use super::{Http1Error, parse};
use crate::limits;

/// Where in the coding the next byte stands.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    place: Place,
    /// Bytes of line taken so far.
    line: u32,
    /// Bytes of data still to come in this chunk.
    data: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// In front of the first digit of a size.
    #[default]
    Size,
    /// Behind a digit.
    Digits,
    /// In white space behind the size.
    Padding,
    /// In the extensions.
    Extension,
    /// Behind the CR of the size's line.
    SizeLf,
    /// In data.
    Data,
    /// Behind data.
    DataCr,
    /// Behind the CR after data.
    DataLf,
    /// Behind the line of the last chunk.
    Trailers,
}

impl Chunked {
    /// Takes data from an input of this length: how much. None where something else than data is due.
    pub(super) fn take_data(&mut self, available: usize) -> Option<usize> {
        if self.place != Place::Data {
            return None;
        }
        let taken = usize::try_from(self.data).map_or(available, |data| data.min(available));
        self.data = self.data.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX));
        if self.data == 0 {
            self.place = Place::DataCr;
        }
        Some(taken)
    }

    /// Takes what is around data, up to the next data: how many bytes, and whether the coding has come to its end.
    pub(super) fn take_framing(&mut self, input: &[u8], section: &mut Section) -> Result<(usize, bool), Http1Error> {
        let mut taken = 0_usize;
        while let Some((&byte, rest)) = input.get(taken..).and_then(<[u8]>::split_first) {
            match self.place {
                Place::Data => break,
                Place::Trailers => {
                    let input = input.get(taken..).unwrap_or(rest);
                    let (trailers, whole) = take_trailers(input, section)?;
                    return Ok((taken.saturating_add(trailers), whole));
                }
                _ => self.place = self.behind(byte)?,
            }
            taken = taken.saturating_add(1);
        }
        Ok((taken, false))
    }

    /// The place behind a byte of framing.
    fn behind(&mut self, byte: u8) -> Result<Place, Http1Error> {
        self.line = self.line.saturating_add(1);
        if self.line > limits::CHUNK_LINE_BYTES {
            return Err(Http1Error::MalformedChunk);
        }
        match (self.place, byte) {
            (Place::Size | Place::Digits, digit) if digit.is_ascii_hexdigit() => {
                self.data = with_digit(self.data, digit).ok_or(Http1Error::MalformedChunk)?;
                Ok(Place::Digits)
            }
            (Place::Digits | Place::Padding | Place::Extension, b'\r') => Ok(Place::SizeLf),
            (Place::Digits | Place::Padding, b';') | (Place::Extension, b'\t' | b' '..=b'~' | 0x80..) => {
                Ok(Place::Extension)
            }
            (Place::Digits | Place::Padding, b' ' | b'\t') => Ok(Place::Padding),
            (Place::SizeLf, b'\n') => {
                self.line = 0;
                Ok(if self.data == 0 { Place::Trailers } else { Place::Data })
            }
            (Place::DataCr, b'\r') => Ok(Place::DataLf),
            (Place::DataLf, b'\n') => {
                self.line = 0;
                Ok(Place::Size)
            }
            _ => Err(Http1Error::MalformedChunk),
        }
    }
}

/// Takes the trailer section from the front of the input: how many bytes, and whether it is whole with them.
fn take_trailers(input: &[u8], section: &mut Section) -> Result<(usize, bool), Http1Error> {
    if section.is_free() && input.starts_with(b"\r\n") {
        return Ok((2, true));
    }
    let gathered = section.gather(input, limits::TRAILER_BYTES)?;
    if gathered.whole {
        parse::trailers(section.bytes())?;
    }
    Ok((gathered.taken, gathered.whole))
}

/// A chunk size with one more hexadecimal digit. None beyond 64 bits.
fn with_digit(size: u64, digit: u8) -> Option<u64> {
    let digit = char::from(digit).to_digit(16)?;
    size.checked_mul(16)?.checked_add(u64::from(digit))
}
