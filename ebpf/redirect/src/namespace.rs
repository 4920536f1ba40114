//! The network namespace of the calling thread.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::RedirectError;

/// `/proc/self` is the main thread; the caller may be another one that entered the namespace by itself.
const PATH: &str = "/proc/thread-self/ns/net";

/// `SO_NETNS_COOKIE` of asm-generic/socket.h, since Linux 5.14.
const SO_NETNS_COOKIE: libc::c_int = 71;

#[derive(Debug)]
pub(crate) struct NetworkNamespace {
    file: File,
    /// How user space tells namespaces apart.
    pub(crate) inode: u64,
    /// How a program tells them apart.
    pub(crate) cookie: u64,
}

impl NetworkNamespace {
    pub(crate) fn current() -> Result<Self, RedirectError> {
        let error = |call| move |source| RedirectError::File { call, path: PATH.into(), source };
        let file = File::open(PATH).map_err(error("open"))?;
        let inode = file.metadata().map_err(error("stat"))?.ino();
        Ok(Self { file, inode, cookie: cookie()? })
    }

    pub(crate) fn path() -> &'static Path {
        Path::new(PATH)
    }
}

impl AsFd for NetworkNamespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn cookie() -> Result<u64, RedirectError> {
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
        .map_err(|errno| RedirectError::Call { call: "socket", source: errno.into() })?;
    let mut cookie = 0_u64;
    let mut size: libc::socklen_t = 8;
    // SAFETY: the option's value is eight bytes, and both pointers are valid for the call.
    let answer = unsafe {
        let value = (&raw mut cookie).cast();
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, SO_NETNS_COOKIE, value, &raw mut size)
    };
    if answer == 0 {
        Ok(cookie)
    } else {
        Err(RedirectError::Call { call: "getsockopt(SO_NETNS_COOKIE)", source: io::Error::last_os_error() })
    }
}
