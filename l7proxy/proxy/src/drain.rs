//! Going down in order: one trigger, and a watch for every worker.

use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Tells the workers to finish. Dropping it tells them to finish at once.
#[derive(Debug)]
pub struct DrainTrigger(watch::Sender<Option<Instant>>);

/// A worker's end of a [`DrainTrigger`].
#[derive(Clone, Debug)]
pub struct DrainWatch(watch::Receiver<Option<Instant>>);

/// A trigger and the watch to hand to the workers.
pub fn drain_channel() -> (DrainTrigger, DrainWatch) {
    let (trigger, watch) = watch::channel(None);
    (DrainTrigger(trigger), DrainWatch(watch))
}

impl DrainTrigger {
    /// Workers close what is idle, wait for open exchanges up to `timeout` from now, and then reset what is left.
    pub fn start(&self, timeout: Duration) {
        let now = Instant::now();
        // A deadline beyond what the clock can hold means: wait for as long as it takes, a day at the most.
        let deadline = now.checked_add(timeout).or_else(|| now.checked_add(Duration::from_hours(24)));
        self.0.send_replace(Some(deadline.unwrap_or(now)));
    }
}

impl DrainWatch {
    /// The deadline, once the trigger was pulled.
    pub fn deadline(&self) -> Option<Instant> {
        let told = *self.0.borrow();
        told.or_else(|| self.0.has_changed().is_err().then(Instant::now))
    }

    /// Waits for the trigger and returns the deadline.
    pub(crate) async fn started(&mut self) -> Instant {
        match self.0.wait_for(Option::is_some).await {
            Ok(deadline) => deadline.unwrap_or_else(Instant::now),
            Err(_dropped) => Instant::now(),
        }
    }
}
