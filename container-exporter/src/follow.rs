//! Carries what happens on the engine into the store.

use std::time::Duration;

use agent_core::docker::{Change, Container as Inspect, Engine, Lifecycle};
use agent_core::identity::SharedIdentity;
use agent_core::service::Readiness;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};

use crate::container::{Container, Health, State};
use crate::labels::LabelRules;
use crate::store::{EngineState, Store};

/// The part of readiness that the first list fulfils.
const PART: &str = "docker list";
/// An engine that never answers must not keep the exporter from being ready for ever: the machine's metrics are there.
const PATIENCE: Duration = Duration::from_mins(1);

/// Applies changes to the parts of the exporter that live on them.
#[derive(Debug)]
pub struct Follower {
    store: Store,
    rules: LabelRules,
    identity: SharedIdentity,
    readiness: Readiness,
    patience: Duration,
}

impl Follower {
    /// Not ready until the first list has come.
    pub fn new(store: Store, rules: LabelRules, identity: SharedIdentity, readiness: Readiness) -> Self {
        readiness.waiting(PART, "the engine has not listed its containers yet");
        Self { store, rules, identity, readiness, patience: PATIENCE }
    }

    /// Waits for the first list no longer than this.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Applies all changes until their sender ends.
    pub async fn run(self, mut changes: Receiver<Change>) {
        let patience = Instant::now() + self.patience;
        while !self.store.is_listed() {
            match timeout_at(patience, changes.recv()).await {
                Ok(Some(change)) => self.apply(change).await,
                Ok(None) => return,
                Err(_) => {
                    warn!("the engine has not listed its containers yet: serving without them");
                    self.readiness.ready(PART);
                    break;
                }
            }
        }
        while let Some(change) = changes.recv().await {
            self.apply(change).await;
        }
    }

    /// Applies one change; asks the engine only after an `update`.
    pub async fn apply(&self, change: Change) {
        match change {
            Change::Connected(engine) => {
                self.identity.complete(engine.node_name(), engine.node_id());
                self.store.set_engine(describe(engine));
            }
            Change::Disconnected => {
                let engine = EngineState::clone(&self.store.engine());
                self.store.set_engine(EngineState { connected: false, ..engine });
            }
            Change::Listed(containers) => {
                self.store.replace(containers.iter().filter_map(|c| Container::from_inspect(c, &self.rules)));
                self.readiness.ready(PART);
            }
            Change::Resynced { present, changed } => {
                self.store.retain(&present);
                for container in &changed {
                    self.insert(container);
                }
            }
            Change::Started(container) => self.insert(&container),
            // There is nothing to tell of it.
            Change::Missed(_) => {}
            Change::Lifecycle { id, what: Lifecycle::Updated, .. } => self.refresh(&id).await,
            Change::Lifecycle { id, time_nanos, what } => self.happened(&id, time_nanos, what),
        }
    }

    fn happened(&self, id: &str, time_nanos: i64, what: Lifecycle) {
        match what {
            Lifecycle::Died { exit_code } => {
                let mut ended = None;
                self.store.update(id, |container| {
                    let (new, counted) = container.died(time_nanos, exit_code);
                    ended = counted.then(|| Container { exit_code, ..container.clone() });
                    new
                });
                if let Some(container) = ended {
                    self.store.services().exited(&container);
                }
            }
            Lifecycle::Removed => self.store.remove(id),
            Lifecycle::Renamed(name) => self.store.update(id, |c| Some(c.with_name(name, &self.rules))),
            Lifecycle::Paused => self.switch(id, State::Running, State::Paused),
            Lifecycle::Unpaused => self.switch(id, State::Paused, State::Running),
            Lifecycle::Health(word) => {
                let health = Health::parse(&word);
                self.store.update(id, |c| (c.health != health).then(|| Container { health, ..c.clone() }));
            }
            Lifecycle::OutOfMemory => self.store.update(id, |container| {
                if time_nanos > 0 && time_nanos <= container.history.last_oom_nanos {
                    return None;
                }
                self.store.services().out_of_memory(container);
                let mut killed = Container { oom_killed: true, ..container.clone() };
                killed.history.oom_events += 1;
                killed.history.last_oom_nanos = time_nanos;
                Some(killed)
            }),
            Lifecycle::Updated => {}
        }
    }

    fn switch(&self, id: &str, from: State, to: State) {
        self.store.update(id, |container| (container.state == from).then(|| container.with_state(to)));
    }

    fn insert(&self, inspect: &Inspect) {
        if let Some(container) = Container::from_inspect(inspect, &self.rules) {
            debug!(container.id = container.id, container.name = container.name, "container known");
            self.store.insert(container);
        }
    }

    /// Limits and networks change without a restart: `docker update`, `docker network connect`. Each start and each
    /// death tell of networks too; they need no inspect of their own.
    async fn refresh(&self, id: &str) {
        if self.store.running().binary_search_by(|c| c.id.as_str().cmp(id)).is_err() {
            return;
        }
        let Some(docker) = self.store.engine().docker.clone() else { return };
        match docker.inspect_container(id, None).await {
            Ok(container) => self.insert(&container),
            Err(error) => {
                warn!(%error, container.id = id, "an updated container could not be inspected; the next list has it");
            }
        }
    }
}

fn describe(engine: Engine) -> EngineState {
    let Engine { docker, info } = engine;
    EngineState {
        connected: true,
        docker: Some(docker),
        version: info.server_version.clone().unwrap_or_default(),
        os: info.operating_system.clone().unwrap_or_default(),
        kernel: info.kernel_version.clone().unwrap_or_default(),
        root: info.docker_root_dir.clone().unwrap_or_default(),
        cgroup_v2: info.cgroup_version.is_some_and(|version| version.to_string() == "2"),
    }
}

/// A follower and its store, for tests.
#[cfg(test)]
fn follower() -> (Follower, Store, Readiness) {
    let store = Store::default();
    let readiness = Readiness::default();
    let identity = SharedIdentity::new(agent_core::identity::Identity::default());
    let follower = Follower::new(store.clone(), LabelRules::default(), identity, readiness.clone());
    (follower, store, readiness)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn inspect(id: &str, started: &str) -> Inspect {
        serde_json::from_value(serde_json::json!({
            "Id": id, "Name": format!("/{id}"),
            "State": {"Status": "running", "Pid": 7, "StartedAt": started},
            "Config": {"Image": "busybox"}, "HostConfig": {"NetworkMode": "bridge"},
        }))
        .unwrap()
    }

    fn names(store: &Store) -> Vec<String> {
        store.running().iter().map(|c| c.name.clone()).collect()
    }

    async fn lifecycle(follower: &Follower, id: &str, time_nanos: i64, what: Lifecycle) {
        follower.apply(Change::Lifecycle { id: id.to_owned(), time_nanos, what }).await;
    }

    #[tokio::test]
    async fn a_life() {
        let (follower, store, readiness) = follower();
        assert_eq!(readiness.reasons().len(), 1);
        follower.apply(Change::Listed(vec![inspect("b", "2026-11-22T11:52:08Z")])).await;
        assert!(readiness.reasons().is_empty() && store.is_listed());
        follower.apply(Change::Started(Box::new(inspect("a", "2026-11-22T11:52:08Z")))).await;
        assert_eq!(names(&store), ["a", "b"]);
        lifecycle(&follower, "a", 0, Lifecycle::Renamed("z".to_owned())).await;
        lifecycle(&follower, "b", 0, Lifecycle::Paused).await;
        assert_eq!(names(&store), ["z", "b"], "a paused container still has its memory");
        lifecycle(&follower, "b", 0, Lifecycle::Died { exit_code: Some(0) }).await;
        assert_eq!(names(&store), ["z"]);
        assert!(store.count().contains(&(State::Exited, 1)));
        lifecycle(&follower, "b", 0, Lifecycle::Unpaused).await;
        assert_eq!(names(&store), ["z"]);
        lifecycle(&follower, "b", 0, Lifecycle::Removed).await;
        assert!(store.count().contains(&(State::Exited, 0)));
        follower.apply(Change::Listed(Vec::new())).await;
        assert_eq!(names(&store), [""; 0]);
    }

    #[tokio::test]
    async fn an_engine_that_never_lists_is_not_waited_for_for_ever() {
        let (follower, store, readiness) = follower();
        let (changes, receiver) = tokio::sync::mpsc::channel(1);
        let task = tokio::spawn(follower.with_patience(Duration::from_millis(20)).run(receiver));
        assert_eq!(readiness.reasons().len(), 1);
        while !readiness.reasons().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!store.is_listed(), "ready is not complete");
        changes.send(Change::Listed(vec![inspect("a", "2026-11-22T11:52:08Z")])).await.unwrap();
        drop(changes);
        task.await.unwrap();
        assert!(store.is_listed(), "a list that comes later is taken");
    }

    #[tokio::test]
    async fn an_old_death_does_not_end_a_new_life() {
        let (follower, store, _) = follower();
        follower.apply(Change::Listed(vec![inspect("a", "2026-11-22T11:52:08.5Z")])).await;
        let start = store.running()[0].started_nanos.unwrap();
        lifecycle(&follower, "a", start - 1, Lifecycle::Died { exit_code: None }).await;
        assert_eq!(names(&store), ["a"]);
        lifecycle(&follower, "a", start + 1, Lifecycle::Died { exit_code: None }).await;
        assert_eq!(names(&store), [""; 0]);
    }

    #[tokio::test]
    async fn the_dead_are_told_by_service_newest_first() {
        let (follower, store, _) = follower();
        let task = |id: &str, second: u32| -> Inspect {
            let mut task = inspect(id, &format!("2026-11-22T11:52:{second:02}Z"));
            let labels = [("com.docker.swarm.service.name".to_owned(), "web".to_owned())];
            task.config.as_mut().unwrap().labels = Some(labels.into());
            task
        };
        follower.apply(Change::Listed(vec![task("a", 1), task("b", 2), inspect("c", "")])).await;
        let at = |second| crate::container::parse_time(&format!("2026-11-22T11:53:{second:02}Z")).unwrap();
        for _ in 0..2 {
            lifecycle(&follower, "a", at(9), Lifecycle::OutOfMemory).await;
        }
        for (id, second, code) in [("a", 10, 137), ("b", 11, 1), ("c", 12, 0)] {
            lifecycle(&follower, id, at(second), Lifecycle::Died { exit_code: Some(code) }).await;
        }
        let ids = |most| store.dead(most).iter().map(|c| c.id.clone()).collect::<Vec<_>>();
        assert_eq!(
            (ids(1), ids(2), ids(0)),
            (
                vec!["c".to_owned(), "b".to_owned()],
                vec!["c".to_owned(), "b".to_owned(), "a".to_owned()],
                vec![]
            )
        );
        let totals = &store.services().all()[0].1;
        assert_eq!(
            (totals.exits.get(&137), totals.exits.get(&1), totals.oom_events),
            (Some(&1), Some(&1), 1)
        );
        follower.apply(Change::Resynced { present: vec!["b".to_owned()], changed: Vec::new() }).await;
        assert_eq!(ids(1), ["b"]);
    }

    #[tokio::test]
    async fn health_follows_events() {
        let (follower, store, _) = follower();
        follower.apply(Change::Listed(vec![inspect("a", "2026-11-22T11:52:08Z")])).await;
        assert_eq!(store.running()[0].health, Health::None);
        lifecycle(&follower, "a", 0, Lifecycle::Health("healthy".to_owned())).await;
        assert_eq!(store.running()[0].health, Health::Healthy);
    }

    #[tokio::test]
    async fn readers_see_a_new_list_only_when_it_changed() {
        let (follower, store, _) = follower();
        follower.apply(Change::Listed(vec![inspect("a", "2026-11-22T11:52:08Z")])).await;
        let before = store.running();
        lifecycle(&follower, "unknown", 0, Lifecycle::Removed).await;
        assert!(Arc::ptr_eq(&before, &store.running()));
        follower.apply(Change::Disconnected).await;
        assert!(!store.engine().connected);
        assert_eq!(names(&store), ["a"], "what is known stays until the next list");
    }
}
