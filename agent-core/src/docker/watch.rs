//! What happens to the containers of an engine: events first, then a list after each (re)connect and now and then, and
//! one inspect for each start. Both Docker agents live on this.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::time::Duration;

use bollard::Docker;
use bollard::models::{
    ContainerConfig, ContainerInspectResponse, ContainerState, ContainerSummary, EventMessage,
    EventMessageTypeEnum,
};
use bollard::query_parameters::{EventsOptionsBuilder, ListContainersOptionsBuilder};
use chrono::DateTime;
use futures_util::{Stream, StreamExt};
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
/// `exec_*` is left out: every health check makes three of them. The last two are of networks.
const EVENTS: [&str; 11] = [
    "start",
    "die",
    "destroy",
    "rename",
    "update",
    "pause",
    "unpause",
    "oom",
    "health_status",
    "connect",
    "disconnect",
];
/// Events kept while a list is on its way; beyond that they wait in the engine's socket.
const MOST_KEPT: usize = 4096;

/// One thing an agent has to know.
#[derive(Debug)]
pub enum Change {
    /// The engine answers; a full list follows.
    Connected(Engine),
    /// All containers, dead ones too. What an agent knows beyond these is gone.
    Listed(Vec<Container>),
    /// The list that comes every few minutes, without what is known to be as before.
    Resynced {
        /// The IDs of all containers. What an agent knows beyond these is gone.
        present: Vec<String>,
        /// Those that are new, look different or had events since the last list.
        changed: Vec<Container>,
    },
    /// A container started (perhaps told twice, as everything that follows).
    Started(Box<Container>),
    /// A container started and was gone before it could be inspected: what its event says of it, which is name, image,
    /// labels and when.
    Missed(Box<Container>),
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
    /// Its limits or networks may be others now.
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
    watch_every(host, shutdown, RESYNC)
}

/// The same with another time between two lists.
pub fn watch_every(
    host: DockerHost,
    shutdown: CancellationToken,
    resync: Duration,
) -> mpsc::Receiver<Change> {
    let (changes, receiver) = mpsc::channel(CAPACITY);
    tokio::spawn(async move {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = run(&host, &changes, resync) => {}
        }
    });
    receiver
}

const NANOS: i64 = 1_000_000_000;

/// The agent stopped listening.
struct Closed;

async fn run(host: &DockerHost, changes: &mpsc::Sender<Change>, resync: Duration) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    // `None` before the first attempt, so that the first outcome is told either way.
    let mut connected = None;
    let mut told = Told::default();
    loop {
        let error = match Engine::connect(host).await {
            Ok(engine) => {
                info!(docker = %host, version = engine.info.server_version, api = %engine.docker.client_version(), "connected");
                connected = Some(true);
                backoff.reset();
                match session(host, engine, changes, &mut told, resync).await {
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

/// How far events have been told, from one connection to the next.
#[derive(Debug, Default)]
struct Told {
    /// Time of the last event, in nanoseconds of Unix time; the engine repeats events from it on. What is repeated is told
    /// again: times do not tell it from the new, because events of two containers come in any order.
    event_nanos: i64,
    /// How each container looked in the last list, as long as no event came for it.
    looks: HashMap<String, Look>,
}

/// What a list says of a container that tells whether it must be inspected.
type Look = (String, Option<String>);

fn look(summary: &ContainerSummary) -> Look {
    let name = summary.names.as_ref().and_then(|names| names.first().cloned());
    (summary.state.map(|state| state.to_string()).unwrap_or_default(), name)
}

/// Lives as long as one connection; ends with what ended it.
async fn session(
    host: &DockerHost,
    engine: Engine,
    changes: &mpsc::Sender<Change>,
    told: &mut Told,
    resync: Duration,
) -> Result<EngineError, Closed> {
    let docker = engine.docker.clone();
    let failed = |source| EngineError { host: host.to_string(), source };
    // Events are asked for from the last one on, so that deaths while we were away are told, or from before the list.
    let since = match told.event_nanos {
        0 => engine.info.system_time.as_deref().and_then(unix_seconds).map(|seconds| seconds.to_string()),
        nanos => Some(format!("{}.{:09}", nanos / NANOS, nanos % NANOS)),
    };
    send(changes, Change::Connected(engine)).await?;
    let mut options = EventsOptionsBuilder::default().filters(&HashMap::from([
        ("type".to_owned(), ["container", "network"].map(str::to_owned).to_vec()),
        ("event".to_owned(), EVENTS.map(str::to_owned).to_vec()),
    ]));
    if let Some(since) = since {
        options = options.since(&since);
    }
    let mut events = Box::pin(docker.events(Some(options.build())));
    let mut resync = interval_at(Instant::now() + resync, resync);
    let mut kept = VecDeque::new();
    told.looks.clear();
    let listed = while_keeping(list(&docker, &mut told.looks), &mut events, &mut kept).await;
    match listed {
        Ok((_, containers)) => send(changes, Change::Listed(containers)).await?,
        Err(error) => return Ok(failed(error)),
    }
    loop {
        let event = if let Some(event) = kept.pop_front() {
            event
        } else {
            tokio::select! {
                event = events.next() => event,
                _ = resync.tick() => {
                    match while_keeping(list(&docker, &mut told.looks), &mut events, &mut kept).await {
                        Ok((present, new)) => send(changes, Change::Resynced { present, changed: new }).await?,
                        Err(error) => return Ok(failed(error)),
                    }
                    continue;
                }
            }
        };
        match event {
            Some(Ok(event)) => {
                told.event_nanos = told.event_nanos.max(event.time_nano.unwrap_or_default());
                if let Some(id) = subject(&event) {
                    told.looks.remove(id);
                }
                if let Some(change) = translate(&docker, event).await {
                    send(changes, change).await?;
                }
            }
            Some(Err(error)) => return Ok(failed(error)),
            None => return Ok(failed(std::io::Error::other("the event stream ended").into())),
        }
    }
}

type Event = Option<Result<EventMessage, bollard::errors::Error>>;

/// Waits for an answer while events are asked for first and go on being taken in.
async fn while_keeping<T>(
    answer: impl Future<Output = T>,
    events: &mut (impl Stream<Item = Result<EventMessage, bollard::errors::Error>> + Unpin),
    kept: &mut VecDeque<Event>,
) -> T {
    let mut answer = pin!(answer);
    let mut ended = false;
    loop {
        tokio::select! {
            biased;
            event = events.next(), if !ended && kept.len() < MOST_KEPT => {
                ended = !matches!(event, Some(Ok(_)));
                kept.push_back(event);
            }
            answer = &mut answer => return answer,
        }
    }
}

async fn send(changes: &mpsc::Sender<Change>, change: Change) -> Result<(), Closed> {
    changes.send(change).await.map_err(|_| Closed)
}

/// The IDs of all containers, and those inspected that do not look as they did: an inspect is 60 times cheaper for the
/// engine than a list, and has what the list lacks.
async fn list(
    docker: &Docker,
    looks: &mut HashMap<String, Look>,
) -> Result<(Vec<String>, Vec<Container>), bollard::errors::Error> {
    let options = ListContainersOptionsBuilder::default().all(true).build();
    let (mut present, mut changed) = (Vec::new(), Vec::new());
    let mut before = std::mem::take(looks);
    for summary in docker.list_containers(Some(options)).await? {
        let look = look(&summary);
        let Some(id) = summary.id else { continue };
        if before.remove(&id).as_ref() != Some(&look) {
            let Some(container) = inspect(docker, &id).await? else { continue };
            changed.push(container);
        }
        looks.insert(id.clone(), look);
        present.push(id);
    }
    Ok((present, changed))
}

/// `None` where the container is gone already.
async fn inspect(docker: &Docker, id: &str) -> Result<Option<Container>, bollard::errors::Error> {
    match docker.inspect_container(id, None).await {
        Ok(container) => Ok(Some(container)),
        Err(error) if status_of(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The container that an event is about.
fn subject(event: &EventMessage) -> Option<&str> {
    let actor = event.actor.as_ref()?;
    if event.typ == Some(EventMessageTypeEnum::NETWORK) {
        return actor.attributes.as_ref()?.get("container").map(String::as_str);
    }
    actor.id.as_deref()
}

async fn translate(docker: &Docker, event: EventMessage) -> Option<Change> {
    let id = subject(&event)?.to_owned();
    let network = event.typ == Some(EventMessageTypeEnum::NETWORK);
    let actor = event.actor?;
    let action = event.action?;
    if network {
        let joins = matches!(action.as_str(), "connect" | "disconnect");
        let time_nanos = event.time_nano.unwrap_or_default();
        return joins.then_some(Change::Lifecycle { id, time_nanos, what: Lifecycle::Updated });
    }
    if action == "start" {
        return match inspect(docker, &id).await {
            Ok(Some(container)) => Some(Change::Started(Box::new(container))),
            Ok(None) => {
                let time_nanos = event.time_nano.unwrap_or_default();
                let attributes = actor.attributes.unwrap_or_default();
                Some(Change::Missed(Box::new(from_event(id, time_nanos, attributes))))
            }
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

/// An event has the labels of its container beside what else it tells.
fn from_event(id: String, time_nanos: i64, mut attributes: HashMap<String, String>) -> Container {
    Container {
        id: Some(id),
        name: attributes.remove("name"),
        state: Some(ContainerState {
            started_at: Some(DateTime::from_timestamp_nanos(time_nanos).to_rfc3339()),
            ..ContainerState::default()
        }),
        config: Some(ContainerConfig {
            image: attributes.remove("image"),
            labels: Some(attributes),
            ..ContainerConfig::default()
        }),
        ..Container::default()
    }
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
mod lost_events;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_times_become_seconds() {
        assert_eq!(unix_seconds("2026-11-22T10:36:48.093478642Z"), Some(1_795_343_808));
        assert_eq!(unix_seconds("2024-02-29T23:59:59.5+01:00"), Some(1_709_247_599));
        assert_eq!(unix_seconds("yesterday"), None);
    }

    #[tokio::test]
    async fn events_are_asked_for_first_and_kept_while_a_list_is_made() {
        let event = || Ok(EventMessage { action: Some("die".to_owned()), ..EventMessage::default() });
        let (sender, mut receiver) = mpsc::channel(8);
        let mut events = Box::pin(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)));
        let mut kept = VecDeque::new();
        sender.try_send(event()).unwrap();
        let answer = async {
            tokio::task::yield_now().await;
            sender.try_send(event()).unwrap();
            tokio::task::yield_now().await;
            7
        };
        assert_eq!(while_keeping(answer, &mut events, &mut kept).await, 7);
        assert_eq!(kept.len(), 2);
    }

    #[test]
    fn a_network_event_is_about_its_container() {
        let event: EventMessage = serde_json::from_value(serde_json::json!({
            "Type": "network", "Action": "connect",
            "Actor": {"ID": "net", "Attributes": {"container": "c", "name": "bridge"}},
        }))
        .unwrap();
        assert_eq!(subject(&event), Some("c"));
    }

    #[test]
    fn an_event_tells_of_a_container_that_is_gone() {
        let attributes = [("name", "shop.1"), ("image", "shop:2"), ("team", "a")];
        let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let container = from_event("c".to_owned(), 1_795_343_808_093_478_642, attributes);
        assert_eq!((container.id.as_deref(), container.name.as_deref()), (Some("c"), Some("shop.1")));
        let started = container.state.unwrap().started_at.unwrap();
        assert_eq!(started, "2026-11-22T10:36:48.093478642+00:00");
        let config = container.config.unwrap();
        assert_eq!(config.image.as_deref(), Some("shop:2"));
        assert_eq!(config.labels.unwrap(), [("team".to_owned(), "a".to_owned())].into());
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
