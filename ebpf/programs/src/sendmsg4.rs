//! `sendmsg` and `sendto` on an unconnected IPv4 UDP socket.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;

use crate::connect::{PROCEED, is_udp};
use crate::connect4;
use crate::decide::flowfold_udp_sending;

/// Rewrites the destination if the datagram is to be steered.
#[cgroup_sock_addr(sendmsg4)]
pub fn flowfold_send4(ctx: SockAddrContext) -> i32 {
    if is_udp(&ctx) {
        connect4::rewrite(&ctx, flowfold_udp_sending);
    }
    PROCEED
}
