//! What the service manager is told where it asks for it, as systemd does with `Type=notify` (`sd_notify(3)`).
//!
//! The thread that beats the heart which steering needs must not be held up by a manager that does not read what it is told.
//! So a sign of life that finds no room in its socket is given later, and what is said only once is then said by a thread of
//! its own, which may wait.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::thread;
use std::time::Duration;

use sd_notify::NotifyState;

/// Where the manager hears, in the environment.
const SOCKET: &str = "NOTIFY_SOCKET";

/// What going down in order may take beyond the drain timeout: the last push by OTLP, the last scrape.
const BEYOND_DRAINING: Duration = Duration::from_secs(15);

/// How long what is said only once may wait for room: longer than managers wait to hear it.
const PATIENCE: Duration = Duration::from_mins(10);

/// Traffic comes in. `does` is what the manager shows of the service.
pub fn ready(does: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(does)]);
}

/// Open exchanges may finish from now on, for so long. The manager waits for them, whatever its own patience is.
pub fn stopping(drain_timeout: Duration) {
    let patience = (drain_timeout + BEYOND_DRAINING).as_micros().try_into().unwrap_or(u32::MAX);
    tell(&[NotifyState::Stopping, NotifyState::Status("draining"), NotifyState::ExtendTimeoutUsec(patience)]);
}

/// Says nothing where there is no manager that listens.
fn tell(state: &[NotifyState<'_>]) {
    let told = Manager::listening().and_then(|manager| match manager {
        Some(manager) => manager.tell_in_time(message(state)),
        None => Ok(()),
    });
    if let Err(error) = told {
        cannot_be_told(&error);
    }
}

/// What is sent for it.
fn message(state: &[NotifyState<'_>]) -> String {
    let lines: Vec<_> = state.iter().map(ToString::to_string).collect();
    lines.join("\n") + "\n"
}

fn cannot_be_told(error: &io::Error) {
    tracing::warn!(%error, "the service manager cannot be told");
}

/// A manager that wants signs of life.
#[derive(Debug)]
pub struct Watchdog {
    manager: Manager,
    period: Duration,
}

impl Watchdog {
    /// The one that the environment tells of (`sd_watchdog_enabled(3)`).
    pub fn listening() -> Option<Self> {
        let period = sd_notify::watchdog_enabled().map(|patience| patience / 2).filter(|period| !period.is_zero())?;
        let manager = Manager::listening().inspect_err(cannot_be_told).ok().flatten()?;
        Some(Self { manager, period })
    }

    /// One that hears on this socket.
    #[cfg(test)]
    pub(crate) fn at(path: &std::path::Path, period: Duration) -> io::Result<Self> {
        Ok(Self { manager: Manager::at(SocketAddr::from_pathname(path)?)?, period })
    }

    /// How often it wants a sign: twice in the time after which it gives up.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// A sign of life. False: there was no room for it.
    pub fn alive(&self) -> bool {
        match self.manager.tell(&message(&[NotifyState::Watchdog]), Duration::ZERO) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => {
                cannot_be_told(&error);
                true
            }
            Ok(()) => true,
        }
    }
}

/// The way to the manager. The socket is kept, so that a sign of life needs no descriptor when there are none left, and it is
/// not connected, so that it leads to whoever hears there by now.
#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Manager {
    fn listening() -> io::Result<Option<Self>> {
        let Some(name) = std::env::var_os(SOCKET).filter(|name| !name.is_empty()) else { return Ok(None) };
        let address = match name.as_bytes() {
            [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest),
            _ => SocketAddr::from_pathname(&name),
        };
        Self::at(address?).map(Some)
    }

    fn at(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { socket: UnixDatagram::unbound()?, address })
    }

    /// Tells it so at once, or by a thread that waits for room.
    fn tell_in_time(self, message: String) -> io::Result<()> {
        match self.tell(&message, Duration::ZERO) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let say = move || {
                    if let Err(error) = self.tell(&message, PATIENCE) {
                        cannot_be_told(&error);
                    }
                };
                thread::Builder::new().name("notify".to_owned()).spawn(say).map(drop)
            }
            told => told,
        }
    }

    /// Tells it so, and waits no longer than this for room.
    fn tell(&self, message: &str, patience: Duration) -> io::Result<()> {
        self.socket.set_nonblocking(patience.is_zero())?;
        self.socket.set_write_timeout((!patience.is_zero()).then_some(patience))?;
        // A datagram is sent whole or not at all.
        self.socket.send_to_addr(message.as_bytes(), &self.address).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Long enough for whatever does not wait for ever.
    const SOON: Duration = Duration::from_secs(30);

    #[test]
    fn a_manager_that_does_not_read_holds_up_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let heard = UnixDatagram::bind(&path).unwrap();
        heard.set_nonblocking(true).unwrap();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let watchdog = Watchdog::at(&path, SOON).unwrap();
            assert!(watchdog.alive());
            // More than the longest queue that a kernel has by default.
            tell.send(Ok((1..10_000).all(|_| watchdog.alive()))).unwrap();
            let stopping = watchdog.manager.tell(&message(&[NotifyState::Stopping]), SOON);
            tell.send(stopping.map(|()| true).map_err(|error| error.kind())).unwrap();
        });
        assert_eq!(told.recv_timeout(SOON), Ok(Ok(false)), "at some time there is no room");
        let mut buffer = [0; 64];
        let mut hear = || heard.recv(&mut buffer).map(|size| String::from_utf8_lossy(&buffer[..size]).into_owned());
        assert_eq!(hear().unwrap(), "WATCHDOG=1\n");
        assert_eq!(told.recv_timeout(SOON), Ok(Ok(true)), "there is room now");
        let rest: Vec<_> = std::iter::from_fn(|| hear().ok()).collect();
        assert_eq!(rest.last().map(String::as_str), Some("STOPPING=1\n"));
    }
}
