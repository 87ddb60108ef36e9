//! An agent at work: its collectors and counters behind its HTTP endpoints.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::registry::Registry;

use crate::cli::Common;
use crate::collector::{CollectorSet, Filter};
use crate::entry::Context;
use crate::error::RunError;
use crate::exposition::{Exposition, Format, Source, render};
use crate::identity::SharedIdentity;
use crate::self_metrics::{write_identity, write_process};
use crate::server::gzip::Gzip;
use crate::server::landing::Landing;
use crate::server::requests::Requests;
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
        let scraper = Arc::new(Scraper {
            agent: self.agent,
            version: self.version,
            common: context.common.clone(),
            repeating: self.collectors.is_repeating(),
            collectors: Mutex::new(self.collectors),
            registry: self.registry,
            identity: self.identity.clone(),
            requests: Requests::default(),
            workspace: Mutex::default(),
        });
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

/// Answers scrapes, one at a time.
#[derive(Debug)]
pub(crate) struct Scraper {
    agent: &'static str,
    version: &'static str,
    common: Common,
    collectors: Mutex<CollectorSet>,
    repeating: bool,
    registry: Registry,
    identity: SharedIdentity,
    /// What the server counts of scrapes.
    pub(crate) requests: Requests,
    workspace: Mutex<Workspace>,
}

/// Memory that is kept from one scrape to the next.
#[derive(Debug, Default)]
struct Workspace {
    text: String,
    gzip: Gzip,
}

impl Scraper {
    /// The format of an answer. Names without `_total` beside those with it are two families in the text format and one
    /// in OpenMetrics, so there is no OpenMetrics where families are repeated under old names.
    pub(crate) fn format(&self, accept: Option<&str>) -> Format {
        if self.repeating { Format::Text } else { Format::negotiate(accept) }
    }

    /// Whether a filter names collectors that run; the error is the answer's text.
    pub(crate) fn check(&self, filter: &Filter) -> Result<(), String> {
        self.collectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .check(filter)
            .map_err(|e| e.to_string())
    }

    /// Collects and encodes one answer; blocks.
    pub(crate) fn scrape(self: Arc<Self>, filter: Filter, format: Format, compress: bool) -> Vec<u8> {
        let mut workspace = self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
        let Workspace { text, gzip } = &mut *workspace;
        let source = Arc::new(Scrape { scraper: Arc::clone(&self), filter });
        render(text, format, &self.common.labels, source, &self.registry);
        if compress { gzip.compress(text.as_bytes()) } else { text.as_bytes().to_vec() }
    }
}

struct Scrape {
    scraper: Arc<Scraper>,
    filter: Filter,
}

impl Source for Scrape {
    fn expose(&self, out: &mut Exposition<'_>) {
        let scraper = &self.scraper;
        scraper.collectors.lock().unwrap_or_else(PoisonError::into_inner).collect(&self.filter, out);
        write_identity(out, scraper.agent, scraper.version, &scraper.identity, scraper.common.node_meta);
        if scraper.common.exporter_metrics {
            write_process(out);
            scraper.requests.write(out);
        }
    }
}
