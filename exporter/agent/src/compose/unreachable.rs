//! Tells clients of datagrams that their server cannot be reached, by the message of ICMP that they would have had.

use std::io;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use socket2::{Domain, Protocol, Socket, Type};

/// Raw sockets for the two versions of ICMP, opened in the steered network namespace while that is allowed.
#[derive(Debug)]
pub(super) struct Unreachable {
    v4: Option<Socket>,
    v6: Option<Socket>,
}

/// Destination unreachable, in ICMP (RFC 792) and in `ICMPv6` (RFC 4443 section 3.1).
const V4_UNREACHABLE: u8 = 3;
const V6_UNREACHABLE: u8 = 1;

/// The protocol number of UDP.
const UDP: u8 = 17;

/// Lengths of the heads.
const IPV4_BYTES: u16 = 20;
const UDP_BYTES: u16 = 8;

impl Unreachable {
    /// Opens the sockets. Without the privilege (`CAP_NET_RAW`) clients of a closed port wait for their own time to run
    /// out.
    pub(super) fn open() -> Self {
        let v4 = raw(Domain::IPV4, Protocol::ICMPV4);
        if let Err(error) = &v4 {
            tracing::warn!(%error, "no raw socket (CAP_NET_RAW): clients of a DNS server that refuses datagrams will wait");
        }
        Self { v4: v4.ok(), v6: raw(Domain::IPV6, Protocol::ICMPV6).ok() }
    }

    /// Tells a client that sent a datagram to `listener` what became of it.
    pub(super) fn tell(&self, client: SocketAddr, listener: SocketAddr, reason: io::ErrorKind) {
        let sent = match (client, listener) {
            (SocketAddr::V4(client), SocketAddr::V4(listener)) => self.v4.as_ref().map(|socket| {
                let to = SocketAddr::new((*client.ip()).into(), 0);
                socket.send_to(&v4_message(client, listener, v4_code(reason)), &to.into())
            }),
            (SocketAddr::V6(client), SocketAddr::V6(listener)) => self.v6.as_ref().map(|socket| {
                let to = SocketAddr::new((*client.ip()).into(), 0);
                socket.send_to(&v6_message(client, listener, v6_code(reason)), &to.into())
            }),
            _ => None,
        };
        if let Some(Err(error)) = sent {
            tracing::debug!(%client, %error, "a client cannot be told that its server is not reachable");
        }
    }
}

fn raw(domain: Domain, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::RAW.nonblocking(), Some(protocol))?;
    // Only sends: the least that the kernel takes for what arrives.
    socket.set_recv_buffer_size(0)?;
    Ok(socket)
}

fn v4_code(reason: io::ErrorKind) -> u8 {
    match reason {
        io::ErrorKind::NetworkUnreachable => 0,
        io::ErrorKind::HostUnreachable => 1,
        _ => 3,
    }
}

fn v6_code(reason: io::ErrorKind) -> u8 {
    match reason {
        io::ErrorKind::NetworkUnreachable => 0,
        io::ErrorKind::HostUnreachable => 3,
        _ => 4,
    }
}

/// The ports and the length of the datagram that the message is about. The kernel finds the socket by the ports.
fn udp_head(client: u16, listener: u16) -> [u8; UDP_BYTES as usize] {
    let mut head = [0; UDP_BYTES as usize];
    for (place, number) in head.as_chunks_mut().0.iter_mut().zip([client, listener, UDP_BYTES]) {
        *place = number.to_be_bytes();
    }
    head
}

/// Type, code and checksum, and the head of the datagram that it is about.
fn v4_message(client: SocketAddrV4, listener: SocketAddrV4, code: u8) -> Vec<u8> {
    let mut message = vec![V4_UNREACHABLE, code, 0, 0, 0, 0, 0, 0];
    let [high, low] = (IPV4_BYTES + UDP_BYTES).to_be_bytes();
    message.extend([0x45, 0, high, low, 0, 0, 0, 0, 64, UDP, 0, 0]);
    message.extend(client.ip().octets());
    message.extend(listener.ip().octets());
    message.extend(udp_head(client.port(), listener.port()));
    let sum = checksum(&message);
    if let Some(place) = message.get_mut(2..4) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    message
}

/// The same; here the kernel fills in the checksum (RFC 3542 section 3.1).
fn v6_message(client: SocketAddrV6, listener: SocketAddrV6, code: u8) -> Vec<u8> {
    let mut message = vec![V6_UNREACHABLE, code, 0, 0, 0, 0, 0, 0];
    let [high, low] = UDP_BYTES.to_be_bytes();
    message.extend([0x60, 0, 0, 0, high, low, UDP, 64]);
    message.extend(client.ip().octets());
    message.extend(listener.ip().octets());
    message.extend(udp_head(client.port(), listener.port()));
    message
}

/// The checksum of the Internet protocols (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.as_chunks().0.iter().map(|word| u32::from(u16::from_be_bytes(*word)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let [.., high, low] = ((folded & 0xffff) + (folded >> 16)).to_be_bytes();
    !u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_makes_the_sum_come_out_even() {
        let message = v4_message("10.0.0.1:5000".parse().unwrap(), "127.0.0.1:6000".parse().unwrap(), 3);
        assert_eq!((message.len(), message[0], message[1]), (36, 3, 3));
        assert_eq!(checksum(&message), 0);
    }
}
