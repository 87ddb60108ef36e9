//! Lines that a server can never store, kept in a file for people to look at.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::value::RawValue;
use tracing::warn;

use super::event::{Events, write_id};
use crate::record::Line;

/// A file that is full takes no more; the metric goes on counting.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The file of one route.
#[derive(Debug)]
pub(super) struct DeadLetters {
    path: Option<PathBuf>,
    /// It was told that there is something in the file, or that it cannot be written.
    told: bool,
    told_failure: bool,
}

#[derive(Serialize)]
struct Letter<'a> {
    reason: &'a str,
    index: &'a str,
    id: &'a str,
    document: &'a RawValue,
}

impl DeadLetters {
    /// `stem` is the file's path without its ending; without one, lines are only counted.
    pub(super) fn new(stem: Option<PathBuf>) -> Self {
        let path = stem.map(|stem| path_of(&stem));
        Self { path, told: false, told_failure: false }
    }

    /// Appends a line; false where it is not kept.
    pub(super) fn add(&mut self, line: &Line<'_>, reason: &str, events: &Events) -> bool {
        let result = self.path.as_deref().map_or(Ok(()), |path| append(path, line, reason, events));
        let kept = result.is_ok() && self.path.is_some();
        // Told once, and once more when the file takes no more.
        if std::mem::replace(&mut self.told, true)
            && (result.is_ok() || std::mem::replace(&mut self.told_failure, true))
        {
            return kept;
        }
        let file = self.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        match result {
            Ok(()) => warn!(
                container.name = line.container.name,
                reason, file, "the server can never store a line; see dead letters"
            ),
            Err(error) => {
                self.told_failure = true;
                warn!(container.name = line.container.name, reason, file, %error, "a dead letter could not be written");
            }
        }
        kept
    }
}

/// The file of a route.
pub(super) fn path_of(stem: &Path) -> PathBuf {
    let mut path = stem.as_os_str().to_owned();
    path.push(".dead-letters.ndjson");
    PathBuf::from(path)
}

fn append(path: &Path, line: &Line<'_>, reason: &str, events: &Events) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|file| file.len() >= MOST_BYTES) {
        return Err(io::Error::other("the file is full"));
    }
    let text = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).map_err(io::Error::other)
    };
    let document = RawValue::from_string(text(&|out| events.write_document(line, out))?)?;
    let index = text(&|out| events.write_index(line, out))?;
    let id = text(&|out| write_id(line, 0, out))?;
    let mut letter = serde_json::to_vec(&Letter { reason, index: &index, id: &id, document: &document })?;
    letter.push(b'\n');
    File::options().create(true).append(true).open(path)?.write_all(&letter)
}
