//! What the manager says: everything that is judged later, asked once.

use std::time::Duration;

use agent_core::docker::{DockerHost, send};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use serde_json::Value;
use tokio::time::timeout;

use super::json::{list, text};
use crate::cluster::conventions;

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(30);
/// About 40,000 tasks.
const LARGEST: usize = 128 << 20;

/// Answers of the engine's API, as they came.
#[derive(Debug, Default)]
pub struct Swarm {
    /// `GET /version`.
    pub version: Value,
    /// `GET /info`.
    pub info: Value,
    /// `GET /nodes`; empty where this is no manager, as are the next three.
    pub nodes: Vec<Value>,
    /// `GET /services`.
    pub services: Vec<Value>,
    /// `GET /tasks`, those of the past too.
    pub tasks: Vec<Value>,
    /// `GET /networks`; empty where it is refused, as every engine has some.
    pub networks: Vec<Value>,
    /// `GET /containers/ID/json` of each running container of this node.
    pub containers: Vec<Value>,
}

/// An agent as one of the services.
#[derive(Debug, Clone, Copy)]
pub struct AgentService<'s> {
    /// The service.
    pub service: &'s Value,
    /// Its job, as `/sd` names it.
    pub job: &'static str,
    /// Where it listens unless flags say otherwise.
    pub port: u16,
}

impl Swarm {
    /// Asks everything; a part that is refused is empty, an engine that does not answer is an error.
    pub async fn read(host: &DockerHost) -> Result<Self, String> {
        let mut swarm = Self {
            version: ask(host, "/version").await?,
            info: ask(host, "/info").await?,
            ..Self::default()
        };
        if swarm.is_manager() {
            swarm.nodes = all(ask(host, "/nodes").await?);
            swarm.services = all(ask(host, "/services").await?);
            swarm.tasks = all(ask(host, "/tasks").await?);
            // Not behind the socket proxy.
            swarm.networks = ask(host, "/networks").await.map(all).unwrap_or_default();
        }
        for container in all(ask(host, "/containers/json").await?) {
            // One that has gone since is no matter.
            let path = format!("/containers/{}/json", text(&container, "/Id"));
            swarm.containers.extend(ask(host, &path).await.ok());
        }
        Ok(swarm)
    }

    /// Whether this engine knows the Swarm.
    pub fn is_manager(&self) -> bool {
        self.info.pointer("/Swarm/ControlAvailable").and_then(Value::as_bool) == Some(true)
    }

    /// A node's name, or its ID where it has none.
    pub fn node_name<'s>(&'s self, id: &'s str) -> &'s str {
        let node = self.nodes.iter().find(|node| text(node, "/ID") == id);
        node.map(|node| text(node, "/Description/Hostname")).filter(|name| !name.is_empty()).unwrap_or(id)
    }

    /// Nodes that take tasks and answer.
    pub fn working_nodes(&self) -> impl Iterator<Item = &Value> {
        self.nodes.iter().filter(|node| {
            text(node, "/Status/State") == "ready" && text(node, "/Spec/Availability") == "active"
        })
    }

    /// Services whose image is one of ours.
    pub fn agents(&self) -> impl Iterator<Item = AgentService<'_>> {
        self.services.iter().filter_map(|service| {
            let image = text(service, "/Spec/TaskTemplate/ContainerSpec/Image");
            let first =
                list(service, "/Spec/TaskTemplate/ContainerSpec/Args").first().and_then(Value::as_str);
            let (job, port) = conventions::agent(image, first)?;
            Some(AgentService { service, job, port })
        })
    }

    /// The tasks of a service, those of the past too.
    pub fn tasks_of<'s>(&'s self, service: &'s Value) -> impl Iterator<Item = &'s Value> {
        let id = text(service, "/ID");
        self.tasks.iter().filter(move |task| text(task, "/ServiceID") == id)
    }
}

/// Whether a task runs and is meant to.
pub(super) fn runs(task: &Value) -> bool {
    text(task, "/DesiredState") == "running" && text(task, "/Status/State") == "running"
}

fn all(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}

async fn ask(host: &DockerHost, path: &str) -> Result<Value, String> {
    let told = |what: String| format!("GET {path} of Docker at {host}: {what}");
    let question = async {
        let request = Request::get(path).body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
        let answer = send(host, request).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        if !status.is_success() {
            return Err(format!("{status} {}", String::from_utf8_lossy(&body).trim()));
        }
        serde_json::from_slice(&body).map_err(|error| error.to_string())
    };
    let answer = timeout(LIMIT, question).await;
    answer.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs()))).map_err(told)
}
