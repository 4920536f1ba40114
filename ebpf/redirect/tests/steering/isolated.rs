//! Runs a test's body in a process of its own, which is in a cgroup of its own and a network namespace of its own.
//!
//! A cgroup holds whole processes, so tests that want different ones can't be threads of one process. The test
//! starts its own binary again for itself alone and waits for it.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, thread};

use flowfold_redirect::{cgroup2_mount, probe};
use rustix::thread::{CpuSet, UnshareFlags, sched_getaffinity, sched_setaffinity};

use crate::server::ANSWER;

/// Names the cgroup to the process that runs the body.
const CGROUP: &str = "FLOWFOLD_TEST_CGROUP";

/// A body that takes longer is stuck; it waits for nothing but local sockets.
const PATIENCE: Duration = Duration::from_mins(1);

/// On the loopback device of every test's namespace.
const V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// Where the body runs.
pub(crate) struct Place {
    /// The test's own cgroup, with this process in it.
    pub(crate) cgroup: PathBuf,
    /// An address of its namespace that is no loopback address.
    pub(crate) v4: IpAddr,
    /// The same for IPv6.
    pub(crate) v6: IpAddr,
}

impl Place {
    /// Of a part that another process plays. None if it was started by hand.
    pub(crate) fn given() -> Option<Self> {
        let cgroup = PathBuf::from(env::var_os(CGROUP)?);
        watch_over_this_process(&cgroup);
        Some(Self { cgroup, v4: V4.into(), v6: V6.into() })
    }
}

/// To be called by a test function as all it does.
pub(crate) fn isolated<F: FnOnce(&Place)>(body: F) {
    if let Some(place) = Place::given() {
        enter_new_namespace();
        return body(&place);
    }
    let readiness = probe(None);
    if !readiness.is_ready() {
        assert!(env::var_os("CI").is_none(), "this test can't run here:\n{readiness}");
        return eprintln!("skipped, as something is missing:\n{readiness}");
    }
    let cgroup = OwnCgroup::create();
    let output = again(test_name::<F>(), &cgroup.path).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "in a process of its own:\n{text}");
    assert!(text.contains("1 passed"), "the test's name is not what its binary calls it:\n{text}");
}

/// From now on this thread and those that it starts share one processor.
pub(crate) fn on_one_processor() {
    let allowed = sched_getaffinity(None).unwrap();
    let first = (0..CpuSet::MAX_CPU).find(|processor| allowed.is_set(*processor)).unwrap();
    let mut one = CpuSet::new();
    one.set(first);
    sched_setaffinity(None, &one).unwrap();
}

/// Starts a part of a test, itself marked as an ignored test, as another process in the same cgroup and the
/// network namespace of the calling thread.
pub(crate) fn play_with<F: FnOnce()>(_part: F, place: &Place, prepare: impl FnOnce(&mut Command)) -> Part {
    let mut command = again(test_name::<F>(), &place.cgroup);
    command.arg("--ignored");
    prepare(&mut command);
    Part { process: command.spawn().unwrap() }
}

/// Another process of a test; ends with it.
pub(crate) struct Part {
    pub(crate) process: Child,
}

impl Drop for Part {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _status = self.process.wait();
    }
}

/// Runs `ip` in the network namespace of the calling thread.
pub(crate) fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split_ascii_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs a script of nftables in the network namespace of the calling thread.
pub(crate) fn nft(script: &str) {
    let mut nft = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    nft.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(nft.wait().unwrap().success());
}

/// Has datagrams to `asked` reach this server instead, as those to the DNS service of a cluster or of a container do.
pub(crate) fn dnat(asked: SocketAddr, server: SocketAddr) {
    nft(&format!(
        "table ip test {{ chain out {{ type nat hook output priority -100; \
         ip daddr {} udp dport {} dnat to {server}; }}; }}",
        asked.ip(),
        asked.port(),
    ));
}

/// The ends of the way between this namespace and the one of [`from_afar`].
pub(crate) const NEAR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
pub(crate) const FAR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// Does something in another namespace that has a way to this one.
pub(crate) fn from_afar<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let here = format!("/proc/{}/task/{}/ns/net", std::process::id(), rustix::thread::gettid().as_raw_nonzero());
    let (says_joined, joined) = mpsc::channel();
    let (says_ready, ready) = mpsc::channel();
    let far = thread::spawn(move || {
        enter_new_namespace();
        ip(&format!("link add ff0 type veth peer name ff1 netns {here}"));
        ip(&format!("addr add {FAR}/24 dev ff0"));
        ip("link set ff0 up");
        says_joined.send(()).unwrap();
        ready.recv_timeout(ANSWER).unwrap();
        act()
    });
    joined.recv_timeout(ANSWER).unwrap();
    ip(&format!("addr add {NEAR}/24 dev ff1"));
    ip("link set ff1 up");
    says_ready.send(()).unwrap();
    far.join().unwrap()
}

/// Puts the calling thread into a fresh namespace with the usual addresses.
pub(crate) fn enter_new_namespace() {
    // SAFETY: a network namespace shares nothing that Rust's promises are about.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.unwrap();
    ip("link set lo up");
    ip(&format!("addr add {V4}/32 dev lo"));
    ip(&format!("addr add {V6}/128 dev lo nodad"));
}

/// Moves this process into a cgroup.
pub(crate) fn enter_cgroup(cgroup: &Path) {
    fs::write(cgroup.join("cgroup.procs"), "0").unwrap();
}

fn again(test: &str, cgroup: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CGROUP, cgroup);
    command
}

/// `steering::ingress::steers::{{closure}}` or, of a function, `steering::death::agent`: the name without the crate.
fn test_name<F>() -> &'static str {
    let name = std::any::type_name::<F>().trim_end_matches("::{{closure}}");
    name.split_once("::").map_or(name, |(_, name)| name)
}

fn watch_over_this_process(cgroup: &Path) {
    enter_cgroup(cgroup);
    thread::spawn(|| {
        thread::sleep(PATIENCE);
        eprintln!("still not done after {PATIENCE:?}");
        std::process::exit(3);
    });
}

/// The cgroup of one test.
struct OwnCgroup {
    path: PathBuf,
}

impl OwnCgroup {
    fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("flowfold-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = cgroup2_mount().unwrap().join(name);
        fs::create_dir(&path).unwrap();
        Self { path }
    }
}

impl Drop for OwnCgroup {
    /// Ends what is left in it. The directory can go once the kernel has let go of the processes.
    fn drop(&mut self) {
        let _written = fs::write(self.path.join("cgroup.kill"), "1");
        for _ in 0..500 {
            let children = fs::read_dir(&self.path).into_iter().flatten().flatten();
            for child in children.filter(|entry| entry.path().is_dir()) {
                let _removed = fs::remove_dir(child.path());
            }
            if fs::remove_dir(&self.path).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        eprintln!("{} could not be removed", self.path.display());
    }
}
