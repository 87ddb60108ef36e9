//! Is told by the kernel of rotations, for logs so small that they could be rotated away between two looks.
//!
//! The folder is watched for files that come, go and change their names: nothing of this happens as lines are written,
//! so a watch costs nothing until there is a rotation.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::inotify;
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tracing::warn;

use crate::container::Container;

/// Logs that may grow beyond this are not rotated away between two looks: no engine writes that much in half a second.
const LARGE: u64 = 64 * 1024 * 1024;
const BUFFER_BYTES: usize = 4096;

/// The watches of one route.
#[derive(Debug)]
pub(super) struct Rotations {
    inotify: Option<AsyncFd<OwnedFd>>,
    /// By watch: the container.
    watched: Mutex<HashMap<i32, String>>,
}

impl Rotations {
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
        Self { inotify, watched: Mutex::default() }
    }

    /// Whether a container's log needs it.
    pub(super) fn is_needed(container: &Container) -> bool {
        container.running
            && container.driver == "json-file"
            && container.log_budget.is_some_and(|budget| budget < LARGE)
    }

    /// Watches a container's folder.
    pub(super) fn watch(&self, container: &Container) -> Option<i32> {
        let inotify = self.inotify.as_ref()?;
        let folder = Path::new(&container.log_path).parent()?;
        let flags = inotify::WatchFlags::CREATE
            | inotify::WatchFlags::MOVED_FROM
            | inotify::WatchFlags::MOVED_TO
            | inotify::WatchFlags::DELETE
            | inotify::WatchFlags::ONLYDIR;
        match inotify::add_watch(inotify.as_fd(), folder, flags) {
            Ok(watch) => {
                self.lock().insert(watch, container.id.clone());
                Some(watch)
            }
            Err(error) => {
                // The folder may be gone already; the limit of watches is another matter.
                if error == Errno::NOSPC {
                    warn!(container.name, %error, "rotations of this log are seen late");
                }
                None
            }
        }
    }

    /// Ends a watch.
    pub(super) fn unwatch(&self, watch: i32) {
        self.lock().remove(&watch);
        if let Some(inotify) = &self.inotify {
            // A folder that is gone has taken its watch along.
            let _gone_already = inotify::remove_watch(inotify.as_fd(), watch);
        }
    }

    /// Comes back with the containers whose folders have changed.
    pub(super) async fn changed(&self) -> Vec<String> {
        let Some(inotify) = &self.inotify else { return std::future::pending().await };
        loop {
            let Ok(mut ready) = inotify.readable().await else { return std::future::pending().await };
            let watches = read(inotify.get_ref());
            ready.clear_ready();
            let mut ids: Vec<_> = {
                let known = self.lock();
                watches.iter().filter_map(|watch| known.get(watch).cloned()).collect()
            };
            ids.sort_unstable();
            ids.dedup();
            if !ids.is_empty() {
                return ids;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i32, String>> {
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
        assert!(Rotations::is_needed(&container));
        assert!(!Rotations::is_needed(&Container { log_budget: None, ..container.clone() }));
        let rotations = Rotations::new();
        let watch = rotations.watch(&container).unwrap();
        fs::write(&log, "xy").unwrap();
        let nothing = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(nothing, rotations.changed()).await.is_err());
        fs::rename(&log, log.with_extension("log.1")).unwrap();
        assert_eq!(rotations.changed().await, ["a"]);
        rotations.unwatch(watch);
        fs::write(&log, "new").unwrap();
        assert!(tokio::time::timeout(nothing, rotations.changed()).await.is_err());
    }
}
