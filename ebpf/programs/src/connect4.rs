//! `connect` on an IPv4 socket.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use flowfold_redirect_abi::{Endpoint, OwnerRecord};

use crate::connect::{self, Destination, PROCEED};
use crate::word::{field, field_of_port, port_of_field, set_field};

/// 127.0.0.1 in network byte order.
const LOOPBACK: u32 = u32::from_ne_bytes([127, 0, 0, 1]);

/// Rewrites the destination if the connection is to be steered.
#[cgroup_sock_addr(connect4)]
pub fn flowfold_conn4(ctx: SockAddrContext) -> i32 {
    connect::connecting(&ctx, asked, put_address);
    PROCEED
}

/// The destination of the call.
#[inline(always)]
pub(crate) fn asked(ctx: &SockAddrContext, owner: &OwnerRecord) -> Destination {
    let call = ctx.sock_addr;
    destination(field!((*call).user_ip4), port_of_field(field!((*call).user_port)), owner.listener_port)
}

/// Writes the address of the call.
#[inline(always)]
pub(crate) fn put_address(ctx: &SockAddrContext, endpoint: &Endpoint) {
    let call = ctx.sock_addr;
    if let Some(address) = endpoint.as_v4() {
        set_field!((*call).user_ip4, address);
        set_field!((*call).user_port, field_of_port(endpoint.port));
    }
}

/// An IPv4 destination, also one that was written as v4-mapped IPv6.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
pub(crate) fn destination(address: u32, port: u16, listener_port: u32) -> Destination {
    // The kernel takes 0.0.0.0 for this host.
    let address = if address == 0 { LOOPBACK } else { address };
    // 224.0.0.0/4 is multicast; above it 255.255.255.255 is the broadcast address and the rest reserved.
    let special = u32::from_be(address) >= 0xe000_0000;
    let listener = Some(Endpoint::v4(LOOPBACK, listener_port as u16));
    Destination { endpoint: Endpoint::v4(address, port), listener, special }
}
