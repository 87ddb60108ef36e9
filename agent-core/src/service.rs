//! An agent at work: its collectors and counters behind its HTTP endpoints.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::registry::Registry;

use crate::collector::CollectorSet;
use crate::entry::Context;
use crate::error::RunError;
use crate::identity::SharedIdentity;
use crate::scrape::Scraper;
use crate::server::landing::Landing;
use crate::server::{self, Route};

/// What an agent serves.
#[derive(Debug)]
pub struct Service {
    /// The agent's name.
    pub agent: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What is read at scrape time.
    pub collectors: CollectorSet,
    /// What the agent counts itself.
    pub registry: Registry,
    /// Whether it is ready.
    pub readiness: Readiness,
    /// Which node it is on.
    pub identity: SharedIdentity,
    /// Endpoints beside the common ones.
    pub routes: Vec<Route>,
}

impl Service {
    /// Serves until the context's token is cancelled.
    pub async fn serve(self, context: &Context) -> Result<(), RunError> {
        let landing =
            Landing::new(self.agent, self.version, &context.common.telemetry_path, self.collectors.names());
        let scraper = Arc::new(Scraper::new(
            self.agent,
            self.version,
            context.common.clone(),
            self.collectors,
            self.registry,
            self.identity.clone(),
        ));
        let app =
            server::App::new(scraper, self.readiness, self.identity, landing, self.routes, &context.common);
        server::serve(app, &context.common, context.shutdown.clone()).await
    }
}

/// Reasons why an agent is not ready yet; it is ready when there are none.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Readiness {
    /// Notes why `part` is not ready.
    pub fn waiting(&self, part: &'static str, reason: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(part, reason.into());
    }

    /// Notes that `part` is ready.
    pub fn ready(&self, part: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(part);
    }

    /// One line for each part that is not ready.
    pub fn reasons(&self) -> Vec<String> {
        let reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reasons.iter().map(|(part, reason)| format!("{part}: {reason}")).collect()
    }
}
