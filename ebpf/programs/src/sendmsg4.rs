//! `sendmsg` and `sendto` with a destination, on an IPv4 UDP socket.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;

use crate::connect::{PROCEED, is_udp};
use crate::connect4;
use crate::decide::flowfold_udp_sending;

/// Takes note of the socket if the datagram goes to a named server.
#[cgroup_sock_addr(sendmsg4)]
pub fn flowfold_send4(ctx: SockAddrContext) -> i32 {
    if is_udp(&ctx) {
        connect4::see(&ctx, flowfold_udp_sending);
    }
    PROCEED
}
