//! How much disk containers use: measured beside the scrapes, one container at a time, and only while somebody scrapes.

mod filesystem;
mod walk;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agent_core::cli::PathArgs;
use agent_core::docker::bollard::query_parameters::InspectContainerOptionsBuilder;
use agent_core::error::ConfigError;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tracing::debug;

use crate::container::Container;
use crate::store::Store;

pub use filesystem::FileSystem;

/// How long a measurement holds at least: somebody walks through the container's files for each.
const FRESH: Duration = Duration::from_mins(5);
/// One that took long holds so many times as long, up to [`STALE`].
const REST: u32 = 1000;
const STALE: Duration = Duration::from_hours(1);
/// How long the figures of file systems hold.
const FILE_SYSTEMS_FRESH: Duration = Duration::from_mins(1);

/// `--disk-usage`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Not at all.
    Off,
    /// The engine is asked for the size of the writable layer.
    Api,
    /// The writable layer and the log folder are walked through, below `--path.rootfs`; costs the engine nothing.
    #[default]
    Walk,
}

impl Mode {
    /// Reads the flag's value.
    pub fn parse(given: &str) -> Result<Self, ConfigError> {
        match given {
            "off" => Ok(Self::Off),
            "api" => Ok(Self::Api),
            "walk" => Ok(Self::Walk),
            other => {
                Err(ConfigError::new("--disk-usage", other, "is no way to measure", "give off, api or walk"))
            }
        }
    }
}

/// What is known; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct DiskUsage(Arc<Desk>);

#[derive(Debug, Default)]
struct Desk {
    known: Mutex<Known>,
    /// Told at each scrape.
    scraped: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// Bytes, and when they are to be measured anew.
    containers: HashMap<String, (Instant, Option<u64>)>,
    file_systems: Vec<FileSystem>,
}

impl DiskUsage {
    /// Notes that somebody scrapes.
    pub fn scraped(&self) {
        self.0.scraped.notify_one();
    }

    /// Bytes that a container uses, where they were measured.
    pub fn of(&self, id: &str) -> Option<u64> {
        self.lock().containers.get(id)?.1
    }

    /// The file systems of the machine: first the one that containers are on.
    pub fn file_systems(&self) -> Vec<FileSystem> {
        self.lock().file_systems.clone()
    }

    /// Measures whatever is due after each scrape. Never returns.
    pub async fn keep(self, mode: Mode, store: Store, paths: PathArgs) {
        if mode == Mode::Off {
            return;
        }
        let mut looked: Option<(Instant, PathBuf)> = None;
        loop {
            self.0.scraped.notified().await;
            let root = PathBuf::from(store.engine().root.clone());
            if looked.as_ref().is_none_or(|(at, of)| at.elapsed() > FILE_SYSTEMS_FRESH || *of != root) {
                let (paths, folder) = (paths.clone(), root.clone());
                let found = spawn_blocking(move || {
                    filesystem::read_file_systems(&paths.procfs, &paths.rootfs, &folder)
                });
                self.lock().file_systems = found.await.unwrap_or_default();
                looked = Some((Instant::now(), root.clone()));
            }
            let running = store.running();
            self.lock()
                .containers
                .retain(|id, _| running.binary_search_by(|c| c.id.as_str().cmp(id)).is_ok());
            for container in running.iter().filter(|c| self.is_due(&c.id)) {
                let begin = Instant::now();
                let bytes = match mode {
                    Mode::Off => None,
                    Mode::Api => ask(&store, container).await,
                    Mode::Walk => walk(container, &paths, &root).await,
                };
                let due = Instant::now() + rest(begin.elapsed());
                self.lock().containers.insert(container.id.clone(), (due, bytes));
            }
        }
    }

    fn is_due(&self, id: &str) -> bool {
        self.lock().containers.get(id).is_none_or(|(due, _)| *due <= Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(store: &Store, container: &Container) -> Option<u64> {
    let docker = store.engine().docker.clone()?;
    let options = InspectContainerOptionsBuilder::default().size(true).build();
    match docker.inspect_container(&container.id, Some(options)).await {
        Ok(inspect) => inspect.size_rw.and_then(|size| u64::try_from(size).ok()),
        Err(error) => {
            debug!(%error, container.id = container.id, "its size is not known");
            None
        }
    }
}

async fn walk(container: &Arc<Container>, paths: &PathArgs, root: &Path) -> Option<u64> {
    let (container, paths, root) = (Arc::clone(container), paths.clone(), root.to_owned());
    spawn_blocking(move || match walk::read_use(&container, &paths, &root) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            debug!(%error, container.id = container.id, "its files cannot be walked through");
            None
        }
    })
    .await
    .ok()?
}

/// How long a measurement holds that took so long: a container's take at most a thousandth of the time, while one does
/// not take seconds.
fn rest(took: Duration) -> Duration {
    took.saturating_mul(REST).clamp(FRESH, STALE)
}

/// A path of the host where its root is mounted.
fn below(rootfs: &Path, path: &Path) -> PathBuf {
    rootfs.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::LabelRules;
    use agent_core::testing::FakeRoot;

    #[test]
    fn what_takes_long_is_measured_rarely() {
        assert_eq!(rest(Duration::from_micros(50)), FRESH);
        assert_eq!(rest(Duration::from_secs(1)), Duration::from_secs(1000));
        assert_eq!(rest(Duration::from_mins(1)), STALE);
    }

    #[tokio::test]
    async fn a_walked_container_is_measured_once_and_forgotten_with_its_end() {
        let root = FakeRoot::new();
        root.file("rootfs/var/lib/docker/overlay2/x/diff/file", vec![1; 100_000]);
        root.file("rootfs/var/lib/docker/containers/a/a-json.log", vec![1; 50_000]);
        let inspect = serde_json::json!({
            "Id": "a", "State": {"Status": "running"},
            "GraphDriver": {"Name": "overlay2", "Data": {"UpperDir": "/var/lib/docker/overlay2/x/diff"}},
        });
        let container =
            Container::from_inspect(&serde_json::from_value(inspect).unwrap(), &LabelRules::default())
                .unwrap();
        let store = Store::default();
        store.set_engine(crate::store::EngineState {
            root: "/var/lib/docker".to_owned(),
            ..Default::default()
        });
        store.insert(container.clone());
        let paths = PathArgs {
            procfs: root.path().join("proc"),
            sysfs: root.path().join("sys"),
            rootfs: root.path().join("rootfs"),
        };
        let usage = DiskUsage::default();
        let task = tokio::spawn(usage.clone().keep(Mode::Walk, store.clone(), paths));
        assert_eq!(usage.of("a"), None);
        usage.scraped();
        while usage.of("a").is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let bytes = usage.of("a").unwrap();
        assert!((150_000..200_000).contains(&bytes), "{bytes}");
        assert!(!usage.is_due("a"));
        store.remove("a");
        usage.scraped();
        while usage.of("a").is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        task.abort();
    }
}
