//! The link to a receiver as people see it: up or down, told once, and the pauses between attempts.

use std::fmt;
use std::time::Duration;

use agent_core::backoff::Backoff;
use tracing::{debug, info, warn};

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
}

impl Link {
    /// Nothing is known yet.
    pub fn new(route: String, metrics: RouteMetrics) -> Self {
        Self { route, metrics, backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE), up: None }
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
        self.backoff.reset();
    }

    /// An attempt failed; waits before the next. `kind` is for the metric, `problem` for people.
    pub async fn failed(&mut self, kind: &'static str, problem: &(dyn fmt::Display + Sync)) {
        self.metrics.error(kind);
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
