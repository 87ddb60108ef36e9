//! Which containers there are now: the engine's changes folded into one list that every route looks at.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use agent_core::docker::bollard::Docker;
use agent_core::docker::{Change, Lifecycle};
use agent_core::identity::SharedIdentity;
use agent_core::service::Readiness;
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::container::Container;
use crate::container::exclude::Exclusions;
use crate::meaning::settings::{BadLabel, Multiline, Settings};

/// What is known at one moment.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// By full ID; without those that are left alone on every route.
    pub containers: HashMap<String, Arc<Container>>,
    /// The engine, once it answered.
    pub docker: Option<Docker>,
    /// Whether the list is complete: a container that is not in it is gone.
    pub listed: bool,
    /// The last containers that went: a route may not have seen them while they were there.
    pub removed: VecDeque<Arc<Container>>,
    /// How many have gone so far.
    pub removals: u64,
}

/// Removed containers that are kept; a route that misses more of them says so.
const REMOVED: usize = 256;

/// Which containers are left alone on every route.
#[derive(Debug, Clone, Default)]
pub struct LeftAlone {
    /// By label or by their own wish.
    pub exclusions: Exclusions,
    /// The router's own container.
    pub own_id: Option<String>,
    /// Leaves out what makes up the log stack, by image.
    pub log_stack: bool,
    /// `--compat`: those that do not run.
    pub exited: bool,
    /// `--compat` without `ALLOW_TTY`: those with a terminal.
    pub terminals: bool,
}

/// Images whose lines would come of the lines that we send: routers, receivers, search engines.
const LOG_STACK: [&str; 9] = [
    "elasticsearch",
    "elasticsearch-oss",
    "log-router",
    "logspout",
    "logstash",
    "logstash-oss",
    "opensearch",
    "rsyslog",
    "syslog-ng",
];

impl LeftAlone {
    fn has(&self, container: &Container) -> bool {
        if self.own_id.as_ref() == Some(&container.id) || self.exclusions.excludes(container) {
            return true;
        }
        if self.exited && !container.running || self.terminals && container.terminal {
            return true;
        }
        container.settings.exclude.unwrap_or(self.log_stack && is_log_stack(&container.image))
    }
}

/// `registry:5000/elastic/logstash:8.19.0@sha256:…` is logstash.
fn is_log_stack(image: &str) -> bool {
    let name = image.split('@').next().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    LOG_STACK.contains(&name.split(':').next().unwrap_or_default())
}

/// Folds changes into the inventory until there are no more.
pub async fn keep(
    mut changes: mpsc::Receiver<Change>,
    inventory: watch::Sender<Arc<Inventory>>,
    left_alone: LeftAlone,
    defaults: Arc<Settings>,
    identity: SharedIdentity,
    readiness: Readiness,
) {
    readiness.waiting("containers", "the engine has not listed them yet");
    while let Some(change) = changes.recv().await {
        match &change {
            Change::Connected(engine) => identity.complete(engine.node_name(), engine.node_id()),
            Change::Listed(_) => readiness.ready("containers"),
            Change::Disconnected => readiness.waiting("containers", "the engine does not answer"),
            Change::Resynced { .. } | Change::Started(_) | Change::Missed(_) | Change::Lifecycle { .. } => {}
        }
        inventory
            .send_if_modified(|inventory| Arc::make_mut(inventory).apply(change, &left_alone, &defaults));
    }
}

/// What holds for a container's lines.
fn settings_of(container: &Container, defaults: &Arc<Settings>) -> (Arc<Settings>, Vec<BadLabel>) {
    let labelled = container.labels.keys().any(|name| name.starts_with("log-router."));
    if !labelled && container.multiline.is_none() {
        return (Arc::clone(defaults), Vec::new());
    }
    let (mut settings, bad) = defaults.with_labels(&container.labels);
    if settings.multiline == Multiline::Unsaid {
        settings.multiline = match container.multiline {
            None => Multiline::Unsaid,
            Some(true) => Multiline::Always,
            Some(false) => Multiline::Never,
        };
    }
    (Arc::new(settings), bad)
}

/// A container with its settings, and its labels that cannot be used; `None` where it is left alone.
fn wanted(
    mut container: Container,
    left_alone: &LeftAlone,
    defaults: &Arc<Settings>,
) -> Option<(Container, Vec<BadLabel>)> {
    let (settings, bad) = settings_of(&container, defaults);
    container.settings = settings;
    (!left_alone.has(&container)).then_some((container, bad))
}

impl Inventory {
    /// Takes in a change; false where it changes nothing.
    fn apply(&mut self, change: Change, left_alone: &LeftAlone, defaults: &Arc<Settings>) -> bool {
        match change {
            Change::Connected(engine) => {
                self.docker = Some(engine.docker);
                true
            }
            Change::Disconnected => false,
            Change::Listed(containers) => {
                let before = std::mem::take(&mut self.containers);
                for container in containers.into_iter().filter_map(Container::from_inspect) {
                    self.add(container, &before, left_alone, defaults);
                }
                let changed = !self.listed || self.containers != before;
                self.listed = true;
                changed
            }
            Change::Resynced { present, changed } => {
                let before = self.containers.clone();
                self.containers.retain(|id, _| present.contains(id));
                for container in changed.into_iter().filter_map(Container::from_inspect) {
                    self.add(container, &before, left_alone, defaults);
                }
                self.containers != before
            }
            Change::Started(container) => Container::from_inspect(*container).is_some_and(|container| {
                let before = self.containers.clone();
                self.add(container, &before, left_alone, defaults);
                self.containers != before
            }),
            Change::Missed(container) => {
                let missed = Container::from_inspect(*container);
                let missed = missed.and_then(|container| wanted(container, left_alone, defaults));
                let Some((missed, _)) = missed else { return false };
                self.remember(Arc::new(missed));
                true
            }
            Change::Lifecycle { id, time_nanos, what } => self.apply_lifecycle(&id, time_nanos, what),
        }
    }

    fn remember(&mut self, removed: Arc<Container>) {
        self.removed.truncate(REMOVED - 1);
        self.removed.push_front(removed);
        self.removals += 1;
    }

    fn add(
        &mut self,
        container: Container,
        before: &HashMap<String, Arc<Container>>,
        left_alone: &LeftAlone,
        defaults: &Arc<Settings>,
    ) {
        let Some((container, bad)) = wanted(container, left_alone, defaults) else { return };
        let known = before.get(&container.id);
        if known.is_none_or(|known| known.labels != container.labels) {
            for label in bad {
                let BadLabel { name, value, expected } = label;
                warn!(container.name, label = name, value, expected, "a label cannot be used");
            }
        }
        let container = match known {
            Some(known) => container.after(known),
            None => container,
        };
        let unchanged = known.filter(|known| ***known == container).map(Arc::clone);
        self.containers.insert(container.id.clone(), unchanged.unwrap_or_else(|| Arc::new(container)));
    }

    fn apply_lifecycle(&mut self, id: &str, time: i64, what: Lifecycle) -> bool {
        match what {
            Lifecycle::Removed => {
                let Some(removed) = self.containers.remove(id) else { return false };
                self.remember(removed);
                true
            }
            Lifecycle::Died { .. } => self.change(id, |container| {
                container.running = false;
                container.ended = (time > 0).then_some(time);
            }),
            Lifecycle::Renamed(name) => {
                info!(container.id = id, name, "a container was renamed");
                self.change(id, |container| container.name = name)
            }
            _ => false,
        }
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Container)) -> bool {
        let Some(container) = self.containers.get_mut(id) else { return false };
        change(Arc::make_mut(container));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::docker::Container as Inspected;
    use agent_core::docker::bollard::models::{ContainerConfig, ContainerState};

    fn inspected(id: &str, pid: i64) -> Inspected {
        Inspected {
            id: Some(id.to_owned()),
            name: Some(format!("/{id}")),
            state: Some(ContainerState {
                pid: Some(pid),
                running: Some(pid > 0),
                ..ContainerState::default()
            }),
            ..Inspected::default()
        }
    }

    fn apply(inventory: &mut Inventory, change: Change) -> bool {
        let left_alone = LeftAlone { own_id: Some("own".to_owned()), ..LeftAlone::default() };
        inventory.apply(change, &left_alone, &Arc::default())
    }

    fn lifecycle(id: &str, what: Lifecycle) -> Change {
        Change::Lifecycle { id: id.to_owned(), time_nanos: 9, what }
    }

    #[test]
    fn changes_are_folded_in() {
        let mut inventory = Inventory::default();
        assert!(apply(&mut inventory, Change::Listed(vec![inspected("a", 1), inspected("own", 2)])));
        assert_eq!(inventory.containers.keys().collect::<Vec<_>>(), ["a"], "our own container is left out");
        assert!(apply(&mut inventory, Change::Started(Box::new(inspected("b", 3)))));
        assert!(!apply(&mut inventory, Change::Started(Box::new(inspected("b", 3)))), "told twice");
        assert!(apply(&mut inventory, lifecycle("b", Lifecycle::Renamed("c".to_owned()))));
        assert!(apply(&mut inventory, lifecycle("b", Lifecycle::Died { exit_code: Some(0) })));
        let b = &inventory.containers["b"];
        assert_eq!((b.name.as_str(), b.running, b.pid, b.ended), ("c", false, 3, Some(9)));
        assert!(apply(&mut inventory, Change::Started(Box::new(inspected("b", 4)))));
        let b = &inventory.containers["b"];
        assert_eq!((b.running, b.pid, b.ended), (true, 4, None), "the next run");
        assert!(apply(&mut inventory, lifecycle("a", Lifecycle::Removed)));
        assert!(!apply(&mut inventory, lifecycle("a", Lifecycle::Removed)));
        assert!(!apply(&mut inventory, lifecycle("b", Lifecycle::Paused)));
    }

    #[test]
    fn who_went_is_remembered_for_a_while() {
        let mut inventory = Inventory::default();
        apply(&mut inventory, Change::Started(Box::new(inspected("a", 1))));
        apply(&mut inventory, lifecycle("a", Lifecycle::Removed));
        assert!(apply(&mut inventory, Change::Missed(Box::new(inspected("b", 0)))));
        assert!(!apply(&mut inventory, Change::Missed(Box::new(inspected("own", 0)))));
        assert!(!apply(&mut inventory, lifecycle("b", Lifecycle::Removed)), "told once");
        let names: Vec<_> = inventory.removed.iter().map(|container| container.name.as_str()).collect();
        assert_eq!((names, inventory.removals), (vec!["b", "a"], 2));
        for number in 0..2 * REMOVED {
            apply(&mut inventory, Change::Missed(Box::new(inspected(&number.to_string(), 0))));
        }
        assert_eq!((inventory.removed.len(), inventory.removals), (REMOVED, 2 + 2 * REMOVED as u64));
    }

    #[test]
    fn an_ended_container_keeps_its_process_id() {
        let mut inventory = Inventory::default();
        apply(&mut inventory, Change::Listed(vec![inspected("a", 7)]));
        apply(&mut inventory, Change::Listed(vec![inspected("a", 0)]));
        assert_eq!(inventory.containers["a"].pid, 7);
    }

    #[test]
    fn the_log_stack_is_known_by_its_images() {
        for (image, expected) in [
            ("docker.elastic.co/logstash/logstash:8.19.0", true),
            ("opensearchproject/opensearch:2", true),
            ("registry:5000/swarmscope/log-router:0.1.0@sha256:0a", true),
            ("elasticsearch", true),
            ("my/elasticsearch-client:1", false),
            ("kibana:8", false),
        ] {
            assert_eq!(is_log_stack(image), expected, "{image}");
        }
        let left_alone = LeftAlone { log_stack: true, ..LeftAlone::default() };
        let settings = Arc::new(Settings { exclude: Some(false), ..Settings::default() });
        let logstash = Container { image: "logstash".to_owned(), ..Container::default() };
        assert!(left_alone.has(&logstash));
        assert!(!left_alone.has(&Container { settings, ..logstash }), "a label decides");
    }

    #[test]
    fn containers_that_ask_for_it_are_left_out() {
        let mut quiet = inspected("q", 1);
        quiet.config = Some(ContainerConfig {
            env: Some(vec!["LOGSPOUT=ignore".to_owned()]),
            ..ContainerConfig::default()
        });
        let mut inventory = Inventory::default();
        apply(&mut inventory, Change::Listed(vec![quiet]));
        assert!(inventory.containers.is_empty() && inventory.listed);
    }
}
