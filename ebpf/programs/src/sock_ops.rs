//! Moments in the life of a TCP socket: about to send its SYN, and closed.
//!
//! At the SYN both ends of the connection are known and nobody has seen it yet, so what is filed here is there
//! before the kernel looks for the listener and before the agent can accept. The program may be attached twice on
//! the way from a socket's cgroup to the root; everything below bears being done twice.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::{
    BPF_SOCK_OPS_STATE_CB, BPF_SOCK_OPS_STATE_CB_FLAG, BPF_SOCK_OPS_TCP_CONNECT_CB, BPF_TCP_CLOSE, bpf_sock_ops,
};
use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_sock_ops_cb_flags_set};
use aya_ebpf::macros::sock_ops;
use aya_ebpf::programs::SockOpsContext;
use flowfold_redirect_abi::{Counter, Endpoint, Tuple, Upstream};

use crate::count::count;
use crate::maps::{EGRESS_ACCEPTS, EGRESS_SOCKETS, LOCAL_CLIENTS, LOCAL_CONNECTS, UPSTREAM_STARTS, UPSTREAMS};
use crate::word::{field, field_words};

const AF_INET: u32 = 2;

/// "Nothing to say": the reply stays what another program or the kernel made it.
const PROCEED: u32 = 1;

/// Dispatches on the moment.
#[sock_ops]
pub fn flowfold_ops(ctx: SockOpsContext) -> u32 {
    let ops = ctx.ops;
    match field!((*ops).op) {
        BPF_SOCK_OPS_TCP_CONNECT_CB => connecting(&ctx),
        BPF_SOCK_OPS_STATE_CB if field!((*ops).__bindgen_anon_1.args[1]) == BPF_TCP_CLOSE => closed(&ctx),
        _ => {}
    }
    PROCEED
}

/// Moves what is filed under the socket's cookie to where the other side will look for it.
#[inline(always)]
fn connecting(ctx: &SockOpsContext) {
    // SAFETY: the context is the kernel's own; a record filed under a cookie is replaced only by the same socket.
    unsafe {
        let cookie = bpf_get_socket_cookie(ctx.as_ptr());
        if let Some(client) = UPSTREAM_STARTS.get(cookie) {
            let record = Upstream { cookie, client: *client, padding: 0 };
            filed(UPSTREAMS.insert(tuple(ctx.ops), record, 0));
            let _: Result<(), i32> = UPSTREAM_STARTS.remove(cookie);
            watch_close(ctx.ops);
        } else if let Some(origin) = EGRESS_SOCKETS.get(cookie) {
            filed(EGRESS_ACCEPTS.insert(tuple(ctx.ops).source, origin, 0));
            watch_close(ctx.ops);
        } else if let Some(client) = LOCAL_CONNECTS.get(cookie) {
            filed(LOCAL_CLIENTS.insert(tuple(ctx.ops), client, 0));
            let _: Result<(), i32> = LOCAL_CONNECTS.remove(cookie);
        }
    }
}

/// Removes what lives as long as the connection.
#[inline(always)]
fn closed(ctx: &SockOpsContext) {
    // SAFETY: as above.
    unsafe {
        let cookie = bpf_get_socket_cookie(ctx.as_ptr());
        let _: Result<(), i32> = EGRESS_SOCKETS.remove(cookie);
        let key = tuple(ctx.ops);
        if UPSTREAMS.get(key).is_some_and(|upstream| upstream.cookie == cookie) {
            let _: Result<(), i32> = UPSTREAMS.remove(key);
        }
    }
}

/// Asks for the call at the end, which no socket gets unasked, and keeps what another program asked for.
#[inline(always)]
fn watch_close(ops: *mut bpf_sock_ops) {
    let flags = field!((*ops).bpf_sock_ops_cb_flags) | BPF_SOCK_OPS_STATE_CB_FLAG;
    // SAFETY: the context is the kernel's own. If it fails, the record stays until it is the least recently used.
    let _: i64 = unsafe { bpf_sock_ops_cb_flags_set(ops, flags.cast_signed()) };
}

#[inline(always)]
fn filed(outcome: Result<(), i32>) {
    if outcome.is_err() {
        count(Counter::RecordsLost);
    }
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
fn tuple(ops: *const bpf_sock_ops) -> Tuple {
    let local_port = field!((*ops).local_port) as u16;
    // Big-endian in the upper half of the word, unlike every other port of the kernel's contexts.
    let remote_port = u32::from_be(field!((*ops).remote_port)) as u16;
    // All read before the branch, for the reason told in `sk_lookup`.
    let (local_v4, remote_v4) = (field!((*ops).local_ip4), field!((*ops).remote_ip4));
    let (local_v6, remote_v6) = (field_words!((*ops).local_ip6), field_words!((*ops).remote_ip6));
    if field!((*ops).family) == AF_INET {
        Tuple { source: Endpoint::v4(local_v4, local_port), destination: Endpoint::v4(remote_v4, remote_port) }
    } else {
        Tuple { source: Endpoint::v6(local_v6, local_port), destination: Endpoint::v6(remote_v6, remote_port) }
    }
}
