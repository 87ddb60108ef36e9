//! Where lines come from: the json-file log where it can be read, else the engine's API.

pub mod api;
pub mod assemble;
pub mod json_file;

use std::io;
use std::path::Path;
use std::sync::Arc;

use agent_core::docker::bollard::Docker;
use tokio::sync::Notify;

use self::api::Api;
use self::assemble::{Tally, Wanted};
use self::json_file::{Buffers, JsonFile};
use crate::container::Container;
use crate::position::Position;
use crate::record::Batch;

/// What a read brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// So many bytes, in the source's own form.
    pub bytes: u64,
    /// The batch is full and there is more.
    pub more: bool,
}

/// Why lines may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Rotated files that were not read to their end are gone.
    Deleted,
    /// The file was cut to nothing before it was read to its end.
    Truncated,
}

impl Gap {
    /// The value of the label `reason`.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Truncated => "truncated",
        }
    }
}

/// What went wrong in a source, or was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Places where lines may be missing.
    pub gaps: Vec<Gap>,
    /// The container was removed before anything of it could be read.
    pub unread: bool,
    /// Records that could not be read.
    pub damaged: u64,
    /// Times of the last line before the gaps and of the first behind them, as far as they are known.
    pub range: (Option<i64>, Option<i64>),
    /// By the assembler.
    pub lines: Tally,
}

impl Tallies {
    /// A gap behind a line of the time `since`.
    fn gap(&mut self, gap: Gap, since: i64) {
        self.range.0 = self.range.0.or((since > 0).then_some(since));
        // One is enough for a report, however often it is seen before the next.
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }
}

/// The source of one container.
#[derive(Debug)]
pub enum Source {
    /// Its files.
    JsonFile(Box<JsonFile>),
    /// The engine.
    Api(Box<Api>),
}

/// Why there is no source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSource {
    /// The container never ran, or the engine does not answer: try again later.
    NotYet,
    /// Its log driver cannot be read.
    Unreadable,
}

impl Source {
    /// Chooses: json-file logs are read directly where the path that the engine names leads to a readable file.
    pub fn open(
        container: &Arc<Container>,
        wanted: &Wanted,
        position: Option<&Position>,
        docker: Option<&Docker>,
        wake: &Arc<Notify>,
    ) -> Result<Self, NoSource> {
        if container.started.is_none() {
            return Err(NoSource::NotYet);
        }
        if container.driver == "json-file" && !container.log_path.is_empty() {
            match JsonFile::open(Path::new(&container.log_path), wanted.clone(), position) {
                Ok(file) => return Ok(Self::JsonFile(Box::new(file))),
                Err(error) => {
                    tracing::debug!(container.name, container.log_path, %error, "the log file cannot be read here");
                }
            }
        }
        if container.driver == "none" {
            return Err(NoSource::Unreadable);
        }
        let docker = docker.ok_or(NoSource::NotYet)?;
        Ok(Self::Api(Box::new(Api::new(
            docker.clone(),
            container,
            wanted.clone(),
            position,
            Arc::clone(wake),
        ))))
    }

    /// The value of the label `source`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::JsonFile(_) => "json-file",
            Self::Api(_) => "api",
        }
    }

    /// Reads what there is, up to `limit` bytes in the batch, and marks how far it came.
    pub fn poll(
        &mut self,
        container: &Arc<Container>,
        buffers: &mut Buffers,
        batch: &mut Batch,
        limit: usize,
    ) -> io::Result<Progress> {
        match self {
            Self::JsonFile(file) => file.poll(container, buffers, batch, limit),
            Self::Api(api) => api.poll(container, batch, limit),
        }
    }

    /// Whether it has turned out that the log driver cannot be read.
    pub fn is_unreadable(&self) -> bool {
        match self {
            Self::JsonFile(_) => false,
            Self::Api(api) => api.is_unreadable(),
        }
    }

    /// Whether there is something to be read that nobody has to look for.
    pub fn has_come(&self) -> bool {
        match self {
            Self::JsonFile(_) => false,
            Self::Api(api) => api.has_come(),
        }
    }

    /// Whether an event in memory is to be passed on after a time.
    pub fn is_waiting(&self) -> bool {
        match self {
            Self::JsonFile(file) => file.is_waiting(),
            Self::Api(api) => !api.is_silent(),
        }
    }

    /// Keeps what is about to vanish, without reading.
    pub fn hold(&mut self) -> io::Result<()> {
        match self {
            Self::JsonFile(file) => file.look(),
            // The engine holds it for us.
            Self::Api(_) => Ok(()),
        }
    }

    /// Whether what is to be read cannot wait: the engine would be held up, or is about to delete it.
    pub fn is_urgent(&self, container: &Container) -> bool {
        match self {
            Self::JsonFile(file) => file.is_urgent(container),
            Self::Api(api) => api.has_come() || api.is_due(),
        }
    }

    /// Bytes not yet read of deleted files that are held open.
    pub fn held_bytes(&self) -> u64 {
        match self {
            Self::JsonFile(file) => file.held_bytes(),
            Self::Api(_) => 0,
        }
    }

    /// Whether more cannot come although nothing is read now: for the end of a container that has gone.
    pub fn is_exhausted(&self) -> bool {
        match self {
            Self::JsonFile(_) => true,
            Self::Api(api) => api.is_exhausted(),
        }
    }

    /// The container has ended and everything is read: passes on what has no newline.
    pub fn finish(&mut self, container: &Arc<Container>, batch: &mut Batch) {
        match self {
            Self::JsonFile(file) => file.finish(container, batch),
            Self::Api(api) => api.finish(container, batch),
        }
    }

    /// Passes on events that wait for lines that may belong to them.
    pub fn flush(&mut self, container: &Arc<Container>, batch: &mut Batch) {
        match self {
            Self::JsonFile(file) => file.flush(container, batch),
            Self::Api(api) => api.flush(container, batch),
        }
    }

    /// What went wrong or was left out since this was asked last.
    pub fn take_tallies(&mut self) -> Tallies {
        match self {
            Self::JsonFile(file) => file.take_tallies(),
            Self::Api(api) => api.take_tallies(),
        }
    }
}
