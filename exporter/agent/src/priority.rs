//! Which threads wait for which.

use rustix::process::{getpriority_process, setpriority_process};
use rustix::thread::gettid;

/// How much nicer than the workers the other threads are (sched(7)): at this distance they get a tenth of a core that a
/// worker wants, too, and leave it the moment that traffic arrives.
const NICER_BY: i32 = 10;

/// How much nicer the thread is that reads what passes by. Whoever has asked or answers goes first; the thread still gets a quarter
/// of a core that another one wants, too, and reads a hundred thousand lookups a second in a tenth.
const LITTLE_NICER_BY: i32 = 5;

/// How much less nice than the others a thread is for which they would come too early.
const LESS_NICE_BY: i32 = 10;

/// Lets the calling thread wait behind the threads that carry traffic. A large scrape takes many milliseconds of a core,
/// which no request should have to wait for.
pub fn behind_traffic() {
    if let Err(error) = be_nicer_by(NICER_BY) {
        tracing::warn!(%error, "a background thread keeps the priority of those that carry traffic");
    }
}

/// Lets the calling thread wait a little behind the traffic that it reads: where no core is idle, each time that it runs is a time
/// that somebody waits for.
pub fn beside_traffic() {
    if let Err(error) = be_nicer_by(LITTLE_NICER_BY) {
        tracing::debug!(%error, "a thread that should wait a little has the priority of the others");
    }
}

/// Lets the calling thread run as soon as it is woken. It is for what takes microseconds, and needs a privilege
/// (`CAP_SYS_NICE`), without which the thread waits its turn.
pub fn at_once() {
    if let Err(error) = be_nicer_by(-LESS_NICE_BY) {
        tracing::debug!(%error, "a thread that should run at once waits its turn");
    }
}

fn be_nicer_by(more: i32) -> rustix::io::Result<()> {
    let thread = Some(gettid());
    // The priority of a process is, on Linux, that of the thread with this number.
    setpriority_process(thread, getpriority_process(thread)?.saturating_add(more))
}
