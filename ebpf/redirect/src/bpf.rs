//! The four calls on map entries that the data path makes, without the `&mut self` that a loader's map types ask for.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use flowfold_redirect_abi::Plain;

/// Commands of bpf(2).
const BPF_MAP_CREATE: libc::c_int = 0;
const BPF_MAP_LOOKUP_ELEM: libc::c_int = 1;
const BPF_MAP_UPDATE_ELEM: libc::c_int = 2;
const BPF_MAP_LOOKUP_AND_DELETE_ELEM: libc::c_int = 21;

const BPF_MAP_TYPE_ARRAY: u32 = 2;

/// The part of `union bpf_attr` that the commands on entries use.
#[repr(C)]
struct EntryAttr {
    map_fd: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// The part that creates a map.
#[repr(C)]
struct CreateAttr {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
}

/// A map whose entries are `K` to `V`. All methods are one system call that never blocks.
pub(crate) struct Records<K, V> {
    fd: OwnedFd,
    entry: PhantomData<fn(K) -> V>,
}

impl<K, V> fmt::Debug for Records<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Records").field(&self.fd).finish()
    }
}

impl<K: Plain, V: Plain> Records<K, V> {
    /// Takes a map whose entries have other sizes for broken: the kernel copies by the map's sizes.
    pub(crate) fn new(map: impl AsFd, key_size: u32, value_size: u32) -> io::Result<Self> {
        if key_size as usize != size_of::<K>() || value_size as usize != size_of::<V>() {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        Ok(Self { fd: map.as_fd().try_clone_to_owned()?, entry: PhantomData })
    }

    /// The value under a key.
    pub(crate) fn get(&self, key: &K) -> io::Result<Option<V>> {
        self.read(BPF_MAP_LOOKUP_ELEM, key)
    }

    /// Removes and returns the value under a key.
    pub(crate) fn take(&self, key: &K) -> io::Result<Option<V>> {
        self.read(BPF_MAP_LOOKUP_AND_DELETE_ELEM, key)
    }

    /// Files a value.
    pub(crate) fn put(&self, key: &K, value: &V) -> io::Result<()> {
        entry_call(BPF_MAP_UPDATE_ELEM, self.fd.as_raw_fd(), key, std::ptr::from_ref(value).cast())
    }

    fn read(&self, command: libc::c_int, key: &K) -> io::Result<Option<V>> {
        let mut value = MaybeUninit::<V>::uninit();
        match entry_call(command, self.fd.as_raw_fd(), key, value.as_mut_ptr().cast()) {
            // SAFETY: the kernel wrote the whole value: its size was compared in `new`, and any bytes make a `Plain`.
            Ok(()) => Ok(Some(unsafe { value.assume_init() })),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Reads the beginning of the first entry of an array map of any value size into a `V`. None if the map's values are
/// smaller.
pub(crate) fn first_entry_prefix<V: Plain>(map: impl AsFd, value_size: u32) -> io::Result<Option<V>> {
    let size = value_size as usize;
    if size < size_of::<V>() {
        return Ok(None);
    }
    let mut bytes = vec![0_u64; size.div_ceil(8)];
    entry_call(BPF_MAP_LOOKUP_ELEM, map.as_fd().as_raw_fd(), &0_u32, bytes.as_mut_ptr().cast())?;
    // SAFETY: the buffer holds at least a `V` of initialized bytes, and any bytes make a `Plain`.
    Ok(Some(unsafe { bytes.as_ptr().cast::<V>().read_unaligned() }))
}

/// What stands at the beginning of some bytes. None where they are too few.
pub(crate) fn read<V: Plain>(bytes: &[u8]) -> Option<V> {
    let place = bytes.get(..size_of::<V>())?.as_ptr().cast::<V>();
    // SAFETY: there are as many bytes as a `V` has, and any bytes make a `Plain`.
    Some(unsafe { place.read_unaligned() })
}

/// Tries to create a small map: the privilege check that no user id can answer.
pub(crate) fn try_create_map() -> io::Result<()> {
    let attr = CreateAttr { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 4, max_entries: 1, flags: 0 };
    let fd = call(BPF_MAP_CREATE, &attr)?;
    // SAFETY: the kernel just returned this descriptor to us alone.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

/// `value` is null or points to a value of the map, writable for the commands that read.
fn entry_call<K: Plain>(command: libc::c_int, map: RawFd, key: &K, value: *const u8) -> io::Result<()> {
    let attr = EntryAttr {
        map_fd: map.cast_unsigned(),
        padding: 0,
        key: std::ptr::from_ref(key) as u64,
        value: value as u64,
        flags: 0,
    };
    call(command, &attr).map(|_| ())
}

fn call<A>(command: libc::c_int, attr: &A) -> io::Result<RawFd> {
    // SAFETY: `attr` is a prefix of `union bpf_attr`, whose rest the kernel takes for zero; the pointers inside are
    // valid for the call.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attr), size_of::<A>()) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    RawFd::try_from(answer).map_err(io::Error::other)
}
