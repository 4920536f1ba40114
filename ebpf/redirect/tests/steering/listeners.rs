//! The agent's listening sockets.

use std::net::{SocketAddr, TcpStream};
use std::{fs, thread};

use flowfold_redirect::Listeners;
use rustix::thread::UnshareFlags;

use crate::agent::Setup;
use crate::isolated::isolated;
use crate::server::{Server, echo};

#[test]
fn all_workers_share_one_port_in_both_families() {
    isolated(|_| {
        let listeners = Listeners::open(3).unwrap();
        let (v4, v6) = (listeners.v4_addr(), listeners.v6_addr().unwrap());
        assert_eq!(v4.port(), v6.port());
        let workers = listeners.into_workers();
        assert_eq!(workers.len(), 3);
        for worker in &workers {
            assert_eq!(worker.v4.local_addr().unwrap(), SocketAddr::from(v4));
            assert_eq!(worker.v6.as_ref().unwrap().local_addr().unwrap(), SocketAddr::from(v6));
        }
    });
}

#[test]
fn without_ipv6_there_is_ipv4() {
    isolated(|place| {
        let server = Server::start(place.v6);
        fs::write("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1").unwrap();
        let listeners = Listeners::open(1).unwrap();
        assert!(listeners.v6_addr().is_none());
        assert!(listeners.without_ipv6().is_some());
        fs::write("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "0").unwrap();
        let redirect =
            flowfold_redirect::Redirect::attach(&Setup::new(place).egress(server.port()).plan(), &listeners).unwrap();
        redirect.beat().unwrap();
        crate::isolated::ip(&format!("addr replace {}/128 dev lo nodad", place.v6));
        echo(&TcpStream::connect(server.address).unwrap());
        assert_eq!(redirect.stats().unwrap().direct_no_listener, 1);
    });
}

#[test]
fn a_loopback_device_that_is_down_is_named() {
    isolated(|_| {
        thread::spawn(|| {
            // SAFETY: a network namespace shares nothing that Rust's promises are about.
            unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.unwrap();
            let error = Listeners::open(1).unwrap_err().to_string();
            assert!(error.contains("ip link set lo up"), "{error}");
        })
        .join()
        .unwrap();
    });
}
