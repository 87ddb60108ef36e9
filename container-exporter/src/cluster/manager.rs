//! A manager's engine: asked when somebody scrapes, within bounds, every failure counted.

use std::time::Duration;

use agent_core::docker::bollard::Docker;
use agent_core::docker::bollard::models::{Node, Service};
use agent_core::docker::bollard::query_parameters::{ListNodesOptions, ListServicesOptionsBuilder};
use agent_core::docker::{DockerHost, Engine, send};
use agent_core::identity::SharedIdentity;
use agent_core::prometheus::metrics::counter::Counter;
use agent_core::prometheus::metrics::family::Family;
use agent_core::prometheus::registry::Registry;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::targets::Task;

/// How long one question may take; Prometheus waits ten seconds by default.
const LIMIT: Duration = Duration::from_secs(8);
/// The largest list of tasks that is read: about 20,000 of them.
const LARGEST: usize = 64 << 20;

/// The manager did not say what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{request} of the manager at {host}: {what}")]
pub struct ManagerError {
    request: &'static str,
    host: String,
    what: String,
}

/// A manager's engine.
#[derive(Debug)]
pub struct Manager {
    host: DockerHost,
    identity: SharedIdentity,
    connection: Mutex<Option<Docker>>,
    errors: Family<[(&'static str, &'static str); 1], Counter>,
}

impl Manager {
    /// Connects with the first question.
    pub fn new(host: DockerHost, identity: SharedIdentity, registry: &mut Registry) -> Self {
        let manager = Self { host, identity, connection: Mutex::default(), errors: Family::default() };
        for request in ["nodes", "services", "tasks"] {
            drop(manager.errors.get_or_create(&[("request", request)]));
        }
        registry.register(
            "swarm_cluster_request_errors",
            "Questions that the manager did not answer, or not in time",
            manager.errors.clone(),
        );
        manager
    }

    /// All nodes.
    pub async fn nodes(&self) -> Result<Vec<Node>, ManagerError> {
        self.ask("nodes", async |docker| docker.list_nodes(None::<ListNodesOptions>).await.map_err(text))
            .await
    }

    /// All services with their counts of tasks, which Docker has from API 1.41 on.
    pub async fn services(&self) -> Result<Vec<Service>, ManagerError> {
        let options = || ListServicesOptionsBuilder::default().status(true).build();
        self.ask("services", async |docker| docker.list_services(Some(options())).await.map_err(text)).await
    }

    /// The tasks of some services that are meant to run.
    pub async fn tasks(&self, services: &[&str]) -> Result<Vec<Task>, ManagerError> {
        self.ask("tasks", async |_| self.list_tasks(services).await).await
    }

    /// bollard's model of a task has no addresses.
    async fn list_tasks(&self, services: &[&str]) -> Result<Vec<Task>, String> {
        let filters = json!({"desired-state": ["running"], "service": services}).to_string();
        let target = format!("/tasks?filters={}", utf8_percent_encode(&filters, NON_ALPHANUMERIC));
        let request = Request::get(target).body(Empty::<Bytes>::new()).map_err(text)?;
        let answer = send(&self.host, request).await.map_err(text)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(text)?.to_bytes();
        if !status.is_success() {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
        }
        serde_json::from_slice(&body).map_err(text)
    }

    async fn ask<T>(
        &self,
        request: &'static str,
        question: impl AsyncFnOnce(Docker) -> Result<T, String>,
    ) -> Result<T, ManagerError> {
        let answer = timeout(LIMIT, async { question(self.docker().await?).await }).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())));
        if answer.is_err() {
            self.errors.get_or_create(&[("request", request)]).inc();
            // It may be another engine when it answers again.
            *self.connection.lock().await = None;
        }
        answer.map_err(|what| ManagerError { request, host: self.host.to_string(), what })
    }

    async fn docker(&self) -> Result<Docker, String> {
        let mut connection = self.connection.lock().await;
        if let Some(docker) = &*connection {
            return Ok(docker.clone());
        }
        let engine = Engine::connect(&self.host).await.map_err(text)?;
        self.identity.complete(engine.node_name(), engine.node_id());
        Ok(connection.insert(engine.docker).clone())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err wants it")]
fn text(error: impl ToString) -> String {
    error.to_string()
}
