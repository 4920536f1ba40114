//! What decides where a call goes, or takes note of it, as functions of the object.
//!
//! The hooks of both address families call them, so they are not inlined. Their symbols are named here: the compiler's
//! own names depend on where the checkout lies, and the object must not. A function with a symbol of its own can't return
//! more than a word, so the listener that a call is to go to is written to a place of the caller's; whether there is one is
//! returned.

use core::mem::MaybeUninit;

use aya_ebpf::programs::SockAddrContext;
use flowfold_redirect_abi::{Endpoint, OwnerRecord};

use crate::connect::{Destination, redirect};
use crate::udp_socket;

/// For a TCP socket that is being connected.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) fn flowfold_tcp_connecting(
    ctx: &SockAddrContext,
    owner: &OwnerRecord,
    destination: &Destination,
    listener: &mut MaybeUninit<Endpoint>,
) -> bool {
    told(redirect(ctx, owner, destination), listener)
}

/// For a UDP socket that is being connected.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) fn flowfold_udp_connecting(ctx: &SockAddrContext, owner: &OwnerRecord, server: &Endpoint) -> u32 {
    udp_socket::connecting(ctx, owner, server);
    0
}

/// For a datagram with a destination of its own.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) fn flowfold_udp_sending(ctx: &SockAddrContext, owner: &OwnerRecord, server: &Endpoint) -> u32 {
    udp_socket::sending(ctx, owner, server);
    0
}

#[inline(always)]
fn told(decided: Option<Endpoint>, listener: &mut MaybeUninit<Endpoint>) -> bool {
    decided.is_some_and(|decided| {
        listener.write(decided);
        true
    })
}
