//! `recvmsg` and `recvfrom` on an IPv6 UDP socket, which may get IPv4 datagrams from v4-mapped addresses.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use flowfold_redirect_abi::Endpoint;

use crate::connect::{PROCEED, is_udp};
use crate::connect6;
use crate::udp;
use crate::word::{field, field_words, port_of_field};

/// Shows the server as the source of an answer that the agent handed on.
#[cgroup_sock_addr(recvmsg6)]
pub fn flowfold_recv6(ctx: SockAddrContext) -> i32 {
    let call = ctx.sock_addr;
    if is_udp(&ctx) {
        let source = Endpoint::v6(field_words!((*call).user_ip6), port_of_field(field!((*call).user_port)));
        if let Some(server) = udp::server_behind(&ctx, source) {
            connect6::put_address(&ctx, &server);
        }
    }
    PROCEED
}
