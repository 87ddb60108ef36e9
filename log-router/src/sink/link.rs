//! The link to a receiver as people see it: up or down, told once, and the pauses between attempts.

use std::fmt;
use std::time::Duration;

use agent_core::backoff::Backoff;
use agent_core::shutdown::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::metrics::RouteMetrics;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// State of the link of one route.
#[derive(Debug)]
pub struct Link {
    route: String,
    metrics: RouteMetrics,
    backoff: Backoff,
    /// `None` before the first attempt came to an end.
    up: Option<bool>,
    /// Failed attempts since the last good one.
    failures: u32,
    /// `--compat`: after so many the process ends.
    patience: Option<Patience>,
}

/// `RETRY_COUNT`, as logspout has it.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Attempts.
    pub attempts: u32,
    /// Cancelled when they have failed.
    pub lost: CancellationToken,
}

impl Link {
    /// Nothing is known yet.
    pub fn new(route: String, metrics: RouteMetrics) -> Self {
        Self {
            route,
            metrics,
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            up: None,
            failures: 0,
            patience: None,
        }
    }

    /// Ends the process after some failed attempts.
    #[must_use]
    pub fn with_patience(mut self, patience: Option<Patience>) -> Self {
        self.patience = patience;
        self
    }

    /// The counters of the route.
    pub fn metrics(&self) -> &RouteMetrics {
        &self.metrics
    }

    /// The receiver took something.
    pub fn succeeded(&mut self) {
        if self.up != Some(true) {
            info!(route = self.route, "the sink takes lines");
            self.up = Some(true);
            self.metrics.up(true);
        }
        self.failures = 0;
        self.backoff.reset();
    }

    /// An attempt failed; waits before the next. `kind` is for the metric, `problem` for people.
    pub async fn failed(&mut self, kind: &'static str, problem: &(dyn fmt::Display + Sync)) {
        self.metrics.error(kind);
        self.failures = self.failures.saturating_add(1);
        if let Some(patience) = self.patience.as_ref().filter(|patience| self.failures > patience.attempts) {
            error!(route = self.route, kind, %problem, "RETRY_COUNT attempts failed");
            patience.lost.cancel();
        }
        if self.up == Some(false) {
            debug!(route = self.route, kind, %problem, "the sink still takes nothing");
        } else {
            warn!(route = self.route, kind, %problem, "the sink takes nothing; lines wait, trying again");
            self.up = Some(false);
            self.metrics.up(false);
        }
        tokio::time::sleep(self.backoff.pause()).await;
        self.metrics.retries.inc();
    }
}
