//! Addresses and ports as map keys.

use crate::Plain;

/// The third word of a v4-mapped IPv6 address (RFC 4291 section 2.5.5.2), in network byte order.
const MAPPED: u32 = u32::from_ne_bytes([0, 0, 0xff, 0xff]);

/// An address and a port. IPv4 is kept as v4-mapped IPv6, so that a dual-stack socket and an IPv4 socket give the
/// same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Endpoint {
    /// The address, four words in network byte order.
    pub address: [u32; 4],
    /// The port in host byte order; a whole word, so that there is no padding.
    pub port: u32,
}

impl Endpoint {
    /// An IPv4 endpoint; `address` in network byte order.
    #[inline]
    pub const fn v4(address: u32, port: u16) -> Self {
        Self { address: [0, 0, MAPPED, address], port: port as u32 }
    }

    /// An IPv6 endpoint; `address` in network byte order.
    #[inline]
    pub const fn v6(address: [u32; 4], port: u16) -> Self {
        Self { address, port: port as u32 }
    }

    /// The IPv4 address in network byte order, if this is one.
    #[inline]
    pub const fn as_v4(&self) -> Option<u32> {
        let [first, second, third, fourth] = self.address;
        if first == 0 && second == 0 && third == MAPPED { Some(fourth) } else { None }
    }
}

/// Both ends of a connection, seen from the side that opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Tuple {
    /// The side that sent the SYN.
    pub source: Endpoint,
    /// The side that it was sent to.
    pub destination: Endpoint,
}

// SAFETY: words only, sizes asserted below.
unsafe impl Plain for Endpoint {}
// SAFETY: as above.
unsafe impl Plain for Tuple {}

const _: () = assert!(size_of::<Endpoint>() == 20);
const _: () = assert!(size_of::<Tuple>() == 40);
