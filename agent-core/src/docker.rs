//! The Docker Engine, through bollard: which one, how to reach it, and what changes on it.

mod host;
mod raw;
mod watch;

use bollard::Docker;
use bollard::models::SystemInfo;
use thiserror::Error;

pub use bollard;
pub use host::DockerHost;
pub use raw::{RawError, send};
pub use watch::{Change, Container, Lifecycle, watch, watch_every};

/// A connection whose API version both sides know.
#[derive(Debug, Clone)]
pub struct Engine {
    /// The client; cheap to clone.
    pub docker: Docker,
    /// `GET /info` at the time of connecting: node name, Swarm ID, drivers.
    pub info: Box<SystemInfo>,
}

/// The engine did not do what was asked.
#[derive(Debug, Error)]
#[error("Docker at {host}: {source}")]
pub struct EngineError {
    /// The address as the user gives it.
    pub host: String,
    /// What bollard or the engine says.
    pub source: bollard::errors::Error,
}

impl EngineError {
    /// The status code where the engine answered with one.
    pub fn status(&self) -> Option<u16> {
        status_of(&self.source)
    }
}

fn status_of(error: &bollard::errors::Error) -> Option<u16> {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

impl Engine {
    /// Connects and negotiates the API version, which engines on both ends of the supported range insist on.
    pub async fn connect(host: &DockerHost) -> Result<Self, EngineError> {
        let failed = |source| EngineError { host: host.to_string(), source };
        let docker = host.client().map_err(failed)?.negotiate_version().await.map_err(failed)?;
        let info = docker.info().await.map_err(failed)?;
        Ok(Self { docker, info: Box::new(info) })
    }

    /// The node's name, as `docker node ls` shows it.
    pub fn node_name(&self) -> Option<String> {
        self.info.name.clone().filter(|name| !name.is_empty())
    }

    /// The node's ID, where the engine is part of a Swarm.
    pub fn node_id(&self) -> Option<String> {
        self.info.swarm.as_ref()?.node_id.clone().filter(|id| !id.is_empty())
    }
}
