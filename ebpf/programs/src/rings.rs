//! The ring buffers of copied datagrams, each with what passed by on its processors.

use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;
use aya_ebpf::macros::map;
use aya_ebpf::maps::RingBuf;
use flowfold_redirect_abi::DATAGRAM_RING_BYTES;

/// How many are used, less one; the loader says so. Its name is `flowfold_redirect_abi::DATAGRAM_RING_MASK`.
#[unsafe(no_mangle)]
static DATAGRAM_RING_MASK: u32 = 0;

// Their names are `flowfold_redirect_abi::DATAGRAM_RING_MAPS`.
#[map]
static DATAGRAMS_0: RingBuf = ring();
#[map]
static DATAGRAMS_1: RingBuf = ring();
#[map]
static DATAGRAMS_2: RingBuf = ring();
#[map]
static DATAGRAMS_3: RingBuf = ring();
#[map]
static DATAGRAMS_4: RingBuf = ring();
#[map]
static DATAGRAMS_5: RingBuf = ring();
#[map]
static DATAGRAMS_6: RingBuf = ring();
#[map]
static DATAGRAMS_7: RingBuf = ring();

const fn ring() -> RingBuf {
    RingBuf::with_byte_size(DATAGRAM_RING_BYTES, 0)
}

/// This processor's. Bit by bit: a table of maps is nothing that a program can have.
#[inline(always)]
pub(crate) fn of_this_processor() -> &'static RingBuf {
    // SAFETY: it lies there as long as the program does. The loader writes it before, which the compiler is not to know.
    let mask = unsafe { (&raw const DATAGRAM_RING_MASK).read_volatile() };
    // SAFETY: no argument, no failure.
    let number = unsafe { bpf_get_smp_processor_id() } & mask;
    let pair = |even, odd| if number & 1 == 0 { even } else { odd };
    let four = |low: [_; 2], high: [_; 2]| if number & 2 == 0 { pair(low[0], low[1]) } else { pair(high[0], high[1]) };
    if number & 4 == 0 {
        four([&DATAGRAMS_0, &DATAGRAMS_1], [&DATAGRAMS_2, &DATAGRAMS_3])
    } else {
        four([&DATAGRAMS_4, &DATAGRAMS_5], [&DATAGRAMS_6, &DATAGRAMS_7])
    }
}
