//! The headers of a datagram, where they lie.

use aya_ebpf::programs::SkBuffContext;
use flowfold_redirect_abi::Endpoint;

use crate::word::field;

/// The protocols of a packet as `skb->protocol` has them.
const ETH_P_IP: u32 = 0x0800_u16.to_be() as u32;
const ETH_P_IPV6: u32 = 0x86dd_u16.to_be() as u32;

const IPPROTO_UDP: u8 = 17;
const IPV4_WORDS: usize = 5;
const IPV6_WORDS: usize = 10;
const IPV6_HEADER_BYTES: u32 = 40;
const UDP_HEADER_BYTES: u32 = 8;

/// What the headers of a datagram say.
pub(crate) struct Packet {
    pub(crate) source: Endpoint,
    pub(crate) destination: Endpoint,
    /// Where what it carries begins.
    pub(crate) payload: u32,
    /// How long that is.
    pub(crate) bytes: u32,
}

/// Reads the headers in place: the kernel has them in one piece before it looks for a socket, and makes them in one.
#[inline(always)]
pub(crate) fn read(ctx: &SkBuffContext) -> Option<Packet> {
    match field!((*ctx.skb.skb).protocol) {
        ETH_P_IP => ipv4(ctx),
        ETH_P_IPV6 => ipv6(ctx),
        _ => None,
    }
}

#[inline(always)]
fn ipv4(ctx: &SkBuffContext) -> Option<Packet> {
    let [first, _, third, source, destination] = words::<IPV4_WORDS>(ctx, 0)?;
    let [version_and_length, ..] = first.to_ne_bytes();
    let [_, protocol, ..] = third.to_ne_bytes();
    if protocol != IPPROTO_UDP {
        return None;
    }
    let udp = u32::from(version_and_length & 0xf) * 4;
    let (ports, bytes) = udp_header(ctx, udp)?;
    Some(Packet {
        source: Endpoint::v4(source, ports[0]),
        destination: Endpoint::v4(destination, ports[1]),
        payload: udp + UDP_HEADER_BYTES,
        bytes,
    })
}

/// Extension headers are not followed: name servers and their clients send none.
#[inline(always)]
fn ipv6(ctx: &SkBuffContext) -> Option<Packet> {
    let [_, length_and_next, s0, s1, s2, s3, d0, d1, d2, d3] = words::<IPV6_WORDS>(ctx, 0)?;
    let [_, _, next, _] = length_and_next.to_ne_bytes();
    if next != IPPROTO_UDP {
        return None;
    }
    let (ports, bytes) = udp_header(ctx, IPV6_HEADER_BYTES)?;
    Some(Packet {
        source: Endpoint::v6([s0, s1, s2, s3], ports[0]),
        destination: Endpoint::v6([d0, d1, d2, d3], ports[1]),
        payload: IPV6_HEADER_BYTES + UDP_HEADER_BYTES,
        bytes,
    })
}

/// The ports, and how many bytes the datagram carries.
#[inline(always)]
fn udp_header(ctx: &SkBuffContext, offset: u32) -> Option<([u16; 2], u32)> {
    let [ports, length_and_sum] = words::<2>(ctx, offset)?;
    let ([s0, s1, d0, d1], [l0, l1, ..]) = (ports.to_ne_bytes(), length_and_sum.to_ne_bytes());
    let bytes = u32::from(u16::from_be_bytes([l0, l1])).checked_sub(UDP_HEADER_BYTES)?;
    Some(([u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])], bytes))
}

/// Some words of a packet, in its byte order.
#[inline(always)]
fn words<const N: usize>(ctx: &SkBuffContext, offset: u32) -> Option<[u32; N]> {
    let (begin, end) = (field!((*ctx.skb.skb).data), field!((*ctx.skb.skb).data_end));
    let place = begin as usize + offset as usize;
    if place + N * size_of::<u32>() > end as usize {
        return None;
    }
    let place = place as *const u32;
    // SAFETY: so many words lie before the end, and the kernel's machine reads one from wherever it lies.
    Some(core::array::from_fn(|word| unsafe { place.add(word).read_volatile() }))
}
