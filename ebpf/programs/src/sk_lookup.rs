//! Incoming connections: assigns them to the agent's listener. No address is rewritten. Of incoming datagrams a note is made for
//! the program that sees them next.
//!
//! Runs for each segment that meets no established socket, and each datagram that meets no connected one, in the server's
//! network namespace alone: SYNs above all, and what comes late or again.

use aya_ebpf::macros::sk_lookup;
use aya_ebpf::programs::SkLookupContext;
use flowfold_redirect_abi::{Counter, Endpoint, ListenerSlot, Tuple};

use crate::connect::{IPPROTO_TCP, IPPROTO_UDP};
use crate::count::count;
use crate::gate;
use crate::maps::{FLOWFOLD_OWNER, LISTENERS, LOOKED_UP, UPSTREAMS};
use crate::word::{field, field_words};

const SK_PASS: u32 = 1;
const AF_INET: u32 = 2;

/// Always passes; without an assigned socket the kernel goes on as if there were no program.
#[sk_lookup]
pub fn flowfold_lookup(ctx: SkLookupContext) -> u32 {
    look(&ctx);
    SK_PASS
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
fn look(ctx: &SkLookupContext) {
    let look = ctx.lookup;
    let Some(owner) = FLOWFOLD_OWNER.get(0) else { return };
    let port = field!((*look).local_port) as u16;
    let protocol = field!((*look).protocol);
    let is_named = match protocol {
        IPPROTO_TCP => owner.ingress.contains(port),
        IPPROTO_UDP => owner.ingress_udp.contains(port),
        _ => false,
    };
    if !is_named {
        return;
    }
    let remote_port = u16::from_be(field!((*look).remote_port));
    // All read before the branch: two branches that each read an address end in one read at a computed offset, and
    // the verifier says "dereference of modified ctx ptr disallowed".
    let (remote_v4, local_v4) = (field!((*look).remote_ip4), field!((*look).local_ip4));
    let (remote_v6, local_v6) = (field_words!((*look).remote_ip6), field_words!((*look).local_ip6));
    let (source, destination, slot) = if field!((*look).family) == AF_INET {
        (Endpoint::v4(remote_v4, remote_port), Endpoint::v4(local_v4, port), ListenerSlot::V4)
    } else {
        (Endpoint::v6(remote_v6, remote_port), Endpoint::v6(local_v6, port), ListenerSlot::V6)
    };
    let ends = Tuple { source, destination };
    if protocol == IPPROTO_TCP {
        steer(ctx, &ends, slot);
    } else if let Some(looked_up) = LOOKED_UP.get_ptr_mut(0) {
        // SAFETY: the slot is this processor's own.
        unsafe { looked_up.write(ends) };
    }
}

#[inline(always)]
fn steer(ctx: &SkLookupContext, ends: &Tuple, slot: ListenerSlot) {
    // SAFETY: only whether there is an entry matters.
    if unsafe { UPSTREAMS.get(ends) }.is_some() {
        count(Counter::OwnUpstream);
        return;
    }
    if let Some(reason) = gate::closed() {
        count(reason);
        return;
    }
    count(match LISTENERS.redirect_sk_lookup(ctx, slot as u32, 0) {
        Ok(()) => Counter::SteeredIngress,
        Err(ENOENT) => Counter::DirectNoListener,
        Err(_) => Counter::DirectAssignFailed,
    });
}

/// What the map answers for an empty slot.
const ENOENT: i32 = -2;
