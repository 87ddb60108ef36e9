//! `/sd`: where agents and services with labels are, for `http_sd_configs`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use agent_core::prometheus::metrics::gauge::Gauge;
use agent_core::prometheus::registry::Registry;
use agent_core::server::{Body, reply};
use hyper::{Response, StatusCode};
use tracing::{info, warn};

use super::manager::{Manager, ManagerError};
use super::targets::{Target, targets, wish, without_address};

const TEXT: &str = "text/plain; charset=utf-8";

/// Answers `/sd`.
#[derive(Debug)]
pub struct Discovery {
    manager: Arc<Manager>,
    network: String,
    targets: Gauge,
    invalid: Gauge,
    /// What was wrong the last time, so that each is told once.
    told: Mutex<BTreeSet<String>>,
}

impl Discovery {
    /// `network` is where targets are looked for first.
    pub fn new(manager: Arc<Manager>, network: String, registry: &mut Registry) -> Self {
        let discovery = Self {
            manager,
            network,
            targets: Gauge::default(),
            invalid: Gauge::default(),
            told: Mutex::default(),
        };
        registry.register(
            "swarm_cluster_sd_targets",
            "Targets in the last answer of /sd",
            discovery.targets.clone(),
        );
        registry.register(
            "swarm_cluster_sd_invalid_services",
            "Services that the last answer of /sd left out because of their labels or networks; the log names them",
            discovery.invalid.clone(),
        );
        discovery
    }

    /// All targets, or those of one job: `/sd?job=node`.
    pub async fn answer(&self, query: Option<&str>) -> Response<Body> {
        let job = match query.filter(|query| !query.is_empty()).map(|query| query.strip_prefix("job=")) {
            None => None,
            Some(Some(job)) if !job.is_empty() && !job.contains(['&', '%', '+']) => Some(job),
            Some(_) => {
                let text = "the only parameter is ?job=NAME, for example /sd?job=node\n";
                return reply(StatusCode::BAD_REQUEST, TEXT, text);
            }
        };
        let found = self.find(job).await.map_err(|error| error.to_string());
        let body = found.and_then(|found| serde_json::to_vec(&found).map_err(|error| error.to_string()));
        match body {
            Ok(body) => reply(StatusCode::OK, "application/json", body),
            // Prometheus keeps the targets it has.
            Err(error) => reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{error}\n")),
        }
    }

    async fn find(&self, job: Option<&str>) -> Result<Vec<Target>, ManagerError> {
        let services = self.manager.services().await?;
        let mut wrong = BTreeSet::new();
        let wishes =
            services.iter().map(wish).filter_map(|wish| wish.map_err(|e| wrong.insert(e)).ok().flatten());
        let wishes: Vec<_> = wishes.filter(|wish| job.is_none_or(|job| wish.job == job)).collect();
        if wishes.is_empty() {
            self.tell(job, 0, wrong);
            return Ok(Vec::new());
        }
        let ids: Vec<_> = wishes.iter().map(|wish| wish.id).collect();
        let (tasks, nodes) = (self.manager.tasks(&ids).await?, self.manager.nodes().await?);
        let found = targets(&wishes, &tasks, &nodes, &self.network);
        wrong.extend(without_address(&wishes, &tasks, &self.network));
        self.tell(job, found.len(), wrong);
        Ok(found)
    }

    /// Counts and logs what concerns all jobs.
    fn tell(&self, job: Option<&str>, found: usize, wrong: BTreeSet<String>) {
        if job.is_some() {
            return;
        }
        self.targets.set(i64::try_from(found).unwrap_or(i64::MAX));
        self.invalid.set(i64::try_from(wrong.len()).unwrap_or(i64::MAX));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for text in wrong.difference(&told) {
            warn!("{text}; it is left out of /sd");
        }
        if wrong.is_empty() && !told.is_empty() {
            info!("all services with labels are in /sd now");
        }
        *told = wrong;
    }
}
