//! Addresses as the programs keep them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use flowfold_redirect_abi::Endpoint;

/// For a map key or value. Scope ids and flow labels are left out: the programs never see them.
pub(crate) fn endpoint(address: SocketAddr) -> Endpoint {
    match address.ip() {
        IpAddr::V4(ip) => Endpoint::v4(u32::from_ne_bytes(ip.octets()), address.port()),
        IpAddr::V6(ip) => {
            let mut words = [0; 4];
            for (word, bytes) in words.iter_mut().zip(ip.octets().as_chunks().0) {
                *word = u32::from_ne_bytes(*bytes);
            }
            Endpoint::v6(words, address.port())
        }
    }
}

/// Back again; what is kept v4-mapped is IPv4.
pub(crate) fn socket_addr(endpoint: &Endpoint) -> SocketAddr {
    // A record's port was a port when it was written.
    let port = u16::try_from(endpoint.port).unwrap_or_default();
    let ip = if let Some(address) = endpoint.as_v4() {
        IpAddr::V4(Ipv4Addr::from(address.to_ne_bytes()))
    } else {
        let mut octets = [0; 16];
        for (bytes, word) in octets.as_chunks_mut().0.iter_mut().zip(endpoint.address) {
            *bytes = word.to_ne_bytes();
        }
        IpAddr::V6(Ipv6Addr::from(octets))
    };
    SocketAddr::new(ip, port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for text in ["127.0.0.1:80", "203.0.113.9:65535", "[::1]:1", "[2001:db8::2]:443", "[::]:9"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(socket_addr(&endpoint(address)), address);
        }
    }

    #[test]
    fn v4_mapped_is_v4() {
        let mapped = endpoint("[::ffff:192.0.2.1]:80".parse().unwrap());
        assert_eq!(mapped, endpoint("192.0.2.1:80".parse().unwrap()));
        assert_eq!(socket_addr(&mapped), "192.0.2.1:80".parse().unwrap());
    }
}
