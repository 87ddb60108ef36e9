//! A service whose `/health` is good for a while, then bad for as long, and so on.

use std::time::{Duration, Instant};

use hyper::StatusCode;

use crate::http::{self, reply};
use crate::roles::Failure;
use crate::say;

/// Serves until an error or a signal.
pub async fn serve(period: Duration) -> Result<(), Failure> {
    let begin = Instant::now();
    http::serve(move |_| async move {
        if is_healthy(begin.elapsed(), period) {
            reply(StatusCode::OK, "healthy\n")
        } else {
            say::error("ERROR: the health check found nothing to be well about");
            reply(StatusCode::SERVICE_UNAVAILABLE, "sick\n")
        }
    })
    .await
}

fn is_healthy(since: Duration, period: Duration) -> bool {
    (since.as_millis() / period.as_millis().max(1)).is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_comes_and_goes() {
        let seconds = [0, 59, 60, 119, 120].map(Duration::from_secs);
        assert_eq!(
            seconds.map(|since| is_healthy(since, Duration::from_secs(60))),
            [true, true, false, false, true]
        );
    }
}
