//! What is known of the engine and its containers at the moment; written by [`crate::follow`], read by scrapes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use agent_core::docker::bollard::Docker;
use tokio::sync::watch;

use crate::container::{Container, State};
use crate::service::Ledger;

/// Dead containers that are told of at most, whatever `--dead-containers` says.
const MOST_DEAD: usize = 200;

/// The containers that have processes, by ID; made anew when one of them changes, so that readers can compare
/// pointers.
pub type Running = Arc<[Arc<Container>]>;

/// The engine as far as metrics speak of it.
#[derive(Debug, Clone, Default)]
pub struct EngineState {
    /// Whether it answered last time.
    pub connected: bool,
    /// The client; stays after a loss, since it connects anew for each call.
    pub docker: Option<Docker>,
    /// `ServerVersion`.
    pub version: String,
    /// `OperatingSystem`.
    pub os: String,
    /// `KernelVersion`.
    pub kernel: String,
    /// Whether its cgroups are of version 2.
    pub cgroup_v2: bool,
    /// Where it keeps containers and images.
    pub root: String,
}

/// Shared by everything; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    containers: Mutex<Containers>,
    running: watch::Sender<Running>,
    engine: watch::Sender<Arc<EngineState>>,
    services: Ledger,
}

#[derive(Debug, Default)]
struct Containers {
    by_id: BTreeMap<String, Arc<Container>>,
    listed: bool,
}

impl Default for Store {
    fn default() -> Self {
        Self(Arc::new(Inner {
            containers: Mutex::default(),
            running: watch::Sender::new(Arc::new([])),
            engine: watch::Sender::default(),
            services: Ledger::default(),
        }))
    }
}

impl Store {
    /// The containers that have processes.
    pub fn running(&self) -> Running {
        Arc::clone(&self.0.running.borrow())
    }

    /// Tells each change of [`Self::running`].
    pub fn watch_running(&self) -> watch::Receiver<Running> {
        self.0.running.subscribe()
    }

    /// Sums by service.
    pub fn services(&self) -> &Ledger {
        &self.0.services
    }

    /// Containers that do not run: of each service (or name, where there is none) the newest `most`.
    pub fn dead(&self, most: usize) -> Vec<Arc<Container>> {
        let containers = self.lock();
        let mut dead: Vec<_> = containers.by_id.values().filter(|c| !c.state.is_live()).collect();
        dead.sort_unstable_by_key(|c| Reverse(c.finished_nanos.max(c.created_nanos)));
        let mut taken: HashMap<&str, usize> = HashMap::new();
        dead.retain(|c| {
            let count =
                taken.entry(c.service.as_ref().map_or(c.name.as_str(), |s| s.key.as_str())).or_default();
            *count += 1;
            *count <= most
        });
        dead.into_iter().take(MOST_DEAD).map(Arc::clone).collect()
    }

    /// The engine.
    pub fn engine(&self) -> Arc<EngineState> {
        Arc::clone(&self.0.engine.borrow())
    }

    /// Notes what became of the engine.
    pub fn set_engine(&self, engine: EngineState) {
        self.0.engine.send_replace(Arc::new(engine));
    }

    /// Whether a full list has come at least once.
    pub fn is_listed(&self) -> bool {
        self.lock().listed
    }

    /// How many containers are in each state.
    pub fn count(&self) -> [(State, u64); State::ALL.len()] {
        let containers = self.lock();
        State::ALL.map(|state| (state, containers.by_id.values().filter(|c| c.state == state).count() as u64))
    }

    /// Takes over a full list: what is not in it is gone.
    pub fn replace(&self, containers: impl IntoIterator<Item = Container>) {
        self.change(|known| {
            known.listed = true;
            let mut before = std::mem::take(&mut known.by_id);
            for container in containers {
                let earlier = before.remove(&container.id);
                let container = self.after(container, earlier.as_deref());
                known.by_id.insert(container.id.clone(), container);
            }
        });
    }

    /// Forgets all containers but these.
    pub fn retain(&self, present: &[String]) {
        self.change(|known| known.by_id.retain(|id, _| present.contains(id)));
    }

    /// Adds a container or what is new of it.
    pub fn insert(&self, container: Container) {
        self.change(|known| {
            let before = known.by_id.remove(&container.id);
            known.by_id.insert(container.id.clone(), self.after(container, before.as_deref()));
        });
    }

    /// A container as it is after what was known of it before.
    fn after(&self, mut container: Container, before: Option<&Container>) -> Arc<Container> {
        if before.is_some_and(|before| container.follow(before)) {
            self.0.services.exited(&container);
        }
        Arc::new(container)
    }

    /// Forgets a container.
    pub fn remove(&self, id: &str) {
        self.change(|known| {
            known.by_id.remove(id);
        });
    }

    /// Replaces a known container by what `make` makes of it; `None` leaves it as it is.
    pub fn update(&self, id: &str, make: impl FnOnce(&Container) -> Option<Container>) {
        self.change(|known| {
            if let Some(container) = known.by_id.get_mut(id)
                && let Some(new) = make(container)
            {
                *container = Arc::new(new);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Containers)) {
        let mut containers = self.lock();
        change(&mut containers);
        let live: Vec<_> = containers.by_id.values().filter(|c| c.state.is_live()).map(Arc::clone).collect();
        self.0.running.send_if_modified(|running| {
            let same =
                running.len() == live.len() && running.iter().zip(&live).all(|(a, b)| Arc::ptr_eq(a, b));
            if !same {
                *running = live.into();
            }
            !same
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Containers> {
        self.0.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
