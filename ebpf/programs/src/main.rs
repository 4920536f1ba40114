//! The programs that steer connections to the agent and copy datagrams for it, one hook per file.
//!
//! UAPI contexts and helpers only: the compiler emits no CO-RE relocations for Rust, so nothing here may depend on
//! the layout of a kernel structure. Context fields are read one word at a time and volatile, because the verifier
//! knows them by offset and width and refuses two that the optimizer merged into one load.
#![no_std]
#![no_main]

mod connect;
mod connect4;
mod connect6;
mod count;
mod datagrams;
mod decide;
mod gate;
mod getpeername;
mod getpeername4;
mod getpeername6;
mod maps;
mod packet;
mod rings;
mod sendmsg4;
mod sendmsg6;
mod sk_lookup;
mod sock_ops;
mod udp_known;
mod udp_socket;
mod word;

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // Never in the object: the verifier refuses an endless loop, so a reachable panic fails the load.
    loop {}
}

/// No helper in use is reserved for GPL programs (`bpf_ktime_get_ns` was, before Linux 5.8).
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 11] = *b"Apache-2.0\0";
