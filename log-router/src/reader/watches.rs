//! Is told by the kernel (inotify) of what nobody should look for again and again.
//!
//! - Rotations of logs so small that they could be rotated away between two looks. The folder is watched for files that
//!   come, go and change their names: nothing of this happens as lines are written, so a watch costs nothing until then.
//! - The first write to a log that has been silent. That watch ends with the first event, so it costs a writer one event.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::inotify::{self, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tracing::warn;

use crate::container::Container;

/// Logs that may grow beyond this are not rotated away between two looks: no engine writes that much in half a second.
const LARGE: u64 = 64 * 1024 * 1024;
const BUFFER_BYTES: usize = 4096;

/// The watches of one route.
#[derive(Debug)]
pub(super) struct Watches {
    inotify: Option<AsyncFd<OwnedFd>>,
    /// By watch: the container.
    watched: Mutex<HashMap<i32, Watched>>,
    /// The kernel's limit was told of.
    full: AtomicBool,
}

#[derive(Debug)]
struct Watched {
    id: String,
    /// The kernel ends it with its first event.
    once: bool,
}

impl Watches {
    /// Watches nothing yet. Where the kernel refuses (its limit of instances), the looks alone have to do.
    pub(super) fn new() -> Self {
        #[expect(
            deprecated,
            reason = "the others are unsafe; an OwnedFd keeps its descriptor for as long as it is there"
        )]
        let register = AsyncFd::<OwnedFd>::new;
        let made = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)
            .map_err(std::io::Error::from)
            .and_then(register);
        let inotify = made
            .inspect_err(|error| warn!(%error, "rotations of small logs are seen late: there is no inotify"))
            .ok();
        Self { inotify, watched: Mutex::default(), full: AtomicBool::new(false) }
    }

    /// Whether rotations of a container's log have to be told.
    pub(super) fn is_needed(container: &Container) -> bool {
        container.running
            && container.driver == "json-file"
            && container.log_budget.is_some_and(|budget| budget < LARGE)
    }

    /// Watches a container's folder for rotations.
    pub(super) fn watch_folder(&self, container: &Container) -> Option<i32> {
        let flags = WatchFlags::CREATE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE
            | WatchFlags::ONLYDIR;
        self.watch(container, Path::new(&container.log_path).parent()?, flags)
    }

    /// Watches a container's log for the next write, or for a rotation before it. Only what happens from now on is told.
    pub(super) fn watch_log(&self, container: &Container) -> Option<i32> {
        let flags = WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::MOVE_SELF
            | WatchFlags::DELETE_SELF
            | WatchFlags::ONESHOT;
        self.watch(container, Path::new(&container.log_path), flags)
    }

    fn watch(&self, container: &Container, path: &Path, flags: WatchFlags) -> Option<i32> {
        let inotify = self.inotify.as_ref()?;
        // An event may come before the watch is known.
        let mut watched = self.lock();
        match inotify::add_watch(inotify.as_fd(), path, flags) {
            Ok(watch) => {
                let once = flags.contains(WatchFlags::ONESHOT);
                watched.insert(watch, Watched { id: container.id.clone(), once });
                Some(watch)
            }
            Err(error) => {
                // What was to be watched may be gone already; the limit of watches is another matter.
                if error == Errno::NOSPC && !self.full.swap(true, Ordering::Relaxed) {
                    warn!(container.name, %error, "rotations of small logs may be seen late");
                }
                None
            }
        }
    }

    /// Whether a watch is still to tell something.
    pub(super) fn is_watching(&self, watch: i32) -> bool {
        self.lock().contains_key(&watch)
    }

    /// Ends a watch.
    pub(super) fn unwatch(&self, watch: i32) {
        if self.lock().remove(&watch).is_some()
            && let Some(inotify) = &self.inotify
        {
            // What is gone has taken its watch along.
            let _gone_already = inotify::remove_watch(inotify.as_fd(), watch);
        }
    }

    /// Comes back with the containers of which something was told.
    pub(super) async fn changed(&self) -> Vec<String> {
        let Some(inotify) = &self.inotify else { return std::future::pending().await };
        loop {
            let Ok(mut ready) = inotify.readable().await else { return std::future::pending().await };
            let watches = read(inotify.get_ref());
            ready.clear_ready();
            let mut ids = self.told(&watches);
            ids.sort_unstable();
            ids.dedup();
            if !ids.is_empty() {
                return ids;
            }
        }
    }

    fn told(&self, watches: &[i32]) -> Vec<String> {
        let mut known = self.lock();
        let mut ids = Vec::new();
        for watch in watches {
            if known.get(watch).is_some_and(|watched| watched.once) {
                ids.extend(known.remove(watch).map(|watched| watched.id));
            } else {
                ids.extend(known.get(watch).map(|watched| watched.id.clone()));
            }
        }
        ids
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i32, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All events that wait.
fn read(inotify: &OwnedFd) -> Vec<i32> {
    let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
    let mut reader = inotify::Reader::new(inotify, &mut buffer);
    let mut watches = Vec::new();
    while let Ok(event) = reader.next() {
        watches.push(event.wd());
    }
    watches
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;
    use std::fs;

    #[tokio::test]
    async fn a_rotation_is_told_and_writing_is_not() {
        let root = FakeRoot::new();
        let log = root.file("containers/a/a-json.log", "x");
        let container = Container {
            id: "a".to_owned(),
            running: true,
            driver: "json-file".to_owned(),
            log_budget: Some(1 << 20),
            log_path: log.display().to_string(),
            ..Container::default()
        };
        assert!(Watches::is_needed(&container));
        assert!(!Watches::is_needed(&Container { log_budget: None, ..container.clone() }));
        let watches = Watches::new();
        let watch = watches.watch_folder(&container).unwrap();
        fs::write(&log, "xy").unwrap();
        let nothing = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(nothing, watches.changed()).await.is_err());
        fs::rename(&log, log.with_extension("log.1")).unwrap();
        assert_eq!(watches.changed().await, ["a"]);
        watches.unwatch(watch);
        fs::write(&log, "new").unwrap();
        assert!(tokio::time::timeout(nothing, watches.changed()).await.is_err());
    }

    #[tokio::test]
    async fn the_next_write_or_rotation_is_told_once() {
        let root = FakeRoot::new();
        let log = root.file("containers/a/a-json.log", "x");
        let container =
            Container { id: "a".to_owned(), log_path: log.display().to_string(), ..Container::default() };
        let watches = Watches::new();
        let nothing = std::time::Duration::from_millis(50);
        let happens: [&dyn Fn(); 3] = [
            &|| fs::write(&log, "xy").unwrap(),
            &|| fs::rename(&log, log.with_extension("log.1")).unwrap(),
            &|| fs::remove_file(&log).unwrap(),
        ];
        for happen in happens {
            fs::write(&log, "x").unwrap();
            let watch = watches.watch_log(&container).unwrap();
            assert!(watches.is_watching(watch));
            happen();
            assert_eq!(watches.changed().await, ["a"]);
            assert!(!watches.is_watching(watch));
            fs::write(&log, "xyz").unwrap();
            assert!(tokio::time::timeout(nothing, watches.changed()).await.is_err());
        }
        assert_eq!(watches.watch_log(&Container::default()), None);
    }
}
