//! Updates a service again and again without changing it.

use std::time::Duration;

use agent_core::docker::bollard::Docker;
use agent_core::docker::bollard::query_parameters::{InspectServiceOptions, UpdateServiceOptions};
use agent_core::docker::{DockerHost, Engine};
use agent_core::entry::Environment;
use tokio::time::interval;

use crate::roles::Failure;
use crate::say;

/// Waits, updates, and so on. An engine that refuses is told and asked again.
pub async fn repeat(
    service: &str,
    period: Duration,
    docker: Option<&str>,
    environment: &Environment,
) -> Result<(), Failure> {
    let engine = Engine::connect(&DockerHost::choose(docker, environment)?).await?;
    let mut tick = interval(period);
    tick.tick().await;
    loop {
        tick.tick().await;
        match update(&engine.docker, service).await {
            Ok(()) => say::line(&format!("INFO: {service} is deployed anew")),
            Err(error) => say::error(&format!("ERROR: {service} cannot be updated: {error}")),
        }
    }
}

async fn update(docker: &Docker, service: &str) -> Result<(), Failure> {
    let now = docker.inspect_service(service, None::<InspectServiceOptions>).await?;
    let mut spec = now.spec.ok_or("the engine sends no specification")?;
    let version = now.version.and_then(|version| version.index).ok_or("the engine sends no version")?;
    let task = spec.task_template.get_or_insert_default();
    task.force_update = Some(task.force_update.unwrap_or_default() + 1);
    let options = UpdateServiceOptions { version: i32::try_from(version)?, ..Default::default() };
    docker.update_service(service, spec, options, None).await?;
    Ok(())
}
