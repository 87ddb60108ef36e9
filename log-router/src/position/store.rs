//! Positions on disk: one small JSON file for each route in `--state.path`, written as a whole and put in place by a
//! rename, so that it is always either the old one or the new one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Position;
use crate::spool::Cursor;

/// The form of the files; a file of another form is refused, never guessed at.
const FORMAT: u32 = 2;
/// Without `spool`; still read.
const FORMAT_WITHOUT_SPOOL: u32 = 1;

/// Why positions cannot be kept.
#[derive(Debug, Error)]
pub enum StateError {
    /// The folder or a file in it cannot be used.
    #[error("{}: {source}; give a folder that can be written to by --state.path, or --state.path=none to begin anew at each start", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Two routers would overwrite each other's positions.
    #[error("{}: another log-router uses this folder; give each its own --state.path", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// Not what we wrote.
    #[error("{}: is damaged ({problem}); move it away to begin anew by --start", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Written by another version.
    #[error("{}: has format {format}, this log-router knows {FORMAT}; run the version that wrote it or move the file away to begin anew by --start", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
}

/// The folder of all positions, locked against a second router.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    /// Holds the lock as long as it is open.
    _lock: File,
}

impl StateFolder {
    /// Makes the folder where it is missing and locks it.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let failed = |source| StateError::Io { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(failed)?;
        let lock =
            File::options().create(true).append(true).mode(0o600).open(path.join("lock")).map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(StateError::Locked { path: path.to_owned() }),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// The file of a route, by a name that holds for as long as the route means the same.
    pub fn file(&self, route_key: &str, extension: &str) -> PathBuf {
        self.path.join(format!("{route_key}.{extension}"))
    }
}

/// The content of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    format: u32,
    /// For people who look into the file.
    route: String,
    containers: BTreeMap<String, Position>,
    /// Everything in the spool before this is delivered.
    #[serde(default)]
    spool: Cursor,
}

/// Only the format, to tell a file of another version from a damaged one.
#[derive(Debug, Deserialize)]
struct Form {
    format: u32,
}

/// The positions of one route.
#[derive(Debug)]
pub struct Positions {
    /// `None`: kept in memory only.
    file: Option<PathBuf>,
    route: String,
    containers: BTreeMap<String, Position>,
    spool: Cursor,
    changed: bool,
}

impl Positions {
    /// Reads a route's file; one that is not there yet has no positions. Without a file nothing is kept.
    pub fn load(file: Option<PathBuf>, route: &str) -> Result<Self, StateError> {
        let (containers, spool) = match &file {
            Some(path) => read(path)?,
            None => Default::default(),
        };
        Ok(Self { file, route: route.to_owned(), containers, spool, changed: false })
    }

    /// Where a container is.
    pub fn get(&self, id: &str) -> Option<&Position> {
        self.containers.get(id)
    }

    /// All containers with a position.
    pub fn containers(&self) -> impl Iterator<Item = &str> {
        self.containers.keys().map(String::as_str)
    }

    /// Notes a container's new place.
    pub fn set(&mut self, id: &str, position: &Position) {
        if self.containers.get(id) != Some(position) {
            self.containers.insert(id.to_owned(), position.clone());
            self.changed = true;
        }
    }

    /// Forgets a container.
    pub fn remove(&mut self, id: &str) {
        self.changed |= self.containers.remove(id).is_some();
    }

    /// Up to where the spool is delivered.
    pub fn spool(&self) -> Cursor {
        self.spool
    }

    /// Notes up to where the spool is delivered.
    pub fn set_spool(&mut self, delivered: Cursor) {
        self.changed |= self.spool != delivered;
        self.spool = delivered;
    }

    /// What is to be written, where anything changed since this was asked last.
    pub fn take_changes(&mut self) -> Option<Snapshot> {
        let path = self.file.clone().filter(|_| self.changed)?;
        self.changed = false;
        let content = Content {
            format: FORMAT,
            route: self.route.clone(),
            containers: self.containers.clone(),
            spool: self.spool,
        };
        Some(Snapshot { path, content })
    }

    /// After a failed write: the changes are still to be written.
    pub fn keep_changes(&mut self) {
        self.changed = true;
    }
}

/// Positions on their way to the disk.
#[derive(Debug)]
pub struct Snapshot {
    path: PathBuf,
    content: Content,
}

impl Snapshot {
    /// Writes the file; blocks until the disk has it. Gives up to where the spool is delivered.
    pub fn write(&self) -> Result<Cursor, StateError> {
        let failed = |source| StateError::Io { path: self.path.clone(), source };
        let text = serde_json::to_vec(&self.content).map_err(|error| failed(error.into()))?;
        let unfinished = self.path.with_extension("unfinished");
        let mut file = File::options()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)
            .map_err(failed)?;
        file.write_all(&text).and_then(|()| file.sync_data()).map_err(failed)?;
        fs::rename(&unfinished, &self.path).map_err(failed)?;
        Ok(self.content.spool)
    }
}

fn read(path: &Path) -> Result<(BTreeMap<String, Position>, Cursor), StateError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
        Err(source) => return Err(StateError::Io { path: path.to_owned(), source }),
    };
    let damaged =
        |error: serde_json::Error| StateError::Damaged { path: path.to_owned(), problem: error.to_string() };
    let form: Form = serde_json::from_slice(&text).map_err(damaged)?;
    if ![FORMAT_WITHOUT_SPOOL, FORMAT].contains(&form.format) {
        return Err(StateError::Format { path: path.to_owned(), format: form.format });
    }
    let content: Content = serde_json::from_slice(&text).map_err(damaged)?;
    Ok((content.containers, content.spool))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::StreamPosition;
    use crate::record::PerStream;
    use agent_core::testing::FakeRoot;

    fn position(offset: u64) -> Position {
        let stream = StreamPosition { offset, time: 5, count: 1 };
        Position {
            file: None,
            time: 5,
            streams: PerStream { stdout: stream, stderr: StreamPosition::default() },
        }
    }

    #[test]
    fn positions_come_back() {
        let root = FakeRoot::new();
        let file = root.path().join("r.json");
        let mut positions = Positions::load(Some(file.clone()), "r").unwrap();
        assert!(positions.take_changes().is_none());
        positions.set("a", &position(1));
        positions.set("b", &position(2));
        positions.take_changes().unwrap().write().unwrap();
        positions.set("a", &position(1));
        assert!(positions.take_changes().is_none(), "the same place is no change");
        positions.remove("b");
        positions.take_changes().unwrap().write().unwrap();
        let positions = Positions::load(Some(file), "r").unwrap();
        assert_eq!(positions.get("a"), Some(&position(1)));
        assert_eq!(positions.containers().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn a_crash_while_writing_leaves_the_old_positions() {
        let root = FakeRoot::new();
        let file = root.path().join("r.json");
        let mut positions = Positions::load(Some(file.clone()), "r").unwrap();
        positions.set("a", &position(1));
        positions.take_changes().unwrap().write().unwrap();
        root.file("r.unfinished", "{\"format\":1,\"route\":\"r\",\"contai");
        assert_eq!(Positions::load(Some(file), "r").unwrap().get("a"), Some(&position(1)));
    }

    #[test]
    fn damaged_and_foreign_files_are_refused_by_name() {
        let root = FakeRoot::new();
        for (content, expected) in [
            ("{\"format\":1,\"route\":\"r\",\"containers\":{\"a\":", "is damaged"),
            ("\0\0\0\0", "is damaged"),
            ("", "is damaged"),
            ("{\"format\":3,\"shards\":[]}", "has format 3, this log-router knows 2"),
        ] {
            let file = root.file("r.json", content);
            let error = Positions::load(Some(file.clone()), "r").unwrap_err().to_string();
            assert!(error.starts_with(&file.display().to_string()) && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_form_without_a_spool_is_still_read() {
        let root = FakeRoot::new();
        let file = root.file(
            "r.json",
            r#"{"format":1,"route":"r","containers":{"a":{"time":5,"streams":{"stdout":{"offset":1,"time":5,"count":1},"stderr":{"offset":0,"time":0,"count":0}}}}}"#,
        );
        let mut positions = Positions::load(Some(file.clone()), "r").unwrap();
        assert_eq!(positions.get("a"), Some(&position(1)));
        let delivered = Cursor { segment: 3, offset: 19 };
        positions.set_spool(delivered);
        assert_eq!(positions.take_changes().unwrap().write().unwrap(), delivered);
        assert_eq!(Positions::load(Some(file), "r").unwrap().spool(), delivered);
    }

    #[test]
    fn a_second_router_is_told_so() {
        let root = FakeRoot::new();
        let first = StateFolder::open(root.path()).unwrap();
        let error = StateFolder::open(root.path()).unwrap_err();
        assert!(matches!(error, StateError::Locked { .. }), "{error}");
        drop(first);
        StateFolder::open(root.path()).unwrap();
    }

    #[test]
    fn an_unusable_folder_is_told_with_the_way_out() {
        let error = StateFolder::open(Path::new("/proc/nowhere")).unwrap_err().to_string();
        assert!(error.contains("/proc/nowhere") && error.contains("--state.path=none"), "{error}");
    }
}
