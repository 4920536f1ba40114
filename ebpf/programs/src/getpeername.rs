//! What a socket is told about its peer: what `getpeername4` and `getpeername6` have in common.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::generated::{bpf_get_netns_cookie, bpf_get_socket_cookie};
use aya_ebpf::programs::SockAddrContext;
use flowfold_redirect_abi::{Endpoint, Tuple};

use crate::connect::{IPPROTO_TCP, SOCK_STREAM};
use crate::maps::{EGRESS_SOCKETS, FLOWFOLD_OWNER, UPSTREAMS};
use crate::word::field;

/// What a getpeername hook must return.
pub(crate) const PROCEED: i32 = 1;

/// A server may listen with MPTCP (Go does by default) and then accepts plain TCP connections too.
const IPPROTO_MPTCP: u32 = 262;

/// The peer to show instead of `peer`: to a steered client what it asked for, to a server the client that the agent
/// connects for. `local` is the socket's own end.
#[inline(always)]
pub(crate) fn shown_peer(ctx: &SockAddrContext, peer: Endpoint, local: Endpoint) -> Option<Endpoint> {
    let call = ctx.sock_addr;
    let protocol = field!((*call).protocol);
    if field!((*call).type_) != SOCK_STREAM || (protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP) {
        return None;
    }
    // SAFETY: the context is the kernel's own. A record that is replaced while it is copied belongs to a socket
    // that is being closed meanwhile.
    if let Some(origin) = unsafe { EGRESS_SOCKETS.get(bpf_get_socket_cookie(ctx.as_ptr())) } {
        return Some(origin.destination);
    }
    let owner = FLOWFOLD_OWNER.get(0)?;
    // SAFETY: as above. Cookies of sockets are unique on the host, addresses only inside their namespace.
    unsafe {
        if bpf_get_netns_cookie(ctx.as_ptr()) != owner.netns_cookie {
            return None;
        }
        UPSTREAMS.get(Tuple { source: peer, destination: local }).map(|upstream| upstream.client)
    }
}
