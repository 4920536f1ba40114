use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;

use super::*;
use crate::config::{Config, Overrides};
use crate::identity::{Options, Table};

fn table(workloads: &str) -> Table {
    let text = format!("visibility: [<Ingress/80/TCP/HTTP>]\nworkloads: [{workloads}]");
    Table::new(Config::from_text("test", &text, &Overrides::default()).unwrap().workloads)
}

fn padded(name: &str) -> [u8; 16] {
    let mut padded = [0; 16];
    padded[..name.len()].copy_from_slice(name.as_bytes());
    padded
}

const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

#[test]
fn a_peer_is_named_by_the_table_then_its_process_then_its_address() {
    let tree = tempfile::tempdir().unwrap();
    let inode = |path: &str| {
        let directory = tree.path().join(path);
        fs::create_dir_all(&directory).unwrap();
        fs::metadata(directory).unwrap().ino()
    };
    let (shop, nginx, plain) = (inode("shop/reviews"), inode("system.slice/nginx.service"), inode("plain"));
    let directory = Directory::new(Options {
        table: table("{name: reviews, namespace: shop, match: {cgroup: [/shop/reviews]}}"),
        show_ips: true,
        cgroup2: Some(tree.path().to_owned()),
        ..Options::default()
    });
    let resolver = directory.resolver();
    let name = |cgroup_id: u64, comm: &str| {
        // No process has the number 0, so the paths come from the walk below.
        format!("{:?}", resolver.client(FAR, Some(&Caller { pid: 0, cgroup_id, thread: padded(comm) })))
    };
    assert_eq!(name(shop, "python3"), "python3", "the cgroup isn't known yet");
    directory.refresh();
    assert_eq!(name(shop, "python3"), "shop/reviews");
    assert_eq!(name(nginx, "nginx-worker"), "nginx");
    assert_eq!(name(plain, "curl"), "curl");
    assert_eq!(name(plain, ""), "198.51.100.7");
    assert_eq!(format!("{:?}", resolver.client(FAR, None)), "198.51.100.7");
}

#[test]
fn a_process_is_called_by_its_own_name_rather_than_its_threads() {
    let directory = Directory::new(Options { show_ips: true, ..Options::default() });
    let pid = std::process::id();
    let caller = Caller { pid, cgroup_id: 1, thread: padded("some-pool-1") };
    let told = directory.resolver().client(FAR, Some(&caller));
    let initial = fs::read_link("/proc/self/ns/pid").is_ok_and(|link| link.as_os_str() == "pid:[4026531836]");
    let own = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    // In another pid namespace the number may be anybody's.
    assert_eq!(&*told.name, if initial { own.trim() } else { "some-pool-1" });
}

#[test]
fn addresses_can_be_kept_out() {
    let directory = Directory::new(Options { show_ips: false, ..Options::default() });
    let resolver = directory.resolver();
    assert_eq!(*resolver.client(FAR, None), Workload::unknown());
    assert_eq!(*resolver.server(SocketAddr::new(FAR, 80)), Workload::unknown());
}

#[test]
fn a_local_server_is_named_by_whoever_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let port = address.port();
    let directory = Directory::new(Options { show_ips: true, ports: vec![port], ..Options::default() });
    let resolver = directory.resolver();
    assert_eq!(&*resolver.server(address).name, "127.0.0.1", "nothing was scanned yet");
    directory.refresh();
    let told = resolver.server(address);
    assert_ne!(&*told.name, "127.0.0.1");
    assert!(Arc::ptr_eq(&told, &resolver.server(address)), "answered from memory");
    assert_eq!(&*resolver.server(SocketAddr::new(FAR, port)).name, "198.51.100.7", "the port is a local one's");
    let mapped: SocketAddr = format!("[::ffff:127.0.0.1]:{port}").parse().unwrap();
    assert!(Arc::ptr_eq(&told, &resolver.server(mapped)));
    assert!(resolver.is_local(address.ip()) && !resolver.is_local(FAR));
}

#[test]
fn a_scan_that_finds_the_same_keeps_what_workers_remember() {
    let directory = Directory::new(Options { show_ips: true, ..Options::default() });
    let resolver = directory.resolver();
    directory.refresh();
    let before = resolver.client(FAR, None);
    directory.refresh();
    assert!(Arc::ptr_eq(&before, &resolver.client(FAR, None)));
}

#[test]
fn what_a_worker_remembers_is_bounded() {
    let directory = Directory::new(Options { show_ips: true, ..Options::default() });
    let resolver = directory.resolver();
    for last in 0..=u16::try_from(MAX_REMEMBERED).unwrap() {
        let [high, low] = last.to_be_bytes();
        resolver.client(Ipv4Addr::new(10, 0, high, low).into(), None);
    }
    assert!(resolver.view.borrow().clients.len() <= MAX_REMEMBERED);
}
