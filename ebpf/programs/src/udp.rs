//! Outgoing datagrams: what the hooks for `connect`, `sendmsg` and `recvmsg` on UDP sockets have in common.
//!
//! Nothing tells an agent where a datagram on its socket was going: a client's port is not known yet when it connects,
//! and one unconnected socket may ask several servers at once. So each server gets a socket of the agent for itself, out
//! of a pool, and whatever arrives there is for that server.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::{BPF_NOEXIST, SO_BINDTODEVICE, SOL_SOCKET};
use aya_ebpf::helpers::generated::{bpf_get_netns_cookie, bpf_get_socket_cookie, bpf_setsockopt};
use aya_ebpf::programs::SockAddrContext;
use flowfold_redirect_abi::{Counter, Endpoint, OWN_MARK, OwnerRecord, UDP_SERVERS_PER_FAMILY};

use crate::connect::{Destination, LOOPBACK_IFINDEX, client, obstacle, owner, socket};
use crate::connect4;
use crate::count::count;
use crate::maps::{UDP_BOUND, UDP_CLIENTS, UDP_LISTENERS, UDP_POOL, UDP_POOL_SPENT, UDP_SERVERS};
use crate::word::field;

/// Decides for a socket that is being connected.
///
/// A socket that is steered is bound to the loopback device for as long as it is connected (the kernel undoes that when
/// it disconnects). Without it one that asks for a device by `IP_UNICAST_IF`, which is out of a program's sight, would
/// send to a loopback address through that device.
#[inline(always)]
pub(crate) fn connecting(ctx: &SockAddrContext, owner: &OwnerRecord, destination: &Destination) -> Option<Endpoint> {
    let listener = sending(ctx, owner, destination)?;
    if field!((*socket(ctx)).bound_dev_if) == 0 && bind_to_device(ctx, *b"lo\0\0") {
        // SAFETY: the context is the kernel's own.
        let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
        if UDP_BOUND.insert(cookie, 0, 0).is_err() {
            count(Counter::RecordsLost);
        }
    }
    Some(listener)
}

/// Decides for one datagram of an unconnected socket.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
pub(crate) fn sending(ctx: &SockAddrContext, owner: &OwnerRecord, destination: &Destination) -> Option<Endpoint> {
    let named = owner.egress_udp.contains(destination.endpoint.port as u16);
    let listener = if named && field!((*socket(ctx)).mark) != OWN_MARK { steer(ctx, owner, destination) } else { None };
    if listener.is_none() {
        unbind(ctx);
    }
    listener
}

#[inline(always)]
fn steer(ctx: &SockAddrContext, owner: &OwnerRecord, destination: &Destination) -> Option<Endpoint> {
    if let Some(reason) = obstacle(ctx, owner, destination).or_else(|| obstacle_of_socket(ctx, owner)) {
        count(reason);
        return None;
    }
    // SAFETY: only whether there is an entry matters.
    if unsafe { UDP_SERVERS.get(destination.endpoint) }.is_some() {
        // To a socket of the agent itself.
        return None;
    }
    let listener = match listener_for(&destination.endpoint) {
        Ok(listener) => listener,
        Err(reason) => {
            count(reason);
            return None;
        }
    };
    // SAFETY: the context is the kernel's own.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    if UDP_CLIENTS.insert(cookie, client(ctx), 0).is_err() {
        count(Counter::RecordsLost);
    }
    count(Counter::SteeredUdp);
    Some(listener)
}

/// Why no datagram of this socket is to be steered.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
fn obstacle_of_socket(ctx: &SockAddrContext, owner: &OwnerRecord) -> Option<Counter> {
    // A local server's, which answers a peer that asked from such a port, as name servers among themselves do.
    if owner.egress_udp.contains(field!((*socket(ctx)).src_port) as u16) {
        return Some(Counter::DirectNamedPort);
    }
    // Routes and firewalls may tell it by its mark, which the agent's socket towards the server doesn't have.
    if field!((*socket(ctx)).mark) != 0 {
        return Some(Counter::DirectMarkedSocket);
    }
    None
}

/// The agent's socket for a server; the first datagram to a server takes one out of the pool.
#[inline(always)]
fn listener_for(server: &Endpoint) -> Result<Endpoint, Counter> {
    // SAFETY: an entry is written once and stays.
    if let Some(listener) = unsafe { UDP_LISTENERS.get(server) } {
        return Ok(*listener);
    }
    let family = u32::from(server.as_v4().is_none());
    let spent = UDP_POOL_SPENT.get_ptr_mut(family).ok_or(Counter::DirectUdpServers)?;
    if field!(*spent) != 0 {
        return Err(Counter::DirectUdpServers);
    }
    let listener = take_from_pool(family, server)?;
    if let Some(listener) = listener {
        if UDP_LISTENERS.insert(server, listener, u64::from(BPF_NOEXIST)).is_ok() {
            return Ok(listener);
        }
        // Another processor was faster with the same server. Nobody has heard of this socket yet.
        let _: Result<(), i32> = UDP_SERVERS.remove(listener);
        // SAFETY: as above.
        return unsafe { UDP_LISTENERS.get(server) }.copied().ok_or(Counter::DirectMapFull);
    }
    // SAFETY: one word, and every writer writes the same.
    unsafe { spent.write_volatile(1) };
    Err(Counter::DirectUdpServers)
}

/// A socket of the pool that is nobody's yet, and is this server's from now on. None: there is none left.
#[inline(always)]
fn take_from_pool(family: u32, server: &Endpoint) -> Result<Option<Endpoint>, Counter> {
    let first = family * UDP_SERVERS_PER_FAMILY;
    for index in 0..UDP_SERVERS_PER_FAMILY {
        let Some(listener) = UDP_POOL.get(first + index) else { break };
        if listener.port == 0 {
            return if index == 0 { Err(Counter::DirectNoListener) } else { Ok(None) };
        }
        if UDP_SERVERS.insert(listener, server, u64::from(BPF_NOEXIST)).is_ok() {
            return Ok(Some(*listener));
        }
    }
    Ok(None)
}

/// The server that is to be shown in place of one of the agent's sockets.
#[inline(always)]
pub(crate) fn server_behind(ctx: &SockAddrContext, source: Endpoint) -> Option<Endpoint> {
    let is_loopback = source.as_v4().is_some_and(|address| address == connect4::LOOPBACK)
        || source.address == [0, 0, 0, 1_u32.to_be()];
    if !is_loopback {
        return None;
    }
    let owner = owner()?;
    // SAFETY: the context is the kernel's own; an entry is written once and stays.
    unsafe {
        if bpf_get_netns_cookie(ctx.as_ptr()) != owner.netns_cookie {
            return None;
        }
        UDP_SERVERS.get(source).copied()
    }
}

/// A socket that was steered goes direct this time.
#[inline(always)]
fn unbind(ctx: &SockAddrContext) {
    if field!((*socket(ctx)).bound_dev_if) != LOOPBACK_IFINDEX {
        return;
    }
    // SAFETY: the context is the kernel's own; only whether there is an entry matters.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    if unsafe { UDP_BOUND.get(cookie) }.is_some() {
        let _: Result<(), i32> = UDP_BOUND.remove(cookie);
        bind_to_device(ctx, [0; 4]);
    }
}

#[inline(always)]
fn bind_to_device(ctx: &SockAddrContext, mut name: [u8; 4]) -> bool {
    // SAFETY: the context is the kernel's own, and the value four bytes long.
    let outcome = unsafe {
        bpf_setsockopt(
            ctx.as_ptr(),
            SOL_SOCKET.cast_signed(),
            SO_BINDTODEVICE.cast_signed(),
            name.as_mut_ptr().cast(),
            4,
        )
    };
    outcome == 0
}
