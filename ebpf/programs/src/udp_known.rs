//! What is known of a UDP socket, at the socket.

use core::ffi::c_void;
use core::ptr;

use aya_ebpf::bindings::{BPF_SK_STORAGE_GET_F_CREATE, bpf_sock};
use aya_ebpf::helpers::generated::{bpf_sk_storage_delete, bpf_sk_storage_get};
use flowfold_redirect_abi::{Counter, UdpSocket};

use crate::count::count;
use crate::maps::UDP_KNOWN;

/// What is known of a socket; where its hook has no other pointer to it than its context, by that.
#[inline(always)]
pub(crate) fn of<T>(socket: *const T) -> Option<&'static mut UdpSocket> {
    // SAFETY: the verifier knows where the pointer comes from.
    let known = unsafe { bpf_sk_storage_get(map(), socket.cast_mut().cast(), ptr::null_mut(), 0) };
    // SAFETY: it stays readable and writable until the program ends, whoever removes it. Two threads that use one socket at the
    // same time for two servers may find the address of one with the port of the other.
    unsafe { known.cast::<UdpSocket>().as_mut() }
}

/// Makes a note of a socket that nothing was known of. Whether there was memory for it.
#[inline(always)]
pub(crate) fn note(socket: *const bpf_sock, known: &UdpSocket) -> bool {
    let (socket, value) = (socket.cast_mut().cast(), ptr::from_ref(known).cast_mut().cast());
    // SAFETY: as above; the kernel reads the value alone.
    let noted = unsafe { bpf_sk_storage_get(map(), socket, value, BPF_SK_STORAGE_GET_F_CREATE.into()) };
    if noted.is_null() {
        count(Counter::DirectMapFull);
    }
    !noted.is_null()
}

/// Forgets a socket.
#[inline(always)]
pub(crate) fn forget(socket: *const bpf_sock) {
    // SAFETY: as above. It fails where nothing is known, which is as well.
    let _: i64 = unsafe { bpf_sk_storage_delete(map(), socket.cast_mut().cast()) };
}

#[inline(always)]
fn map() -> *mut c_void {
    ptr::from_ref(&UDP_KNOWN).cast_mut().cast()
}
