//! What the service manager is told where it asks for it, as systemd does with `Type=notify` (`sd_notify(3)`).

use std::time::Duration;

use sd_notify::NotifyState;

/// What going down in order may take beyond the drain timeout: the last push by OTLP, the last scrape.
const BEYOND_DRAINING: Duration = Duration::from_secs(15);

/// Traffic comes in. `does` is what the manager shows of the service.
pub fn ready(does: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(does)]);
}

/// Open exchanges may finish from now on, for so long. The manager waits for them, whatever its own patience is.
pub fn stopping(drain_timeout: Duration) {
    let patience = (drain_timeout + BEYOND_DRAINING).as_micros().try_into().unwrap_or(u32::MAX);
    tell(&[NotifyState::Stopping, NotifyState::Status("draining"), NotifyState::ExtendTimeoutUsec(patience)]);
}

/// How often the manager wants a sign of life: twice in the time after which it gives up (`sd_watchdog_enabled(3)`).
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|patience| patience / 2).filter(|period| !period.is_zero())
}

/// A sign of life.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// Says nothing where there is no manager that listens.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
