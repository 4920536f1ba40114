//! When to stop.

use std::future::pending;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::AgentError;

/// Waits for the wish to stop: a signal, or the end of a time that was set beforehand.
#[derive(Debug)]
pub struct Stop {
    signals: [(&'static str, Signal); 3],
    after: Option<Duration>,
}

impl Stop {
    /// Takes SIGTERM, SIGINT and SIGHUP over from now on. To be called within a runtime.
    pub fn listen(after: Option<Duration>) -> Result<Self, AgentError> {
        let take = |kind| signal(kind).map_err(AgentError::system("cannot take over a signal"));
        Ok(Self {
            signals: [
                ("SIGTERM", take(SignalKind::terminate())?),
                ("SIGINT", take(SignalKind::interrupt())?),
                ("SIGHUP", take(SignalKind::hangup())?),
            ],
            after,
        })
    }

    /// The first wish, named.
    pub async fn asked(&mut self) -> &'static str {
        let after = self.after.take();
        let time_is_up = async {
            match after {
                Some(time) => tokio::time::sleep(time).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = time_is_up => "the time is up",
            name = self.signalled() => name,
        }
    }

    /// The next signal: whoever sends one while things go down in order does not want to wait.
    pub async fn signalled(&mut self) -> &'static str {
        let [(terminate, one), (interrupt, two), (hangup, three)] = &mut self.signals;
        tokio::select! {
            _ = one.recv() => terminate,
            _ = two.recv() => interrupt,
            _ = three.recv() => hangup,
        }
    }
}
