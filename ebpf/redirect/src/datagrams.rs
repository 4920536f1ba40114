//! Datagrams that passed by, as the programs copied them.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use aya::maps::{MapData, RingBuf};
use flowfold_redirect_abi::DatagramHead;
use rustix::time::ClockId;

use crate::RedirectError;
use crate::address::socket_addr;
use crate::bpf;
use crate::object::Object;

/// A copy of a datagram between a local client and a named server.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// When it passed by the client's socket.
    pub at: Instant,
    /// Cookie (`SO_COOKIE`) of the client's socket.
    pub socket: u64,
    /// The client's end.
    pub local: SocketAddr,
    /// The server, under the address that the client asked.
    pub server: SocketAddr,
    /// Whether it comes from the server.
    pub is_from_server: bool,
    /// How many bytes it carries.
    pub bytes: u32,
    /// Those bytes, or the first of them
    /// ([`DATAGRAM_COPIED`](flowfold_redirect_abi::DATAGRAM_COPIED)).
    pub payload: &'a [u8],
}

/// The reading end of the ring buffer that the programs copy datagrams to. Its descriptor becomes readable when the buffer
/// is filling up; somebody who reads every few milliseconds need not wait for that.
#[derive(Debug)]
pub struct DatagramTap {
    ring: Ring,
}

/// The map, and what of it is mapped into memory.
struct Ring(RingBuf<MapData>);

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ring")
    }
}

impl DatagramTap {
    const MAP: &str = "DATAGRAMS";

    pub(crate) fn open(object: &mut Object) -> Result<Self, RedirectError> {
        let map = object.take_map(Self::MAP)?;
        let ring = RingBuf::try_from(map).map_err(|_| RedirectError::Object { part: Self::MAP })?;
        Ok(Self { ring: Ring(ring) })
    }

    /// Shows up to so many datagrams, oldest first, and returns how many there were.
    pub fn take(&mut self, most: usize, mut see: impl FnMut(&Datagram<'_>)) -> usize {
        let clock = Clock::read();
        for count in 0..most {
            let Some(copy) = self.ring.0.next() else { return count };
            if let Some(datagram) = datagram(&copy, &clock) {
                see(&datagram);
            }
        }
        most
    }
}

impl AsFd for DatagramTap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.0.as_fd()
    }
}

impl AsRawFd for DatagramTap {
    fn as_raw_fd(&self) -> RawFd {
        self.ring.0.as_raw_fd()
    }
}

/// The same moment by the programs' clock and by the library's, which is the same clock behind a type of its own.
struct Clock {
    nanoseconds: u64,
    instant: Instant,
}

impl Clock {
    fn read() -> Self {
        let now = rustix::time::clock_gettime(ClockId::Monotonic);
        let nanoseconds = now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned();
        Self { nanoseconds, instant: Instant::now() }
    }

    /// Something that came after the clock was read counts as of then.
    fn instant(&self, nanoseconds: u64) -> Instant {
        let ago = Duration::from_nanos(self.nanoseconds.saturating_sub(nanoseconds));
        self.instant.checked_sub(ago).unwrap_or(self.instant)
    }
}

fn datagram<'a>(copy: &'a [u8], clock: &Clock) -> Option<Datagram<'a>> {
    let head: DatagramHead = bpf::read(copy)?;
    let payload = copy.get(size_of::<DatagramHead>()..)?.get(..usize::try_from(head.copied).ok()?)?;
    Some(Datagram {
        at: clock.instant(head.at),
        socket: head.cookie,
        local: socket_addr(&head.local),
        server: socket_addr(&head.server),
        is_from_server: head.from_server != 0,
        bytes: head.bytes,
        payload,
    })
}
