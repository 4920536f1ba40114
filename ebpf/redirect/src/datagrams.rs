//! Datagrams that passed by, as the programs copied them.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use aya::maps::{MapData, RingBuf};
use flowfold_redirect_abi::{self as abi, DatagramHead};

use crate::RedirectError;
use crate::address::socket_addr;
use crate::bpf;
use crate::clock;
use crate::object::Object;

/// A copy of a datagram between a local client and a named server, or a local server at a named port and its client.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// When it passed by the socket.
    pub at: Instant,
    /// Cookie (`SO_COOKIE`) of the socket that it was seen at.
    pub socket: u64,
    /// Whether that is a local server's, and not a local client's.
    pub is_at_server: bool,
    /// The client's end.
    pub client: SocketAddr,
    /// The server, under the address that the client asked; seen at its own socket, the one that it has there.
    pub server: SocketAddr,
    /// Whether the server sends it.
    pub is_from_server: bool,
    /// How many bytes it carries.
    pub bytes: u32,
    /// Those bytes, or the first of them
    /// ([`DATAGRAM_COPIED`](flowfold_redirect_abi::DATAGRAM_COPIED)).
    pub payload: &'a [u8],
}

/// What passed by.
#[derive(Debug, Clone, Copy)]
pub enum DatagramEvent<'a> {
    /// A datagram.
    Passed(Datagram<'a>),
    /// The end of a socket. Whose it was, of a client's, is known until
    /// [`Lookups::forget_udp_socket`](crate::Lookups::forget_udp_socket) is called.
    Closed {
        /// Its cookie.
        socket: u64,
        /// When it was closed.
        at: Instant,
    },
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

    /// Shows up to so many events, oldest first, and returns how many there were.
    pub fn take(&mut self, most: u32, mut see: impl FnMut(&DatagramEvent<'_>)) -> u32 {
        let clock = Clock::read();
        for count in 0..most {
            let Some(copy) = self.ring.0.next() else { return count };
            if let Some(event) = event(&copy, &clock) {
                see(&event);
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

/// When the programs' clock said zero, by the library's, which is the same clock behind a type of its own.
struct Clock(Instant);

impl Clock {
    fn read() -> Self {
        let (nanoseconds, now) = (clock::nanoseconds(), Instant::now());
        Self(now.checked_sub(Duration::from_nanos(nanoseconds)).unwrap_or(now))
    }

    fn instant(&self, nanoseconds: u64) -> Instant {
        self.0.checked_add(Duration::from_nanos(nanoseconds)).unwrap_or(self.0)
    }
}

fn event<'a>(copy: &'a [u8], clock: &Clock) -> Option<DatagramEvent<'a>> {
    let head: DatagramHead = bpf::read(copy)?;
    let at = clock.instant(head.at);
    let is = |event: abi::DatagramEvent| head.event == event as u32;
    if is(abi::DatagramEvent::Closed) {
        return Some(DatagramEvent::Closed { socket: head.cookie, at });
    }
    let (into_server, out_of_server) = (is(abi::DatagramEvent::IntoServer), is(abi::DatagramEvent::OutOfServer));
    let payload = copy.get(size_of::<DatagramHead>()..)?.get(..usize::try_from(head.copied).ok()?)?;
    Some(DatagramEvent::Passed(Datagram {
        at,
        socket: head.cookie,
        is_at_server: into_server || out_of_server,
        client: socket_addr(&head.client),
        server: socket_addr(&head.server),
        is_from_server: out_of_server || is(abi::DatagramEvent::FromServer),
        bytes: head.bytes,
        payload,
    }))
}
