//! Gives up series that nothing feeds any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowfold_fold::Fold;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::error::AgentError;

/// How often it is looked for series to give up: seldom enough to cost nothing, and often enough that none outlives its
/// time by much.
const LOOK: Duration = Duration::from_secs(20);

/// Gives up idle series for as long as it is let. It ends only when that cannot be done any longer.
pub(super) async fn keep_on(fold: &Arc<Fold>) -> AgentError {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let fold = Arc::clone(fold);
        // With very many series it takes so long that the heartbeat must not wait for it.
        if spawn_blocking(move || fold.expire(Instant::now())).await.is_err() {
            return AgentError::Died("the expiry of series");
        }
    }
}
