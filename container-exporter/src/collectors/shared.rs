//! What all collectors work with.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use agent_core::cli::PathArgs;
use agent_core::exposition::LabelBlock;

use super::metric::Detail;
use crate::container::{Container, Network};
use crate::raw_cgroups::{RawCgroups, RawRule};
use crate::source::Source;
use crate::store::{Running, Store};

/// Tells the time; passed in for tests.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// What the command line says of series.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--metrics`.
    pub detail: Detail,
    /// Whether `id="/"` is exported.
    pub root: bool,
    /// Whether processor time is told by CPU, where the source can.
    pub percpu: bool,
    /// `--dead-containers`.
    pub dead: usize,
    /// Which cgroups that are no containers are exported.
    pub raw: RawRule,
    /// How the disk use of containers becomes known.
    pub disk_usage: crate::disk_usage::Mode,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            detail: Detail::Full,
            root: true,
            percpu: false,
            dead: 1,
            raw: RawRule::None,
            disk_usage: crate::disk_usage::Mode::Off,
        }
    }
}

/// The store, the source, the host's files and the clock; cheap to clone.
#[derive(Clone)]
pub struct Shared {
    /// What is known of the containers.
    pub store: Store,
    /// Where the host's kernel files are.
    pub paths: PathArgs,
    /// When the exporter began, in nanoseconds of Unix time.
    pub begun_nanos: i64,
    /// What the command line says of series.
    pub options: Arc<Options>,
    /// What is known of the disk use of containers.
    pub disk: crate::disk_usage::DiskUsage,
    source: Arc<Mutex<Asked>>,
    clock: Clock,
    root: Arc<LabelBlock>,
    docker: Arc<LabelBlock>,
}

struct Asked {
    source: Box<dyn Source>,
    raw: RawCgroups,
}

impl Shared {
    /// `source` is asked by one collector after the other.
    pub fn new(store: Store, source: Box<dyn Source>, paths: PathArgs, clock: Clock) -> Self {
        let block = |id| Arc::new(LabelBlock::new(&[("id", id)]));
        Self {
            begun_nanos: nanos(clock()),
            store,
            options: Arc::default(),
            disk: crate::disk_usage::DiskUsage::default(),
            source: Arc::new(Mutex::new(Asked { source, raw: RawCgroups::new(&paths.sysfs, RawRule::None) })),
            paths,
            clock,
            root: block("/"),
            docker: block("/docker"),
        }
    }

    /// The same with other options than the defaults.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.lock().raw = RawCgroups::new(&self.paths.sysfs, options.raw.clone());
        self.options = Arc::new(options);
        self
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much is exported.
    pub fn detail(&self) -> Detail {
        self.options.detail
    }

    /// Now, in whole seconds of Unix time.
    pub fn now(&self) -> i64 {
        nanos((self.clock)()) / 1_000_000_000
    }

    /// Which source is at work.
    pub fn source_name(&self) -> &'static str {
        self.lock().source.name()
    }

    /// Asks the source for each running container in the order of their IDs, and for other cgroups where they are wanted
    /// and the source has them. Gives the containers.
    pub fn each_running(&self, mut ask: impl FnMut(&mut dyn Source, &Arc<Container>)) -> Running {
        let running = self.store.running();
        let mut asked = self.lock();
        let Asked { source, raw } = &mut *asked;
        let all = if source.name() == "stats" { Arc::clone(&running) } else { raw.before(&running) };
        source.prepare(&all);
        for container in all.iter() {
            ask(source.as_mut(), container);
        }
        running
    }

    /// The same without the other cgroups, and of containers with a network of their own only if `own_network`.
    pub fn each_container(
        &self,
        own_network: bool,
        mut ask: impl FnMut(&mut dyn Source, &Arc<Container>),
    ) -> Running {
        self.each_running(|source, container| {
            if container.is_container() && (!own_network || container.network == Network::Own) {
                ask(source, container);
            }
        })
    }

    /// The containers that are there, for what needs no source. While the engine does not answer nobody tells of their
    /// ends: then only those count that the source still has figures of.
    pub fn present(&self) -> Vec<Arc<Container>> {
        if self.store.engine().connected {
            return self.store.running().to_vec();
        }
        let mut present = Vec::new();
        self.each_container(false, |source, container| {
            if source.cpu(container).is_some() {
                present.push(Arc::clone(container));
            }
        });
        present
    }

    /// A row of the machine, `id="/"`, where it is wanted.
    pub fn root_row<S>(&self, sample: S) -> Option<Row<S>> {
        let row = Row { block: Arc::clone(&self.root), labels: Vec::new(), sample };
        self.options.root.then_some(row)
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
