//! Datagrams that passed by, as the programs copied them.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use flowfold_redirect_abi::{self as abi, DATAGRAM_RINGS, DatagramHead};

use crate::RedirectError;
use crate::address::socket_addr;
use crate::bpf;
use crate::clock;
use crate::object::Object;
use crate::ring::{Next, Ring};

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

/// The reading end of the ring buffers that the programs copy datagrams to. Their descriptors become readable when one of
/// them is filling up; somebody who reads every few milliseconds need not wait for that.
#[derive(Debug)]
pub struct DatagramTap {
    rings: Vec<Ring>,
    clock: Clock,
}

/// What was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// How many events.
    pub count: u32,
    /// More are there, behind one that is still being written. Nobody is woken for these again.
    pub is_held_up: bool,
}

impl DatagramTap {
    pub(crate) fn open(object: &mut Object) -> Result<Self, RedirectError> {
        Ok(Self { rings: object.take_datagram_rings()?, clock: Clock::read() })
    }

    /// Shows up to so many events of those that have happened by now, and what was taken so.
    ///
    /// The oldest comes first, but for those that interrupt each other on one processor; and an answer is never shown before
    /// its question, whatever processors they passed by on. By the time of the later one, the earlier one was written down: so it
    /// is found after that time, and what stands in front of it is no younger than the later one. Where something is still being
    /// written, which may be older than all that is seen, the rest is left for the next time.
    pub fn take(&mut self, most: u32, mut see: impl FnMut(&DatagramEvent<'_>)) -> Taken {
        let now = clock::nanoseconds();
        // When the next of each happened, where that is known.
        let mut times = [None; DATAGRAM_RINGS];
        let (mut count, mut is_held_up) = (0, false);
        'all: while count < most {
            for (ring, time) in self.rings.iter_mut().zip(&mut times).filter(|(_, time)| time.is_none()) {
                *time = match ring.peek() {
                    Next::Busy => {
                        is_held_up = true;
                        break 'all;
                    }
                    Next::Nothing => Some(u64::MAX),
                    Next::Record(copy) => Some(bpf::read(copy).map_or(0, |head: DatagramHead| head.at)),
                };
            }
            let oldest = self.rings.iter_mut().zip(&mut times).min_by_key(|(_, time)| **time);
            let Some((ring, time)) = oldest.filter(|(_, time)| time.is_some_and(|time| time <= now)) else { break };
            if let Next::Record(copy) = ring.peek()
                && let Some(event) = event(copy, &self.clock)
            {
                see(&event);
            }
            ring.advance();
            *time = None;
            count += 1;
        }
        self.rings.iter_mut().for_each(Ring::release);
        Taken { count, is_held_up }
    }

    /// The descriptors to wait for.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.rings.iter().map(AsFd::as_fd)
    }
}

/// When the programs' clock said zero, by the library's, which is the same clock behind a type of its own: so it is read once.
/// Read anew, it would be another one by however long the thread was held up in between, and durations would be wrong by that.
#[derive(Debug)]
struct Clock(Instant);

impl Clock {
    fn read() -> Self {
        // The pair that was least held up.
        let pair = || {
            let (before, now, after) = (clock::nanoseconds(), Instant::now(), clock::nanoseconds());
            (after.saturating_sub(before), before, now)
        };
        let (_, nanoseconds, now) = (0..16).map(|_| pair()).min().unwrap_or_else(pair);
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
