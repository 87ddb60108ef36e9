//! What happens to the containers of an engine: events, a full list after each (re)connect and now and then, and one
//! inspect for each start. Both Docker agents live on this.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::models::{ContainerInspectResponse, EventMessage};
use bollard::query_parameters::{EventsOptionsBuilder, ListContainersOptionsBuilder};
use chrono::DateTime;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at};
use tracing::{debug, info, warn};

use super::{DockerHost, Engine, EngineError, status_of};
use crate::backoff::Backoff;
use crate::shutdown::CancellationToken;

/// A container as `inspect` shows it.
pub type Container = ContainerInspectResponse;

/// Changes that wait for the agent; events wait in the engine's socket beyond that.
const CAPACITY: usize = 256;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How often everything is listed anew, against events that never came.
const RESYNC: Duration = Duration::from_mins(5);
/// `exec_*` is left out: every health check makes three of them.
const EVENTS: [&str; 9] =
    ["start", "die", "destroy", "rename", "update", "pause", "unpause", "oom", "health_status"];

/// One thing an agent has to know.
#[derive(Debug)]
pub enum Change {
    /// The engine answers; a full list follows.
    Connected(Engine),
    /// All containers, dead ones too. What an agent knows beyond these is gone.
    Listed(Vec<Container>),
    /// A container started (perhaps told twice).
    Started(Box<Container>),
    /// Something else happened to a container.
    Lifecycle {
        /// Full ID.
        id: String,
        /// When, in nanoseconds of Unix time by the engine's clock; 0 where it did not say.
        time_nanos: i64,
        /// What.
        what: Lifecycle,
    },
    /// The engine does not answer any more; a `Connected` follows when it does.
    Disconnected,
}

/// What can happen to a known container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lifecycle {
    /// It ended.
    Died {
        /// The exit code, where the event has one.
        exit_code: Option<i64>,
    },
    /// It is gone for good.
    Removed,
    /// It has another name now (without slash).
    Renamed(String),
    /// Its limits may be others now.
    Updated,
    /// Frozen.
    Paused,
    /// Thawed.
    Unpaused,
    /// The kernel killed a process of it for want of memory.
    OutOfMemory,
    /// What its health check says now: `healthy`, `unhealthy`, `starting`.
    Health(String),
}

/// Watches an engine until the token is cancelled. Reconnects for ever.
pub fn watch(host: DockerHost, shutdown: CancellationToken) -> mpsc::Receiver<Change> {
    let (changes, receiver) = mpsc::channel(CAPACITY);
    tokio::spawn(async move {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = run(&host, &changes) => {}
        }
    });
    receiver
}

/// The agent stopped listening.
struct Closed;

async fn run(host: &DockerHost, changes: &mpsc::Sender<Change>) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    // `None` before the first attempt, so that the first outcome is told either way.
    let mut connected = None;
    loop {
        let error = match Engine::connect(host).await {
            Ok(engine) => {
                info!(docker = %host, version = engine.info.server_version, api = %engine.docker.client_version(), "connected");
                connected = Some(true);
                backoff.reset();
                match session(host, engine, changes).await {
                    Ok(error) => error,
                    Err(Closed) => return,
                }
            }
            Err(error) => error,
        };
        if connected == Some(false) {
            debug!(%error, "the engine still does not answer");
        } else {
            warn!(%error, "the engine does not answer; trying again");
        }
        connected = Some(false);
        if changes.send(Change::Disconnected).await.is_err() {
            return;
        }
        tokio::time::sleep(backoff.pause()).await;
    }
}

/// Lives as long as one connection; ends with what ended it.
async fn session(
    host: &DockerHost,
    engine: Engine,
    changes: &mpsc::Sender<Change>,
) -> Result<EngineError, Closed> {
    let docker = engine.docker.clone();
    let failed = |source| EngineError { host: host.to_string(), source };
    // Events are asked for from before the list on, so that nothing falls between the two.
    let since = engine.info.system_time.as_deref().and_then(unix_seconds);
    send(changes, Change::Connected(engine)).await?;
    let mut options = EventsOptionsBuilder::default().filters(&HashMap::from([
        ("type".to_owned(), vec!["container".to_owned()]),
        ("event".to_owned(), EVENTS.map(str::to_owned).to_vec()),
    ]));
    if let Some(since) = since {
        options = options.since(&since.to_string());
    }
    let mut events = Box::pin(docker.events(Some(options.build())));
    let mut resync = interval_at(Instant::now(), RESYNC);
    loop {
        tokio::select! {
            _ = resync.tick() => match list(&docker).await {
                Ok(containers) => send(changes, Change::Listed(containers)).await?,
                Err(error) => return Ok(failed(error)),
            },
            event = events.next() => match event {
                Some(Ok(event)) => if let Some(change) = translate(&docker, event).await {
                    send(changes, change).await?;
                },
                Some(Err(error)) => return Ok(failed(error)),
                None => return Ok(failed(std::io::Error::other("the event stream ended").into())),
            },
        }
    }
}

async fn send(changes: &mpsc::Sender<Change>, change: Change) -> Result<(), Closed> {
    changes.send(change).await.map_err(|_| Closed)
}

/// All containers, inspected one by one: an inspect is 60 times cheaper for the engine than its share of a list with
/// sizes, and has what the list lacks.
async fn list(docker: &Docker) -> Result<Vec<Container>, bollard::errors::Error> {
    let options = ListContainersOptionsBuilder::default().all(true).build();
    let mut containers = Vec::new();
    for summary in docker.list_containers(Some(options)).await? {
        if let Some(container) = inspect(docker, &summary.id.unwrap_or_default()).await? {
            containers.push(container);
        }
    }
    Ok(containers)
}

/// `None` where the container is gone already.
async fn inspect(docker: &Docker, id: &str) -> Result<Option<Container>, bollard::errors::Error> {
    match docker.inspect_container(id, None).await {
        Ok(container) => Ok(Some(container)),
        Err(error) if status_of(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn translate(docker: &Docker, event: EventMessage) -> Option<Change> {
    let actor = event.actor?;
    let id = actor.id?;
    let action = event.action?;
    if action == "start" {
        return match inspect(docker, &id).await {
            Ok(container) => container.map(|c| Change::Started(Box::new(c))),
            Err(error) => {
                warn!(%error, container.id = id, "a started container could not be inspected; the next list has it");
                None
            }
        };
    }
    let attribute = |name: &str| actor.attributes.as_ref().and_then(|a| a.get(name)).cloned();
    let what = lifecycle(&action, attribute)?;
    Some(Change::Lifecycle { id, time_nanos: event.time_nano.unwrap_or_default(), what })
}

fn lifecycle(action: &str, attribute: impl Fn(&str) -> Option<String>) -> Option<Lifecycle> {
    Some(match action {
        "die" => Lifecycle::Died { exit_code: attribute("exitCode").and_then(|code| code.parse().ok()) },
        "destroy" => Lifecycle::Removed,
        "rename" => Lifecycle::Renamed(attribute("name")?.trim_start_matches('/').to_owned()),
        "update" => Lifecycle::Updated,
        "pause" => Lifecycle::Paused,
        "unpause" => Lifecycle::Unpaused,
        "oom" => Lifecycle::OutOfMemory,
        other => Lifecycle::Health(other.strip_prefix("health_status:")?.trim().to_owned()),
    })
}

/// Whole seconds of Unix time of the RFC 3339 time in `/info`.
fn unix_seconds(time: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(time).ok().map(|time| time.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_times_become_seconds() {
        assert_eq!(unix_seconds("2026-11-22T10:36:48.093478642Z"), Some(1_795_343_808));
        assert_eq!(unix_seconds("2024-02-29T23:59:59.5+01:00"), Some(1_709_247_599));
        assert_eq!(unix_seconds("yesterday"), None);
    }

    #[test]
    fn actions_are_understood() {
        let attribute = |name: &str| match name {
            "exitCode" => Some("137".to_owned()),
            "name" => Some("/new".to_owned()),
            _ => None,
        };
        let lifecycle = |action| lifecycle(action, attribute);
        assert_eq!(lifecycle("die"), Some(Lifecycle::Died { exit_code: Some(137) }));
        assert_eq!(lifecycle("rename"), Some(Lifecycle::Renamed("new".to_owned())));
        assert_eq!(lifecycle("health_status: unhealthy"), Some(Lifecycle::Health("unhealthy".to_owned())));
        assert_eq!(lifecycle("exec_create: /bin/true"), None);
    }
}
