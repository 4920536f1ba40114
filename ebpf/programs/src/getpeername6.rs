//! `getpeername` and `accept` on an IPv6 socket, which may carry an IPv4 connection under v4-mapped addresses.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use flowfold_redirect_abi::Endpoint;

use crate::connect::socket;
use crate::connect6;
use crate::getpeername::{PROCEED, shown_peer};
use crate::word::{field, field_words, port_of_field};

/// Replaces the address that is about to be returned.
#[cgroup_sock_addr(getpeername6)]
#[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
pub fn flowfold_peer6(ctx: SockAddrContext) -> i32 {
    let call = ctx.sock_addr;
    let sk = socket(&ctx);
    let peer = Endpoint::v6(field_words!((*call).user_ip6), port_of_field(field!((*call).user_port)));
    let local = Endpoint::v6(field_words!((*sk).src_ip6), field!((*sk).src_port) as u16);
    if let Some(shown) = shown_peer(&ctx, peer, local) {
        connect6::put_address(&ctx, &shown);
    }
    PROCEED
}
