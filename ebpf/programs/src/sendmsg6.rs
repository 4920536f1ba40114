//! `sendmsg` and `sendto` with a destination, on an IPv6 UDP socket.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;

use crate::connect::{self, PROCEED};
use crate::connect6;

/// Takes note of the socket if the datagram goes to a named server.
#[cgroup_sock_addr(sendmsg6)]
pub fn flowfold_send6(ctx: SockAddrContext) -> i32 {
    connect::sending(&ctx, connect6::asked);
    PROCEED
}
