//! The routes at work: those of the start, and those that `/routes` adds and takes away.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use agent_core::error::ConfigError;
use agent_core::service::Readiness;
use agent_core::shutdown::CancellationToken;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::delivery::SharedPositions;
use crate::inventory::Inventory;
use crate::listen::feed::Feeds;
use crate::meaning::settings::RouteRule;
use crate::metrics::{Metrics, Shown};
use crate::pipeline::Pipeline;
use crate::position::store::{Positions, StateFolder};
use crate::route::Route;
use crate::route::spec::Spec;
use crate::sink::{self, Patience, Sink};
use crate::spool::Spool;

/// A route that is ready to work.
#[derive(Debug)]
pub struct Ready {
    /// As `/routes` shows it.
    pub spec: Spec,
    /// As the router knows it.
    pub route: Route,
    /// What takes its lines.
    pub sink: Box<dyn Sink>,
}

impl Ready {
    /// Checks a route; the error says what is wrong.
    pub fn build(spec: Spec, settings: &sink::Settings) -> Result<Self, String> {
        let spec = spec.with_id();
        if !spec.has_good_id() {
            return Err(format!("id: `{}` is not an ID; give letters, digits, - and _", spec.id));
        }
        let route = Route::parse("route", &spec.uri()).map_err(|error| error.to_string())?;
        Self::of(spec, route, settings).map_err(|error| error.to_string())
    }

    /// Makes the sink.
    pub fn of(spec: Spec, route: Route, settings: &sink::Settings) -> Result<Self, ConfigError> {
        let sink = (route.scheme.build)(&route, settings)?;
        Ok(Self { spec, route, sink })
    }
}

/// What routes are made from.
#[derive(Debug)]
pub struct Parts {
    /// For outputs.
    pub sinks: sink::Settings,
    /// All counters.
    pub metrics: Metrics,
    /// Where positions are kept.
    pub state: Option<StateFolder>,
    /// `--spool.max-bytes`, for each route.
    pub spool_bytes: u64,
    /// The containers of the engine.
    pub containers: watch::Receiver<Arc<Inventory>>,
    /// Told when positions cannot be written.
    pub readiness: Readiness,
    /// The oldest lines that are wanted of an unknown log.
    pub not_before: i64,
    /// Only so many of the last lines are wanted of an unknown log.
    pub last: Option<u64>,
    /// How `multiline+` routes join lines.
    pub joining: Arc<RouteRule>,
    /// Messages that come by the network.
    pub feeds: Feeds,
    /// Ends reading.
    pub shutdown: CancellationToken,
    /// Ends deliveries.
    pub give_up: CancellationToken,
    /// `ROUTESPATH`, where it is a folder.
    pub folder: Option<PathBuf>,
    /// `--compat`: when the process ends.
    pub patience: Option<Patience>,
}

/// All routes.
#[derive(Debug, Clone)]
pub struct Router(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: Parts,
    running: Mutex<BTreeMap<String, Running>>,
    shown: Shown,
}

#[derive(Debug)]
struct Running {
    spec: Spec,
    key: String,
    /// What its metrics are called by.
    name: String,
    stop: CancellationToken,
    give_up: CancellationToken,
    task: JoinHandle<()>,
}

impl Router {
    /// No routes yet.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner { parts, running: Mutex::default(), shown: Shown::default() }))
    }

    /// For the metrics.
    pub fn shown(&self) -> Shown {
        Arc::clone(&self.0.shown)
    }

    /// Starts a route; one with the same ID is ended before. The error says what is wrong with its files.
    pub async fn start(&self, ready: Ready) -> Result<(), String> {
        let mut running = self.0.running.lock().await;
        if let Some(old) = running.remove(&ready.spec.id) {
            self.end(old).await;
        }
        let started = self.run(ready)?;
        running.insert(started.spec.id.clone(), started);
        Ok(())
    }

    fn run(&self, ready: Ready) -> Result<Running, String> {
        let parts = &self.0.parts;
        let Ready { spec, route, sink } = ready;
        let (name, key) = (route.to_string(), route.key());
        let file = parts.state.as_ref().map(|folder| folder.file(&key, "positions.json"));
        let positions =
            SharedPositions::new(Positions::load(file, &name).map_err(|error| error.to_string())?);
        let spool = self.open_spool(&key, &positions)?;
        let multiline = route.multiline.then(|| Arc::clone(&parts.joining));
        let metrics = parts.metrics.route(&name);
        self.0.shown.lock().unwrap_or_else(PoisonError::into_inner).push(metrics.clone());
        let pipeline = Pipeline {
            route,
            sink,
            metrics,
            positions,
            spool,
            readiness: parts.readiness.clone(),
            not_before: parts.not_before,
            last: parts.last,
            multiline,
            feed: Some(parts.feeds.subscribe()),
            patience: parts.patience.clone(),
        };
        let (stop, give_up) = (parts.shutdown.child_token(), parts.give_up.child_token());
        let task = tokio::spawn(pipeline.run(parts.containers.clone(), stop.clone(), give_up.clone()));
        Ok(Running { spec, key, name, stop, give_up, task })
    }

    fn open_spool(&self, key: &str, positions: &SharedPositions) -> Result<Option<Spool>, String> {
        let Parts { state, spool_bytes, .. } = &self.0.parts;
        let Some(state) = state.as_ref().filter(|_| *spool_bytes > 0) else { return Ok(None) };
        let folder = state.file(key, "spool");
        Spool::open(&folder, *spool_bytes, positions.spool()).map(Some).map_err(|error| error.to_string())
    }

    /// Adds a route that somebody asks for and keeps it in `ROUTESPATH`; the route, or what is wrong with it.
    pub async fn add(&self, spec: Spec) -> Result<Spec, String> {
        let ready = Ready::build(spec, &self.0.parts.sinks)?;
        let (spec, key) = (ready.spec.clone(), ready.route.key());
        let running = self.0.running.lock().await;
        if let Some(same) = running.values().find(|other| other.key == key && other.spec.id != spec.id) {
            return Err(format!("this is route {} already", same.spec.id));
        }
        drop(running);
        self.start(ready).await?;
        info!(route = ?spec, "a route was added");
        self.keep(&spec);
        Ok(spec)
    }

    /// Ends a route and forgets it; false where there is none.
    pub async fn remove(&self, id: &str) -> bool {
        let Some(old) = self.0.running.lock().await.remove(id) else { return false };
        if let Some(path) = self.file(&old.spec) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    warn!(path = %path.display(), %error, "a removed route's file is still there");
                }
                _ => {}
            }
        }
        info!(route = ?old.spec, "a route was removed");
        self.end(old).await;
        true
    }

    /// Lines under way are left; the positions say where to go on.
    async fn end(&self, running: Running) {
        running.stop.cancel();
        running.give_up.cancel();
        self.0.shown.lock().unwrap_or_else(PoisonError::into_inner).retain(|m| m.name() != running.name);
        join(running.task).await;
    }

    /// All routes, without passwords.
    pub async fn list(&self) -> Vec<Spec> {
        self.0.running.lock().await.values().map(|running| running.spec.shown()).collect()
    }

    /// One of them.
    pub async fn get(&self, id: &str) -> Option<Spec> {
        Some(self.0.running.lock().await.get(id)?.spec.shown())
    }

    /// Waits for all; whoever calls has cancelled the token for reading.
    pub async fn drain(&self) {
        let running = std::mem::take(&mut *self.0.running.lock().await);
        for running in running.into_values() {
            join(running.task).await;
        }
    }

    fn file(&self, spec: &Spec) -> Option<PathBuf> {
        Some(self.0.parts.folder.as_ref()?.join(format!("{}.json", spec.id)))
    }

    /// A route that cannot be kept works none the less.
    fn keep(&self, spec: &Spec) {
        let Some(path) = self.file(spec) else { return };
        let write = || {
            let unfinished = path.with_extension("unfinished");
            // It may hold a password.
            let mut file =
                fs::File::options().create(true).write(true).truncate(true).mode(0o600).open(&unfinished)?;
            file.write_all(&serde_json::to_vec_pretty(spec)?)?;
            file.sync_data()?;
            fs::rename(&unfinished, &path)
        };
        if let Err(error) = write() {
            warn!(path = %path.display(), %error, "a route is not kept; it is gone after a restart");
        }
    }
}

async fn join(task: JoinHandle<()>) {
    if let Err(error) = task.await {
        warn!(%error, "a route ended with an error");
    }
}
