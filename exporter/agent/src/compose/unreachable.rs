//! What the network says of datagrams that could not be delivered: messages of ICMP (RFC 792) and `ICMPv6` (RFC 4443).

use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd};

use socket2::{Domain, Protocol, SockFilter, Socket, Type};

/// Raw sockets for the two versions of ICMP, opened in the observed network namespace while that is allowed.
#[derive(Debug)]
pub(super) struct Unreachable {
    v4: Option<Socket>,
    v6: Option<Socket>,
}

/// A datagram that could not be delivered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Undelivered<'a> {
    /// Who sent it.
    pub(super) client: SocketAddr,
    /// Whom it was for.
    pub(super) server: SocketAddr,
    /// The beginning of what it carried, as far as it is told.
    pub(super) beginning: &'a [u8],
}

/// Destination unreachable, in ICMP and in `ICMPv6` (RFC 4443 section 3.1).
const V4_UNREACHABLE: u8 = 3;
const V6_UNREACHABLE: u8 = 1;

/// The code that asks for smaller packets (RFC 1191): nothing is lost by it.
const V4_TOO_BIG: u8 = 4;

/// The protocol number of UDP.
const UDP: u8 = 17;

/// Lengths of the heads.
const ICMP_BYTES: usize = 8;
const IPV6_BYTES: usize = 40;
const UDP_BYTES: usize = 8;

/// How much of a message is read: the heads with all their options, and what tells a question.
const READ: usize = 512;

/// How many messages are read before anything else has its turn. Of a flood the rest is left for the next turns, and beyond
/// the socket's buffer it is lost: those lookups end by their time.
const TURN: usize = 64;

impl Unreachable {
    /// Opens the sockets. Without the privilege (`CAP_NET_RAW`) lookups of a server that cannot be reached end by their time.
    pub(super) fn open() -> Self {
        let v4 = raw(Domain::IPV4, Protocol::ICMPV4, &v4_filter());
        if let Err(error) = &v4 {
            tracing::warn!(%error, "no raw socket (CAP_NET_RAW): DNS servers that cannot be reached will look silent");
        }
        Self { v4: v4.ok(), v6: raw(Domain::IPV6, Protocol::ICMPV6, &v6_filter()).ok() }
    }

    /// What to wait for.
    pub(super) fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [&self.v4, &self.v6].into_iter().flatten().map(Socket::as_fd)
    }

    /// Hands on what there is. Whether there may be more.
    pub(super) fn take(&self, mut tell: impl FnMut(&Undelivered<'_>)) -> bool {
        let of_v4 = take(self.v4.as_ref(), undelivered_v4, &mut tell);
        let of_v6 = take(self.v6.as_ref(), undelivered_v6, &mut tell);
        of_v4 || of_v6
    }
}

fn take(
    socket: Option<&Socket>,
    undelivered: impl Fn(&[u8]) -> Option<Undelivered<'_>>,
    tell: &mut impl FnMut(&Undelivered<'_>),
) -> bool {
    let Some(mut socket) = socket else { return false };
    let mut buffer = [0; READ];
    for _ in 0..TURN {
        let Ok(length) = socket.read(&mut buffer) else { return false };
        if let Some(told) = undelivered(buffer.get(..length).unwrap_or_default()) {
            tell(&told);
        }
    }
    true
}

fn raw(domain: Domain, protocol: Protocol, filter: &[SockFilter]) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::RAW.nonblocking(), Some(protocol))?;
    socket.attach_filter(filter)?;
    Ok(socket)
}

// Instructions of classic BPF (`linux/bpf_common.h`).
const LOAD_BYTE_AT: u16 = 0x30;
const LOAD_BYTE_BEHIND_X: u16 = 0x50;
const LOAD_LENGTH_OF_IPV4_INTO_X: u16 = 0xb1;
const SKIP_UNLESS_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// Takes messages that say of a UDP datagram that it could not be delivered. They come with their own head of IPv4.
fn v4_filter() -> [SockFilter; 7] {
    let protocol = u32::try_from(ICMP_BYTES + 9).unwrap_or_default();
    [
        SockFilter::new(LOAD_LENGTH_OF_IPV4_INTO_X, 0, 0, 0),
        SockFilter::new(LOAD_BYTE_BEHIND_X, 0, 0, 0),
        SockFilter::new(SKIP_UNLESS_EQUAL, 0, 3, V4_UNREACHABLE.into()),
        SockFilter::new(LOAD_BYTE_BEHIND_X, 0, 0, protocol),
        SockFilter::new(SKIP_UNLESS_EQUAL, 0, 1, UDP.into()),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// The same for IPv6, whose messages come without a head.
fn v6_filter() -> [SockFilter; 6] {
    let next_header = u32::try_from(ICMP_BYTES + 6).unwrap_or_default();
    [
        SockFilter::new(LOAD_BYTE_AT, 0, 0, 0),
        SockFilter::new(SKIP_UNLESS_EQUAL, 0, 3, V6_UNREACHABLE.into()),
        SockFilter::new(LOAD_BYTE_AT, 0, 0, next_header),
        SockFilter::new(SKIP_UNLESS_EQUAL, 0, 1, UDP.into()),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// Reads a message of ICMP with its own head of IPv4.
fn undelivered_v4(packet: &[u8]) -> Option<Undelivered<'_>> {
    let message = packet.get(ipv4_head(packet)?..)?;
    let [V4_UNREACHABLE, code, ..] = message else { return None };
    let about = message.get(ICMP_BYTES..)?;
    if *code == V4_TOO_BIG || *about.get(9)? != UDP {
        return None;
    }
    let address =
        |at: usize| about.get(at..)?.first_chunk::<4>().map(|octets| IpAddr::from(Ipv4Addr::from_octets(*octets)));
    undelivered(address(12)?, address(16)?, about.get(ipv4_head(about)?..)?)
}

/// Reads a message of `ICMPv6`.
fn undelivered_v6(message: &[u8]) -> Option<Undelivered<'_>> {
    let about = message.get(ICMP_BYTES..)?;
    if *message.first()? != V6_UNREACHABLE || *about.get(6)? != UDP {
        return None;
    }
    let address =
        |at: usize| about.get(at..)?.first_chunk::<16>().map(|octets| IpAddr::from(Ipv6Addr::from_octets(*octets)));
    undelivered(address(8)?, address(24)?, about.get(IPV6_BYTES..)?)
}

/// How long the head of an IPv4 packet is.
fn ipv4_head(packet: &[u8]) -> Option<usize> {
    Some(usize::from(packet.first()? & 0xf) * 4)
}

fn undelivered(source: IpAddr, destination: IpAddr, datagram: &[u8]) -> Option<Undelivered<'_>> {
    let [s0, s1, d0, d1, ..] = datagram else { return None };
    Some(Undelivered {
        client: SocketAddr::new(source, u16::from_be_bytes([*s0, *s1])),
        server: SocketAddr::new(destination, u16::from_be_bytes([*d0, *d1])),
        beginning: datagram.get(UDP_BYTES..).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A question of 2.2.2.2:4660 to 3.3.3.3:53, and what is said of it.
    fn message_of_v4(code: u8) -> Vec<u8> {
        let mut packet = vec![0x46; 1];
        packet.resize(24, 0);
        packet.extend([V4_UNREACHABLE, code, 0, 0, 0, 0, 0, 0]);
        packet.extend([0x45, 0, 0, 0, 0, 0, 0, 0, 0, UDP, 0, 0, 2, 2, 2, 2, 3, 3, 3, 3]);
        packet.extend([0x12, 0x34, 0, 53, 0, 0, 0, 0, 7, 8]);
        packet
    }

    fn message_of_v6() -> Vec<u8> {
        let mut message = vec![V6_UNREACHABLE, 4, 0, 0, 0, 0, 0, 0];
        message.extend([0x60, 0, 0, 0, 0, 0, UDP, 64]);
        message.extend([2; 16]);
        message.extend([3; 16]);
        message.extend([0x12, 0x34, 0, 53, 0, 0, 0, 0, 7, 8]);
        message
    }

    #[test]
    fn tells_who_asked_whom_and_what() {
        let packet = message_of_v4(3);
        let told = undelivered_v4(&packet).unwrap();
        assert_eq!((told.client, told.server), ("2.2.2.2:4660".parse().unwrap(), "3.3.3.3:53".parse().unwrap()));
        assert_eq!(told.beginning, [7, 8]);
        let message = message_of_v6();
        let told = undelivered_v6(&message).unwrap();
        assert_eq!(told.client, "[202:202:202:202:202:202:202:202]:4660".parse().unwrap());
        assert_eq!(told.server, "[303:303:303:303:303:303:303:303]:53".parse().unwrap());
        assert_eq!(told.beginning, [7, 8]);
    }

    #[test]
    fn what_asks_for_smaller_packets_is_no_end() {
        assert_eq!(undelivered_v4(&message_of_v4(V4_TOO_BIG)), None);
    }

    #[test]
    fn a_message_that_ends_early_is_none() {
        let (v4, v6) = (message_of_v4(3), message_of_v6());
        // Up to the ports of the datagram nothing is known.
        assert!((0..v4.len() - 6).all(|end| undelivered_v4(&v4[..end]).is_none()));
        assert!((0..v6.len() - 6).all(|end| undelivered_v6(&v6[..end]).is_none()));
        assert_eq!(undelivered_v4(&v4[..v4.len() - 6]).unwrap().beginning, [0_u8; 0]);
        assert_eq!(undelivered_v6(&v6[..v6.len() - 6]).unwrap().beginning, [0_u8; 0]);
    }
}
