//! The addresses of this host.

use std::collections::HashSet;
use std::io;
use std::net::IpAddr;

/// The addresses of all interfaces in the network namespace of the calling thread.
pub(super) fn of_this_namespace() -> io::Result<HashSet<IpAddr>> {
    let ip = |storage: nix::sys::socket::SockaddrStorage| {
        let v4 = storage.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
        v4.or_else(|| storage.as_sockaddr_in6().map(|address| IpAddr::from(address.ip())))
    };
    Ok(nix::ifaddrs::getifaddrs()?.filter_map(|interface| interface.address.and_then(ip)).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn loopback_is_among_them() {
        let addresses = super::of_this_namespace().unwrap();
        assert!(addresses.contains(&"127.0.0.1".parse().unwrap()), "{addresses:?}");
    }
}
