//! Answers on stdout, whose reader may have seen enough.

use std::io;

/// Whether somebody still reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// As far as can be told.
    Reads,
    /// It closed the pipe, as `head` does once it has its lines. That is no failure of whoever writes.
    Gone,
}

/// Tells from the outcome of writing whether the reader is still there.
pub(crate) fn reader(written: io::Result<()>) -> io::Result<Reader> {
    match written {
        Ok(()) => Ok(Reader::Reads),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error),
    }
}
