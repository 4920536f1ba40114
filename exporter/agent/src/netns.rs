//! Being in another network namespace.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;

use rustix::thread::LinkNameSpaceType;

use crate::error::AgentError;

/// Moves the calling thread into the network namespace at `path`, for as long as the thread lives. `None` stays.
pub fn enter(path: Option<&Path>) -> Result<(), AgentError> {
    let Some(path) = path else { return Ok(()) };
    let moved = File::open(path).and_then(|namespace| {
        rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(io::Error::from)
    });
    moved.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => AgentError::Missing(format!(
            "the network namespace {} cannot be entered: {error}\nfix: run as root, or with CAP_SYS_ADMIN",
            path.display()
        )),
        io::ErrorKind::InvalidInput => AgentError::Flag {
            flag: "netns",
            what: format!("{} is not a network namespace", path.display()),
            fix: "give a path such as /run/netns/NAME or /proc/PID/ns/net",
        },
        _ => AgentError::system(format!("cannot enter the network namespace {}", path.display()))(error),
    })
}

/// Does something in the network namespace at `path` on a thread of its own, so that the calling thread stays where it
/// is.
pub fn within<T: Send>(
    path: Option<&Path>,
    act: impl FnOnce() -> Result<T, AgentError> + Send,
) -> Result<T, AgentError> {
    thread::scope(|scope| {
        let inside = thread::Builder::new().name("netns".to_owned()).spawn_scoped(scope, || {
            enter(path)?;
            act()
        });
        let inside = inside.map_err(AgentError::system("cannot start a thread"))?;
        inside.join().unwrap_or(Err(AgentError::Died("the thread in the network namespace")))
    })
}
