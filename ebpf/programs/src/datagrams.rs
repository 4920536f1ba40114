//! Copies the datagrams between a socket that asks a named server and that server, as they pass by, and tells of its end; and
//! those between a local server at a named port and its clients.
//!
//! The datagrams themselves go on, whatever happens here: nothing waits for the agent, and an agent that is slow or gone
//! costs copies and no traffic.

use core::hint::black_box;
use core::ptr::addr_of_mut;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP, bpf_sock};
use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_ktime_get_ns, bpf_sk_fullsock, bpf_skb_load_bytes};
use aya_ebpf::macros::{cgroup_skb, cgroup_sock};
use aya_ebpf::programs::{SkBuffContext, SockContext};
use flowfold_redirect_abi::{
    Counter, DATAGRAM_COPIED, DATAGRAM_SERVER_BYTES, DATAGRAM_WAKE_BYTES, DatagramCopy, DatagramEvent, DatagramHead,
    Endpoint, Tuple, UdpSocket,
};

use crate::connect::{IPPROTO_UDP, owner};
use crate::count::count;
use crate::maps::{LOOKED_UP, UDP_SOCKETS};
use crate::packet::{self, Packet};
use crate::rings;
use crate::udp_known;
use crate::udp_socket::{NONE, is_many, note_server};
use crate::word::{field, field_words};

/// What these hooks return to let a packet go on.
const PROCEED: i32 = 1;

/// A datagram of a local socket leaves.
#[cgroup_skb(egress)]
pub fn flowfold_udpout(ctx: SkBuffContext) -> i32 {
    let _seen: Option<()> = see(&ctx, false);
    PROCEED
}

/// A datagram comes to a local socket.
#[cgroup_skb(ingress)]
pub fn flowfold_udpin(ctx: SkBuffContext) -> i32 {
    let _seen: Option<()> = see(&ctx, true);
    PROCEED
}

/// A socket is closed.
#[cgroup_sock(sock_release)]
pub fn flowfold_udpend(ctx: SockContext) -> i32 {
    if field!((*ctx.sock).protocol) == IPPROTO_UDP
        && let Some(known) = udp_known::of(ctx.sock)
        && !tell_end(known.cookie)
    {
        let _: Result<(), i32> = UDP_SOCKETS.remove(known.cookie);
    }
    PROCEED
}

/// Whose the socket was stays known until the reader has come so far, who asks for it. Without room he finds out by
/// the silence.
#[inline(always)]
fn tell_end(cookie: u64) -> bool {
    let event = DatagramEvent::Closed as u32;
    let at = now();
    let Some(mut room) = rings::of_this_processor().reserve::<DatagramHead>(0) else { return false };
    room.write(DatagramHead { at, cookie, client: NONE, server: NONE, event, bytes: 0, copied: 0, padding: 0 });
    room.submit(u64::from(BPF_RB_NO_WAKEUP));
    true
}

/// The time of what is about to be written: it is taken before there is room for it, so that all that stands in front of it is older
/// than what it brings about.
#[inline(always)]
fn now() -> u64 {
    // SAFETY: no argument, no failure.
    unsafe { bpf_ktime_get_ns() }
}

/// A datagram that is to be copied.
struct Seen {
    /// The socket's.
    cookie: u64,
    event: DatagramEvent,
    client: Endpoint,
    server: Endpoint,
    /// Somebody waits for the reader to see it.
    is_awaited: bool,
}

#[inline(always)]
fn see(ctx: &SkBuffContext, comes_in: bool) -> Option<()> {
    let socket = field!((*ctx.skb.skb).__bindgen_anon_2.sk);
    if socket.is_null() {
        return None;
    }
    let known = udp_known::of(socket);
    if known.is_none() && !(comes_in && is_at_named_port(socket) && is_udp(socket)) {
        return None;
    }
    let packet = packet::read(ctx)?;
    let seen = match known {
        Some(known) if known.is_server == 0 => at_client(known, socket, &packet, comes_in)?,
        known => at_server(ctx, known, socket, &packet, comes_in)?,
    };
    copy(ctx, &seen, &packet);
    Some(())
}

/// A datagram at the socket of one who asks.
#[inline(always)]
fn at_client(known: &mut UdpSocket, socket: *const bpf_sock, packet: &Packet, comes_in: bool) -> Option<Seen> {
    let server = server(known, socket, packet, comes_in)?;
    let is_awaited = if comes_in { owner().is_some_and(|owner| owner.prompt_answers != 0) } else { known.is_new != 0 };
    if is_awaited && !comes_in {
        known.is_new = 0;
    }
    let event = if comes_in { DatagramEvent::FromServer } else { DatagramEvent::ToServer };
    Some(Seen { cookie: known.cookie, event, client: local(socket, packet, comes_in), server, is_awaited })
}

/// A datagram at a local server's socket. The first that it is sent must have been looked up in the plan's namespace; no helper
/// of these hooks tells the namespace of a socket (before Linux 6.14).
#[inline(always)]
fn at_server(
    ctx: &SkBuffContext,
    known: Option<&mut UdpSocket>,
    socket: *const bpf_sock,
    packet: &Packet,
    comes_in: bool,
) -> Option<Seen> {
    let server = local(socket, packet, comes_in);
    if !comes_in {
        let (event, client) = (DatagramEvent::OutOfServer, packet.destination);
        return Some(Seen { cookie: known?.cookie, event, client, server, is_awaited: false });
    }
    if is_many(&packet.destination) {
        return None;
    }
    let is_of_namespace = is_looked_up(packet);
    let cookie = if let Some(known) = known {
        known.cookie
    } else {
        if !is_of_namespace {
            return None;
        }
        // SAFETY: the context is the kernel's own.
        let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
        if !note_server(socket, cookie) {
            return None;
        }
        cookie
    };
    Some(Seen { cookie, event: DatagramEvent::IntoServer, client: packet.source, server, is_awaited: false })
}

/// Is the socket bound to a port that a rule for local servers names?
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
fn is_at_named_port(socket: *const bpf_sock) -> bool {
    owner().is_some_and(|owner| owner.ingress_udp.contains(field!((*socket).src_port) as u16))
}

/// Is this the datagram for which a socket was looked up last? Its socket comes next, on the same processor. It is so once alone:
/// another namespace may have the same addresses.
#[inline(always)]
fn is_looked_up(packet: &Packet) -> bool {
    let Some(looked_up) = LOOKED_UP.get_ptr_mut(0) else { return false };
    // SAFETY: the slot is this processor's own.
    let looked_up = unsafe { &mut *looked_up };
    let is_it = *looked_up == Tuple { source: packet.source, destination: packet.destination };
    looked_up.destination.port = 0;
    is_it
}

/// The end of the socket's own host. The headers may have an address that a firewall put there, and a socket may have none of
/// its own.
#[inline(always)]
fn local(socket: *const bpf_sock, packet: &Packet, comes_in: bool) -> Endpoint {
    let mut of_packet = if comes_in { packet.destination } else { packet.source };
    of_packet.port = field!((*socket).src_port);
    let (v4, v6) = (field!((*socket).src_ip4), field_words!((*socket).src_ip6));
    if of_packet.as_v4().is_some() {
        if v4 != 0 {
            of_packet.address = Endpoint::v4(v4, 0).address;
        }
    } else if v6 != [0; 4] {
        of_packet.address = v6;
    }
    of_packet
}

/// A UDP socket? Only of a socket that is more than a request for one, or what is left of one, is that told.
#[inline(always)]
fn is_udp(socket: *mut bpf_sock) -> bool {
    // SAFETY: not null, and the verifier knows where it comes from.
    let full = unsafe { bpf_sk_fullsock(socket) };
    !full.is_null() && field!((*full).protocol) == IPPROTO_UDP
}

/// The named server that a datagram goes to or comes from.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
fn server(known: &UdpSocket, socket: *const bpf_sock, packet: &Packet, comes_in: bool) -> Option<Endpoint> {
    let is_connected = field!((*socket).dst_port) != 0;
    if is_connected {
        if !comes_in && known.sent == packet.destination {
            return (known.is_sent_named != 0).then_some(known.sent);
        }
        // The kernel takes no other's datagrams for it.
        return (known.connected.port != 0).then_some(known.connected);
    }
    if comes_in {
        // Here every address is the one that was asked for again. An agent that has let go names no ports any more.
        let is_named = (known.is_sent_named != 0 && packet.source.port == known.sent.port)
            || owner().is_some_and(|owner| owner.egress_udp.contains(packet.source.port as u16));
        return is_named.then_some(packet.source);
    }
    (known.is_sent_named != 0).then_some(known.sent)
}

/// Copies as much as there is room for.
#[inline(always)]
fn copy(ctx: &SkBuffContext, seen: &Seen, packet: &Packet) {
    let copied = match packet.bytes {
        // No message, and nothing to count.
        0 => return,
        1..=64 => copy_into::<64>(ctx, seen, packet),
        65..=128 => copy_into::<128>(ctx, seen, packet),
        129..=512 => copy_into::<512>(ctx, seen, packet),
        513..=2048 => copy_into::<2048>(ctx, seen, packet),
        _ => copy_into::<DATAGRAM_COPIED>(ctx, seen, packet),
    };
    if !copied {
        count(match seen.event {
            DatagramEvent::FromServer => Counter::UnreadToClient,
            DatagramEvent::IntoServer => Counter::UnreadIntoServer,
            DatagramEvent::OutOfServer => Counter::UnreadOutOfServer,
            DatagramEvent::ToServer | DatagramEvent::Closed => Counter::UnreadToServer,
        });
    }
}

#[inline(always)]
fn copy_into<const N: usize>(ctx: &SkBuffContext, seen: &Seen, packet: &Packet) -> bool {
    let ring = rings::of_this_processor();
    let is_at_server = matches!(seen.event, DatagramEvent::IntoServer | DatagramEvent::OutOfServer);
    if is_at_server && ring.query(u64::from(BPF_RB_AVAIL_DATA)) > DATAGRAM_SERVER_BYTES {
        return false;
    }
    let at = now();
    let Some(mut room) = ring.reserve::<DatagramCopy<N>>(0) else { return false };
    let place = room.as_mut_ptr();
    // There is something to copy. The verifier wants to see that with its own eyes, and that it is not too much; of a comparison,
    // as the compiler makes one of both, those before Linux 6.11 learn nothing.
    const { assert!(N.is_power_of_two()) };
    let copied = (black_box((packet.bytes as usize).min(N)).wrapping_sub(1) & (N - 1)) + 1;
    let head = DatagramHead {
        at,
        cookie: seen.cookie,
        client: seen.client,
        server: seen.server,
        event: seen.event as u32,
        bytes: packet.bytes,
        copied: copied as u32,
        padding: 0,
    };
    // SAFETY: the room is the program's own until it is submitted, and large enough.
    let is_copied = unsafe {
        addr_of_mut!((*place).head).write(head);
        bpf_skb_load_bytes(ctx.as_ptr(), packet.payload, addr_of_mut!((*place).payload).cast(), copied as u32) == 0
    };
    if !is_copied {
        room.discard(0);
        return false;
    }
    // Otherwise the reader's next look is soon enough. Beyond, he is awake.
    let wakes = seen.is_awaited || DATAGRAM_WAKE_BYTES.contains(&ring.query(u64::from(BPF_RB_AVAIL_DATA)));
    room.submit(u64::from(if wakes { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP }));
    true
}
