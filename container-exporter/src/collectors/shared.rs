//! What all collectors work with.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use agent_core::cli::PathArgs;
use agent_core::exposition::LabelBlock;

use crate::container::Container;
use crate::source::Source;
use crate::store::{Running, Store};

/// Tells the time; passed in for tests.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The store, the source, the host's files and the clock; cheap to clone.
#[derive(Clone)]
pub struct Shared {
    /// What is known of the containers.
    pub store: Store,
    /// Where the host's kernel files are.
    pub paths: PathArgs,
    /// When the exporter began, in nanoseconds of Unix time.
    pub begun_nanos: i64,
    source: Arc<Mutex<Box<dyn Source>>>,
    clock: Clock,
    root: Arc<LabelBlock>,
    docker: Arc<LabelBlock>,
}

impl Shared {
    /// `source` is asked by one collector after the other.
    pub fn new(store: Store, source: Box<dyn Source>, paths: PathArgs, clock: Clock) -> Self {
        let block = |id| Arc::new(LabelBlock::new(&[("id", id)]));
        Self {
            begun_nanos: nanos(clock()),
            store,
            paths,
            source: Arc::new(Mutex::new(source)),
            clock,
            root: block("/"),
            docker: block("/docker"),
        }
    }

    /// Now, in whole seconds of Unix time.
    pub fn now(&self) -> i64 {
        nanos((self.clock)()) / 1_000_000_000
    }

    /// Which source is at work.
    pub fn source_name(&self) -> &'static str {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).name()
    }

    /// Asks the source for each running container in the order of their IDs.
    pub fn each_running(&self, mut ask: impl FnMut(&mut dyn Source, &Arc<Container>)) -> Running {
        let running = self.store.running();
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.prepare(&running);
        for container in running.iter() {
            ask(source.as_mut(), container);
        }
        running
    }

    /// The containers that are there, for what needs no source. While the engine does not answer nobody tells of their
    /// ends: then only those count that the source still has figures of.
    pub fn present(&self) -> Vec<Arc<Container>> {
        if self.store.engine().connected {
            return self.store.running().to_vec();
        }
        let mut present = Vec::new();
        self.each_running(|source, container| {
            if source.cpu(container).is_some() {
                present.push(Arc::clone(container));
            }
        });
        present
    }

    /// A row of the machine, `id="/"`.
    pub fn root_row<S>(&self, sample: S) -> Row<S> {
        Row { block: Arc::clone(&self.root), labels: Vec::new(), sample }
    }

    /// A row of all containers together, `id="/docker"`.
    pub fn docker_row<S>(&self, sample: S) -> Row<S> {
        Row { block: Arc::clone(&self.docker), labels: Vec::new(), sample }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("store", &self.store)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

fn nanos(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).ok().and_then(|t| i64::try_from(t.as_nanos()).ok()).unwrap_or_default()
}

/// The figures of one thing (a container, or one interface or device of it), with its labels.
#[derive(Debug)]
pub struct Row<S> {
    /// The labels rendered beforehand.
    pub block: Arc<LabelBlock>,
    /// What tells this row from others of the same container.
    pub labels: Vec<(&'static str, String)>,
    /// The figures.
    pub sample: S,
}

impl<S> Row<S> {
    /// A container's only row.
    pub fn of(container: &Container, sample: S) -> Self {
        Self { block: Arc::clone(&container.labels), labels: Vec::new(), sample }
    }

    /// One of several rows.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.labels.push((name, value.into()));
        self
    }
}
