//! Sends a request until it is taken, refused for good, or out of time.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::transport::{Again, Failure, Transport};

/// The pause after the first failure. Each further one is twice as long, give or take a half, so that agents that lost
/// the same receiver do not come back to it together.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause that is not the receiver's own wish.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Sends a request, again and again where that may help, as long as the next try begins before `deadline`.
pub(crate) async fn deliver(transport: &Transport, request: &Bytes, deadline: Instant) -> Result<Bytes, Failure> {
    let mut pause = FIRST_PAUSE;
    loop {
        let failure = match transport.send(request.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let wait = match failure.again {
            Again::Never => return Err(failure),
            Again::Later => pause.mul_f64(0.5 + fastrand::f64()),
            // A little later, for the same reason.
            Again::After(named) => named.saturating_add(pause.mul_f64(fastrand::f64())),
        };
        let next = Instant::now().checked_add(wait).filter(|next| *next < deadline);
        let Some(next) = next else { return Err(failure) };
        tracing::debug!(why = failure.why, "an OTLP request was not taken; it is sent again in {wait:?}");
        sleep_until(next).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
