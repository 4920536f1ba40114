//! The client: a steady, bounded load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval};

use super::service;
use super::trace::Trace;
use crate::error::AgentError;

/// Fifty requests a second.
const PERIOD: Duration = Duration::from_millis(20);

/// Requests that may be open at once. A slow shop gets fewer requests, never a pile of them.
const AT_ONCE: usize = 32;

/// How many products the shop has.
const PRODUCTS: u64 = 10;

/// Visits the page for as long as the process lives.
pub(super) async fn visit(front: Vec<SocketAddr>) -> Result<(), AgentError> {
    let [page] = front[..] else { return Err(AgentError::Died("the shop")) };
    let caller = service::caller();
    let open = Arc::new(Semaphore::new(AT_ONCE));
    let mut beat = interval(PERIOD);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for number in 0_u64.. {
        beat.tick().await;
        let Ok(permit) = Arc::clone(&open).try_acquire_owned() else { continue };
        let caller = caller.clone();
        tokio::spawn(async move {
            // What fails is counted by the agent.
            let path = format!("/productpage/{}", number % PRODUCTS);
            drop(service::call(&caller, page, &path, &Trace::begin(number)).await);
            drop(permit);
        });
    }
    Ok(())
}
