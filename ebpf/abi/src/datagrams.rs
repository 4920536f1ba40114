//! Copies of datagrams, and the ends of their sockets, as they lie in a ring buffer.

use crate::{Endpoint, Plain};

/// What a head is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum DatagramEvent {
    /// A datagram on its way to the server, at the client's socket.
    ToServer,
    /// A datagram from the server, at the client's socket.
    FromServer,
    /// The end of a socket. Nothing else is told but when, and which.
    Closed,
    /// A datagram that came to a local server's socket.
    IntoServer,
    /// A datagram that left a local server's socket.
    OutOfServer,
}

/// What precedes the copied bytes of a datagram, or stands alone for the end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct DatagramHead {
    /// When it passed by: nanoseconds of `CLOCK_MONOTONIC`.
    pub at: u64,
    /// Cookie (`SO_COOKIE`) of the socket that it was seen at.
    pub cookie: u64,
    /// The client's end.
    pub client: Endpoint,
    /// The server that the client asked; seen at its own socket, the address that it has there.
    pub server: Endpoint,
    /// A [`DatagramEvent`].
    pub event: u32,
    /// How many bytes the datagram carries.
    pub bytes: u32,
    /// How many of them follow here.
    pub copied: u32,
    /// Zero.
    pub padding: u32,
}

/// A datagram with room for `N` bytes of it. There are a few sizes, as the kernel reserves no room of a size that is not known
/// beforehand.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct DatagramCopy<const N: usize> {
    /// What is known of it.
    pub head: DatagramHead,
    /// Its first bytes, and whatever the ring buffer held before behind them.
    pub payload: [u8; N],
}

// SAFETY: integers, with the padding spelled out; the size is asserted below.
unsafe impl Plain for DatagramHead {}

const _: () = assert!(size_of::<DatagramHead>() == 72);
