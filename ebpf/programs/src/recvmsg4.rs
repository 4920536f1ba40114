//! `recvmsg` and `recvfrom` on an IPv4 UDP socket.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use flowfold_redirect_abi::Endpoint;

use crate::connect::{PROCEED, is_udp};
use crate::connect4;
use crate::udp;
use crate::word::{field, port_of_field};

/// Shows the server as the source of an answer that the agent handed on.
#[cgroup_sock_addr(recvmsg4)]
pub fn flowfold_recv4(ctx: SockAddrContext) -> i32 {
    let call = ctx.sock_addr;
    if is_udp(&ctx) {
        let source = Endpoint::v4(field!((*call).user_ip4), port_of_field(field!((*call).user_port)));
        if let Some(server) = udp::server_behind(&ctx, source) {
            connect4::put_address(&ctx, &server);
        }
    }
    PROCEED
}
