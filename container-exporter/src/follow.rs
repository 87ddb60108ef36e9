//! Carries what happens on the engine into the store.

use agent_core::docker::{Change, Container as Inspect, Engine, Lifecycle};
use agent_core::identity::SharedIdentity;
use agent_core::service::Readiness;
use tokio::sync::mpsc::Receiver;
use tracing::{debug, warn};

use crate::container::{Container, State};
use crate::labels::LabelRules;
use crate::store::{EngineState, Store};

/// The part of readiness that the first list fulfils.
const PART: &str = "docker list";

/// Applies changes to the parts of the exporter that live on them.
#[derive(Debug)]
pub struct Follower {
    store: Store,
    rules: LabelRules,
    identity: SharedIdentity,
    readiness: Readiness,
}

impl Follower {
    /// Not ready until the first list has come.
    pub fn new(store: Store, rules: LabelRules, identity: SharedIdentity, readiness: Readiness) -> Self {
        readiness.waiting(PART, "the engine has not listed its containers yet");
        Self { store, rules, identity, readiness }
    }

    /// Applies all changes until their sender ends.
    pub async fn run(self, mut changes: Receiver<Change>) {
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
            Change::Started(container) => self.insert(&container),
            Change::Lifecycle { id, what: Lifecycle::Updated, .. } => self.refresh(&id).await,
            Change::Lifecycle { id, time_nanos, what } => self.happened(&id, time_nanos, what),
        }
    }

    fn happened(&self, id: &str, time_nanos: i64, what: Lifecycle) {
        match what {
            Lifecycle::Died { .. } => self.store.update(id, |container| {
                // Events are replayed after a reconnect: this one may be from before the latest start.
                let old = time_nanos > 0 && container.started_nanos.is_some_and(|start| time_nanos < start);
                (!old).then(|| container.with_state(State::Exited))
            }),
            Lifecycle::Removed => self.store.remove(id),
            Lifecycle::Renamed(name) => self.store.update(id, |c| Some(c.with_name(name, &self.rules))),
            Lifecycle::Paused => self.switch(id, State::Running, State::Paused),
            Lifecycle::Unpaused => self.switch(id, State::Paused, State::Running),
            Lifecycle::Updated | Lifecycle::OutOfMemory | Lifecycle::Health(_) => {}
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

    /// Limits change without a restart: `docker update`.
    async fn refresh(&self, id: &str) {
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
