//! UDP sockets that ask a named server: what the hooks for `connect` and `sendmsg` have in common. And those that are one.
//!
//! Datagrams are not steered. These hooks only make a note of the socket, for the program that sees its datagrams: they are
//! the ones that know the calling process, the network namespace, and the server by the address that was asked for.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::generated::{bpf_get_netns_cookie, bpf_get_socket_cookie};
use aya_ebpf::programs::SockAddrContext;
use flowfold_redirect_abi::{Client, Counter, Endpoint, OwnerRecord, UdpSocket};

use crate::connect::{client, socket};
use crate::count::count;
use crate::maps::{UDP_CLIENTS, UDP_SOCKETS};
use crate::word::field;

/// No server.
pub(crate) const NONE: Endpoint = Endpoint { address: [0; 4], port: 0 };

/// A socket is being connected.
#[inline(always)]
pub(crate) fn connecting(ctx: &SockAddrContext, owner: &OwnerRecord, server: &Endpoint) {
    // SAFETY: the context is the kernel's own.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    let is_named = is_named(ctx, owner, server);
    // SAFETY: an entry is written by its socket's own calls.
    match unsafe { UDP_SOCKETS.get(cookie) } {
        // It is what it is, whomever it is connected to.
        Some(known) if known.is_server != 0 => {}
        _ if is_named => note(ctx, cookie, *server, NONE),
        Some(_) => {
            let _: Result<(), i32> = UDP_SOCKETS.remove(cookie);
        }
        None => {}
    }
}

/// A datagram with a destination of its own is being sent.
#[inline(always)]
pub(crate) fn sending(ctx: &SockAddrContext, owner: &OwnerRecord, server: &Endpoint) {
    // SAFETY: the context is the kernel's own.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    let Some(socket) = UDP_SOCKETS.get_ptr_mut(cookie) else {
        if is_named(ctx, owner, server) {
            note(ctx, cookie, NONE, *server);
        }
        return;
    };
    // SAFETY: the entry stays readable and writable until the program ends, whoever removes it. Two threads that use one
    // socket at the same time for two servers may find the address of one with the port of the other.
    let socket = unsafe { &mut *socket };
    if socket.is_server == 0 && socket.sent != *server {
        socket.is_sent_named = is_named(ctx, owner, server).into();
        socket.sent = *server;
        socket.client = client(ctx);
    }
}

#[inline(always)]
fn note(ctx: &SockAddrContext, cookie: u64, connected: Endpoint, sent: Endpoint) {
    let client = client(ctx);
    let mut is_new = UDP_CLIENTS.get_ptr(client.pid).is_none();
    if is_new {
        // Where it fails, its next socket wakes the reader as well.
        let _: Result<(), i32> = UDP_CLIENTS.insert(client.pid, 1, 0);
    }
    // SAFETY: an entry is written by its socket's own calls.
    if let Some(known) = unsafe { UDP_SOCKETS.get(cookie) } {
        is_new |= known.is_new != 0;
    }
    let is_sent_named = (sent.port != 0).into();
    let is_new = is_new.into();
    keep(cookie, &UdpSocket { client, connected, sent, is_new, is_sent_named, is_server: 0, padding: 0 });
}

/// Makes a note of a local server's socket.
#[inline(always)]
pub(crate) fn note_server(cookie: u64) {
    let client = Client { cgroup_id: 0, pid: 0, padding: 0, comm: [0; 2] };
    let (connected, sent) = (NONE, NONE);
    keep(cookie, &UdpSocket { client, connected, sent, is_new: 0, is_sent_named: 0, is_server: 1, padding: 0 });
}

#[inline(always)]
fn keep(cookie: u64, socket: &UdpSocket) {
    if UDP_SOCKETS.insert(cookie, socket, 0).is_err() {
        count(Counter::RecordsLost);
    }
}

/// Is this a server of the plan, seen from the namespace of the plan?
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
fn is_named(ctx: &SockAddrContext, owner: &OwnerRecord, server: &Endpoint) -> bool {
    if !owner.egress_udp.contains(server.port as u16) {
        return false;
    }
    // SAFETY: the context is the kernel's own.
    if unsafe { bpf_get_netns_cookie(ctx.as_ptr()) } != owner.netns_cookie {
        count(Counter::UdpOtherNamespace);
        return false;
    }
    if is_many(server) {
        count(Counter::DirectSpecialDestination);
        return false;
    }
    // A local server's, which answers a peer that asked from such a port, as name servers among themselves do.
    let own_port = field!((*socket(ctx)).src_port) as u16;
    if owner.egress_udp.contains(own_port) || owner.ingress_udp.contains(own_port) {
        count(Counter::DirectNamedPort);
        return false;
    }
    true
}

/// Multicast or broadcast: whoever answers does so under another address.
#[inline(always)]
pub(crate) fn is_many(server: &Endpoint) -> bool {
    match server.as_v4() {
        // 224.0.0.0/4 is multicast; above it 255.255.255.255 is the broadcast address and the rest reserved.
        Some(address) => u32::from_be(address) >= 0xe000_0000,
        None => u32::from_be(server.address[0]) >= 0xff00_0000,
    }
}
