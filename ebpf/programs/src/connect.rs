//! Outgoing connections: what `connect4` and `connect6` have in common.

use core::mem::MaybeUninit;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::bpf_sock;
use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_current_comm, bpf_get_netns_cookie, bpf_get_socket_cookie,
};
use aya_ebpf::programs::SockAddrContext;
use flowfold_redirect_abi::{Client, Counter, Endpoint, OWN_MARK, Origin, OwnerRecord};

use crate::count::count;
use crate::decide::{flowfold_tcp_connecting, flowfold_udp_connecting, flowfold_udp_sending};
use crate::gate;
use crate::maps::{EGRESS_SOCKETS, FLOWFOLD_OWNER, LOCAL_CONNECTS, UPSTREAM_STARTS};
use crate::word::field;

/// What a connect or sendmsg hook returns to let the call go on.
pub(crate) const PROCEED: i32 = 1;

pub(crate) const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
pub(crate) const IPPROTO_TCP: u32 = 6;
pub(crate) const IPPROTO_UDP: u32 = 17;

/// Index of the loopback device, the same in every network namespace.
const LOOPBACK_IFINDEX: u32 = 1;

/// What the address-family half of the hook knows about the destination.
pub(crate) struct Destination {
    /// What the client asked for; an unspecified address is already the loopback one, as the kernel reads it.
    pub(crate) endpoint: Endpoint,
    /// The agent's listener for this kind of address, and none if there is none.
    pub(crate) listener: Option<Endpoint>,
    /// Link-local IPv6, multicast or broadcast.
    pub(crate) special: bool,
}

/// A call of `connect`: a TCP connection may be given another destination, and of a UDP socket a note is made.
#[inline(always)]
pub(crate) fn connecting(
    ctx: &SockAddrContext,
    asked: impl FnOnce(&SockAddrContext, &OwnerRecord) -> Destination,
    put_address: impl FnOnce(&SockAddrContext, &Endpoint),
) {
    let Some(owner) = owner() else { return };
    if is_tcp(ctx) {
        let destination = asked(ctx, owner);
        let mut listener = MaybeUninit::uninit();
        if flowfold_tcp_connecting(ctx, owner, &destination, &mut listener) {
            // SAFETY: it was written, as the function says.
            put_address(ctx, unsafe { listener.assume_init_ref() });
        }
    } else if is_udp(ctx) {
        flowfold_udp_connecting(ctx, owner, &asked(ctx, owner).endpoint);
    }
}

/// A call of `sendmsg` or `sendto` with a destination.
#[inline(always)]
pub(crate) fn sending(ctx: &SockAddrContext, asked: impl FnOnce(&SockAddrContext, &OwnerRecord) -> Destination) {
    if is_udp(ctx)
        && let Some(owner) = owner()
    {
        flowfold_udp_sending(ctx, owner, &asked(ctx, owner).endpoint);
    }
}

/// A TCP socket? Everything else is none of our business. The first subflow of an MPTCP socket passes for one here.
#[inline(always)]
fn is_tcp(ctx: &SockAddrContext) -> bool {
    let call = ctx.sock_addr;
    field!((*call).type_) == SOCK_STREAM && field!((*call).protocol) == IPPROTO_TCP
}

/// A UDP socket?
#[inline(always)]
fn is_udp(ctx: &SockAddrContext) -> bool {
    let call = ctx.sock_addr;
    field!((*call).type_) == SOCK_DGRAM && field!((*call).protocol) == IPPROTO_UDP
}

/// The settings.
#[inline(always)]
pub(crate) fn owner() -> Option<&'static OwnerRecord> {
    FLOWFOLD_OWNER.get(0)
}

/// Decides, and remembers what must be remembered. The answer is the listener to connect to instead.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
pub(crate) fn redirect(ctx: &SockAddrContext, owner: &OwnerRecord, destination: &Destination) -> Option<Endpoint> {
    // SAFETY: the context is the kernel's own.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    let port = destination.endpoint.port as u16;
    let egress = owner.egress.contains(port);
    let ingress = owner.ingress.contains(port);
    if (egress || ingress) && !is_own(ctx, cookie) {
        if egress && let Some(listener) = steer(ctx, cookie, owner, destination) {
            return Some(listener);
        }
        if ingress && LOCAL_CONNECTS.insert(cookie, client(ctx), 0).is_err() {
            count(Counter::RecordsLost);
        }
    }
    forget_earlier_attempt(cookie);
    None
}

#[inline(always)]
fn steer(ctx: &SockAddrContext, cookie: u64, owner: &OwnerRecord, destination: &Destination) -> Option<Endpoint> {
    let direct = |reason| {
        count(reason);
        None
    };
    if let Some(reason) = obstacle(ctx, owner, destination) {
        return direct(reason);
    }
    let Some(listener) = destination.listener else { return direct(Counter::DirectNoListener) };
    if listener == destination.endpoint {
        return None;
    }
    let origin = Origin { client: client(ctx), destination: destination.endpoint, padding: 0 };
    if EGRESS_SOCKETS.insert(cookie, origin, 0).is_err() {
        return direct(Counter::DirectMapFull);
    }
    count(Counter::SteeredEgress);
    Some(listener)
}

/// Why this call is not to be steered, whatever it would be steered to.
#[inline(always)]
fn obstacle(ctx: &SockAddrContext, owner: &OwnerRecord, destination: &Destination) -> Option<Counter> {
    // SAFETY: the context is the kernel's own.
    if unsafe { bpf_get_netns_cookie(ctx.as_ptr()) } != owner.netns_cookie {
        return Some(Counter::DirectOtherNamespace);
    }
    if let Some(reason) = gate::closed() {
        return Some(reason);
    }
    if destination.special {
        return Some(Counter::DirectSpecialDestination);
    }
    let device = field!((*socket(ctx)).bound_dev_if);
    if device != 0 && device != LOOPBACK_IFINDEX {
        return Some(Counter::DirectBoundDevice);
    }
    None
}

/// One of the agent's upstream sockets? The mark says so even after the record went; the record says so even if
/// somebody's policy changed the mark.
#[inline(always)]
fn is_own(ctx: &SockAddrContext, cookie: u64) -> bool {
    // SAFETY: only whether there is an entry matters.
    field!((*socket(ctx)).mark) == OWN_MARK || unsafe { UPSTREAM_STARTS.get(cookie) }.is_some()
}

/// A socket that was steered once can connect again after a failure. If it goes direct this time, it must not show
/// the earlier destination. (Closing removes the record; a connect that failed before its SYN never closed.)
#[inline(always)]
fn forget_earlier_attempt(cookie: u64) {
    // SAFETY: only whether there is an entry matters. The lookup is lock-free, the removal is not.
    if unsafe { EGRESS_SOCKETS.get(cookie) }.is_some() {
        let _: Result<(), i32> = EGRESS_SOCKETS.remove(cookie);
    }
}

/// The process that makes the call.
#[inline(always)]
pub(crate) fn client(ctx: &SockAddrContext) -> Client {
    let mut comm = MaybeUninit::<[u64; 2]>::uninit();
    // SAFETY: the helper fills all 16 bytes, with zeros if it fails. (Zeroing them here first would be a call of
    // memset, whose loop the verifier takes from root alone.)
    let comm = unsafe {
        let _: i64 = bpf_get_current_comm(comm.as_mut_ptr().cast(), 16);
        comm.assume_init()
    };
    // SAFETY: no argument, no failure.
    let cgroup_id = unsafe { bpf_get_current_cgroup_id() };
    Client { cgroup_id, pid: ctx.tgid(), padding: 0, comm }
}

/// The socket that the call is about.
#[inline(always)]
pub(crate) fn socket(ctx: &SockAddrContext) -> *const bpf_sock {
    let call = ctx.sock_addr;
    field!((*call).__bindgen_anon_1.sk)
}
