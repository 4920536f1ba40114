//! `getpeername` and `accept` on an IPv4 socket.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use flowfold_redirect_abi::Endpoint;

use crate::connect::socket;
use crate::connect4;
use crate::getpeername::{PROCEED, shown_peer};
use crate::word::{field, port_of_field};

/// Replaces the address that is about to be returned.
#[cgroup_sock_addr(getpeername4)]
#[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
pub fn flowfold_peer4(ctx: SockAddrContext) -> i32 {
    let call = ctx.sock_addr;
    let sk = socket(&ctx);
    let peer = Endpoint::v4(field!((*call).user_ip4), port_of_field(field!((*call).user_port)));
    let local = Endpoint::v4(field!((*sk).src_ip4), field!((*sk).src_port) as u16);
    if let Some(shown) = shown_peer(&ctx, peer, local) {
        connect4::put_address(&ctx, &shown);
    }
    PROCEED
}
