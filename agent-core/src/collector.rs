//! The contract of everything that is collected during a scrape.

mod entry;
mod filter;
mod once;
mod pass;
mod set;

use std::path::PathBuf;

use thiserror::Error;

use crate::exposition::Exposition;

pub use entry::Entry;
pub use filter::{Filter, FilterError};
pub use once::once;
pub(crate) use pass::Ticket;
pub(crate) use set::Bench;
pub use set::CollectorSet;

/// One group of metrics with a name that users know, read at scrape time.
///
/// `&mut self` lets a collector keep its buffers; scrapes run one after the other. Whatever was written before an
/// error stays in the answer.
pub trait Collector: Send {
    /// Sets going what can go on by itself while others collect. Called at the start of each scrape that wants this
    /// group; must not wait for anything, and what it set going is fresh only for that scrape.
    fn prepare(&mut self) {}

    /// Reads and writes everything of this group.
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError>;
}

/// Why a collector could not give all it has.
#[derive(Debug, Error)]
pub enum CollectError {
    /// The kernel or the machine does not have the thing; not a fault.
    #[error("not present here: {0}")]
    NoData(String),
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file does not look as it should.
    #[error("{}:{line}: {what}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, counted from one.
        line: usize,
        /// What was expected and what stands there.
        what: String,
    },
    /// Anything else, told in one sentence.
    #[error("{0}")]
    Other(String),
}

impl CollectError {
    /// An I/O error of a file: absent files mean "not present here".
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        let path = path.into();
        if source.kind() == std::io::ErrorKind::NotFound {
            Self::NoData(path.display().to_string())
        } else {
            Self::Io { path, source }
        }
    }

    /// A line that cannot be understood.
    pub fn parse(path: impl Into<PathBuf>, line: usize, what: impl Into<String>) -> Self {
        Self::Parse { path: path.into(), line, what: what.into() }
    }
}
