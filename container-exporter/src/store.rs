//! What is known of the engine and its containers at the moment; written by [`crate::follow`], read by scrapes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use agent_core::docker::bollard::Docker;
use tokio::sync::watch;

use crate::container::{Container, State};

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
}

/// Shared by everything; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    containers: Mutex<Containers>,
    running: watch::Sender<Running>,
    engine: watch::Sender<Arc<EngineState>>,
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
            known.by_id = containers.into_iter().map(|c| (c.id.clone(), Arc::new(c))).collect();
        });
    }

    /// Adds a container or what is new of it.
    pub fn insert(&self, container: Container) {
        self.change(|known| {
            known.by_id.insert(container.id.clone(), Arc::new(container));
        });
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
