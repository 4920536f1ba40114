//! `connect` on an IPv6 socket, to an IPv6 or a v4-mapped address.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use flowfold_redirect_abi::{Endpoint, OwnerRecord};

use crate::connect::{self, Destination, PROCEED};
use crate::connect4;
use crate::word::{field, field_of_port, field_words, port_of_field, set_field};

/// `::1` in network byte order.
const LOOPBACK: [u32; 4] = [0, 0, 0, 1u32.to_be()];

/// Rewrites the destination if the connection is to be steered.
#[cgroup_sock_addr(connect6)]
pub fn flowfold_conn6(ctx: SockAddrContext) -> i32 {
    connect::connecting(&ctx, asked, put_address);
    PROCEED
}

/// The destination of the call.
#[inline(always)]
pub(crate) fn asked(ctx: &SockAddrContext, owner: &OwnerRecord) -> Destination {
    let call = ctx.sock_addr;
    let port = port_of_field(field!((*call).user_port));
    let asked = Endpoint::v6(field_words!((*call).user_ip6), port);
    match asked.as_v4() {
        // The socket will speak IPv4, so it must meet the IPv4 listener, under its v4-mapped address.
        Some(address) => connect4::destination(address, port, owner.listener_port),
        None => destination(asked, owner),
    }
}

/// Writes the address of the call; an IPv4 one as v4-mapped.
#[inline(always)]
pub(crate) fn put_address(ctx: &SockAddrContext, endpoint: &Endpoint) {
    let call = ctx.sock_addr;
    let [first, second, third, fourth] = endpoint.address;
    set_field!((*call).user_ip6[0], first);
    set_field!((*call).user_ip6[1], second);
    set_field!((*call).user_ip6[2], third);
    set_field!((*call).user_ip6[3], fourth);
    set_field!((*call).user_port, field_of_port(endpoint.port));
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
fn destination(asked: Endpoint, owner: &OwnerRecord) -> Destination {
    let mut endpoint = asked;
    if endpoint.address == [0; 4] {
        // The kernel takes :: for this host.
        endpoint.address = LOOPBACK;
    }
    let first = u32::from_be(endpoint.address[0]);
    // fe80::/10 needs a scope id, which the context does not show; ff00::/8 is multicast.
    let special = first & 0xffc0_0000 == 0xfe80_0000 || first >= 0xff00_0000;
    let listener = (owner.has_v6_listener != 0).then(|| Endpoint::v6(LOOPBACK, owner.listener_port as u16));
    Destination { endpoint, listener, special }
}
