//! Which threads wait for which.

use rustix::process::{getpriority_process, setpriority_process};
use rustix::thread::gettid;

/// How much nicer than the workers the other threads are (sched(7)): at this distance they get a tenth of a core that a
/// worker wants, too, and leave it the moment that traffic arrives.
const NICER_BY: i32 = 10;

/// Lets the calling thread wait behind the threads that carry traffic. A large scrape takes many milliseconds of a core,
/// which no request should have to wait for.
pub fn behind_traffic() {
    let thread = Some(gettid());
    // The priority of a process is, on Linux, that of the thread with this number.
    let set = getpriority_process(thread).and_then(|own| setpriority_process(thread, own.saturating_add(NICER_BY)));
    if let Err(error) = set {
        tracing::warn!(%error, "a background thread keeps the priority of those that carry traffic");
    }
}
