//! UDP sockets that ask a named server: what the hooks for `connect` and `sendmsg` have in common. And those that are one.
//!
//! Datagrams are not steered. These hooks only make a note of the socket, for the program that sees its datagrams: they are
//! the ones that know the calling process, the network namespace, and the server by the address that was asked for.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::bpf_sock;
use aya_ebpf::helpers::generated::{bpf_get_netns_cookie, bpf_get_socket_cookie};
use aya_ebpf::programs::SockAddrContext;
use flowfold_redirect_abi::{Client, Counter, Endpoint, OwnerRecord, UdpSocket};

use crate::connect::{client, socket};
use crate::count::count;
use crate::maps::{UDP_CLIENTS, UDP_SOCKETS};
use crate::udp_known;
use crate::word::field;

/// No server.
pub(crate) const NONE: Endpoint = Endpoint { address: [0; 4], port: 0 };

/// A socket is being connected.
#[inline(always)]
pub(crate) fn connecting(ctx: &SockAddrContext, owner: &OwnerRecord, server: &Endpoint) {
    let socket = socket(ctx);
    let is_named = is_named(ctx, owner, server);
    match udp_known::of(socket) {
        // It is what it is, whomever it is connected to.
        Some(known) if known.is_server != 0 => {}
        Some(known) if is_named => {
            (known.connected, known.sent, known.is_sent_named) = (*server, NONE, 0);
            known.is_new |= u32::from(is_by_new_process(&note_client(ctx, known.cookie)));
        }
        Some(known) => {
            let _: Result<(), i32> = UDP_SOCKETS.remove(known.cookie);
            udp_known::forget(socket);
        }
        None if is_named => note(ctx, *server, NONE),
        None => {}
    }
}

/// A datagram with a destination of its own is being sent.
#[inline(always)]
pub(crate) fn sending(ctx: &SockAddrContext, owner: &OwnerRecord, server: &Endpoint) {
    let Some(known) = udp_known::of(socket(ctx)) else {
        if is_named(ctx, owner, server) {
            note(ctx, NONE, *server);
        }
        return;
    };
    if known.is_server == 0 && known.sent != *server {
        known.is_sent_named = is_named(ctx, owner, server).into();
        known.sent = *server;
        note_client(ctx, known.cookie);
    }
}

#[inline(always)]
fn note(ctx: &SockAddrContext, connected: Endpoint, sent: Endpoint) {
    // SAFETY: the context is the kernel's own.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    let is_new = is_by_new_process(&note_client(ctx, cookie)).into();
    let is_sent_named = (sent.port != 0).into();
    let known = UdpSocket { cookie, connected, sent, is_new, is_sent_named, is_server: 0, padding: 0 };
    if !udp_known::note(socket(ctx), &known) {
        // Nobody will be told of the socket's end.
        let _: Result<(), i32> = UDP_SOCKETS.remove(cookie);
    }
}

/// Makes a note of who makes the call.
#[inline(always)]
fn note_client(ctx: &SockAddrContext, cookie: u64) -> Client {
    let client = client(ctx);
    if let Some(noted) = UDP_SOCKETS.get_ptr_mut(cookie) {
        // SAFETY: the entry stays writable until the program ends, and only this socket's own calls write it. A socket that asks
        // many servers in turn does so for each.
        unsafe { noted.write(client) };
    } else if UDP_SOCKETS.insert(cookie, client, 0).is_err() {
        count(Counter::RecordsLost);
    }
    client
}

/// Is this the first that the process asks?
#[inline(always)]
fn is_by_new_process(client: &Client) -> bool {
    let is_new = UDP_CLIENTS.get_ptr(client.pid).is_none();
    if is_new {
        // Where it fails, its next socket wakes the reader as well.
        let _: Result<(), i32> = UDP_CLIENTS.insert(client.pid, 1, 0);
    }
    is_new
}

/// Makes a note of a local server's socket. Whether there was memory for it.
#[inline(always)]
pub(crate) fn note_server(socket: *const bpf_sock, cookie: u64) -> bool {
    let (connected, sent) = (NONE, NONE);
    let known = UdpSocket { cookie, connected, sent, is_new: 0, is_sent_named: 0, is_server: 1, padding: 0 };
    udp_known::note(socket, &known)
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
