//! Reads a ring buffer that the programs write to (`BPF_MAP_TYPE_RINGBUF`, the kernel's documentation in bpf/ringbuf.rst).
//!
//! The loader has a type for that, too. What it does not tell is whether there is nothing or something that is still being
//! written, and what comes next before it is taken; both decide in which order several ring buffers are read.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use aya::maps::MapData;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Bits of a record's head beside its length: it is still being written; it is none.
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;

/// The head, and what records are aligned to (bytes).
const HEAD: usize = 8;

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next<'a> {
    /// Nothing yet.
    Nothing,
    /// Something that is still being written: what follows it is not to be seen before.
    Busy,
    /// This.
    Record(&'a [u8]),
}

/// A ring buffer.
pub(crate) struct Ring {
    map: MapData,
    /// Where this end is, and the other one with the records behind it, twice: so none of them is in two pieces.
    reader: Mapping,
    writer: Mapping,
    /// Where the records begin behind the writer's position, and how many bytes they have: a power of two.
    records: usize,
    size: usize,
    /// Where the next record begins, counted from the beginning of time.
    position: usize,
    /// Where the last one that was seen ends, and the last one that the writer knows to be read.
    written: usize,
    told: usize,
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("position", &self.position).finish_non_exhaustive()
    }
}

impl Ring {
    pub(crate) fn open(map: MapData) -> io::Result<Self> {
        let info = map.info().map_err(io::Error::other)?;
        let size = usize::try_from(info.max_entries()).map_err(io::Error::other)?;
        let page = rustix::param::page_size();
        let reader = Mapping::new(map.fd().as_fd(), (0, page), ProtFlags::READ | ProtFlags::WRITE)?;
        let writer = Mapping::new(map.fd().as_fd(), (page, page + 2 * size), ProtFlags::READ)?;
        let position = reader.position().load(Ordering::Acquire);
        Ok(Self { map, reader, writer, records: page, size, position, written: position, told: position })
    }

    /// What comes next, without taking it.
    pub(crate) fn peek(&mut self) -> Next<'_> {
        loop {
            if self.position == self.written {
                self.written = self.writer.position().load(Ordering::Acquire);
                if self.position == self.written {
                    return Next::Nothing;
                }
            }
            let head = self.head();
            if head & BUSY != 0 {
                return Next::Busy;
            }
            if head & DISCARDED == 0 {
                break;
            }
            self.advance();
        }
        self.record().map_or(Next::Nothing, Next::Record)
    }

    /// Takes what [`peek`](Self::peek) has shown.
    pub(crate) fn advance(&mut self) {
        let length = length(self.head());
        self.position = self.position.wrapping_add((HEAD + length).next_multiple_of(HEAD));
        // The writer needs the room long before it is full. To be told each time would cost it a look at another core's cache.
        if self.position.wrapping_sub(self.told) >= self.size / 16 {
            self.release();
        }
    }

    /// Tells the writer what was read.
    pub(crate) fn release(&mut self) {
        if self.told != self.position {
            self.told = self.position;
            // The kernel reads it before it writes there again.
            self.reader.position().store(self.position, Ordering::Release);
        }
    }

    fn offset(&self) -> usize {
        self.position & (self.size - 1)
    }

    /// The head of the record at the position, of which there is one.
    fn head(&self) -> u32 {
        // SAFETY: the records lie behind the writer's page, and each begins on a boundary of eight bytes.
        let head = unsafe { AtomicU32::from_ptr(self.writer.at(self.records + self.offset()).cast()) };
        // The writer clears the bit when all the rest is written.
        head.load(Ordering::Acquire)
    }

    /// The record at the position, which is whole.
    fn record(&self) -> Option<&[u8]> {
        let length = length(self.head());
        let begin = self.offset() + HEAD;
        // The kernel never writes a longer one.
        (length <= self.size - HEAD).then(|| {
            let place = self.writer.at(self.records + begin);
            // SAFETY: it ends before the mapping does, as it begins in the first of two copies; and the writer comes there again
            // after it was told that this was read, which takes the ring by itself.
            unsafe { slice::from_raw_parts(place, length) }
        })
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.fd().as_fd()
    }
}

fn length(head: u32) -> usize {
    (head & !(BUSY | DISCARDED)) as usize
}

/// Pages of the map.
struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: it is memory that belongs to no thread, and a shared one shows nothing but atomic numbers and records that are whole.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(map: BorrowedFd<'_>, (offset, length): (usize, usize), protection: ProtFlags) -> io::Result<Self> {
        // SAFETY: the kernel chooses where nothing else is.
        let start = unsafe { mmap(ptr::null_mut(), length, protection, MapFlags::SHARED, map, offset as u64)? };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { start, length })
    }

    fn at(&self, offset: usize) -> *mut u8 {
        debug_assert!(offset < self.length);
        // SAFETY: it lies within the mapping.
        unsafe { self.start.as_ptr().add(offset) }
    }

    /// The position that the first page begins with.
    fn position(&self) -> &AtomicUsize {
        // SAFETY: the page is there as long as this is, and the kernel writes it as a whole.
        unsafe { AtomicUsize::from_ptr(self.at(0).cast()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: nothing that was borrowed from it is left.
        let _unmapped: Result<(), rustix::io::Errno> = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
    }
}
